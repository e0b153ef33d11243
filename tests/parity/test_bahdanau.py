"""The recurrent translator is the widely taught model: its equations, written out step by step."""

import torch
from torch import Tensor, nn

from regard.interfaces import PAD, Tokens
from regard.models import RecurrentTranslator
from regard.nn import AdditiveScore, Attention, BahdanauDecoder, RecurrentLayers
from tests.drawing import VOCAB, sentences

EMBED, HIDDEN = 5, 6
CONTEXT = 2 * HIDDEN


class Taught(nn.Module):
    """Bahdanau's model as tutorials write it: one sentence, one step and one energy at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(VOCAB, EMBED, padding_idx=PAD)
        self.target_embedding = nn.Embedding(VOCAB, EMBED, padding_idx=PAD)
        self.encoder = nn.GRU(EMBED, HIDDEN, bidirectional=True, batch_first=True)
        self.initial = nn.Linear(CONTEXT, HIDDEN)
        self.attend = nn.Linear(HIDDEN + CONTEXT, HIDDEN)
        self.energy = nn.Linear(HIDDEN, 1, bias=False)
        self.decoder = nn.GRU(EMBED + CONTEXT, HIDDEN, batch_first=True)
        self.output = nn.Linear(HIDDEN + CONTEXT + EMBED, VOCAB)

    def translate(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the logits of one sentence: its source and target ids, without padding."""
        annotations, final = self.encoder(self.source_embedding(source).unsqueeze(0))
        annotations = annotations.squeeze(0)
        state = torch.tanh(self.initial(torch.cat([final[0, 0], final[1, 0]])))
        logits = []
        for token in target:
            energies = [
                self.energy(torch.tanh(self.attend(torch.cat([state, annotation]))))
                for annotation in annotations
            ]
            alpha = torch.cat(energies).softmax(dim=0)
            context = sum(a * annotation for a, annotation in zip(alpha, annotations, strict=True))
            embedded = self.target_embedding(token)
            _, new_state = self.decoder(
                torch.cat([embedded, context]).view(1, 1, -1), state.view(1, 1, -1)
            )
            state = new_state.flatten()
            logits.append(self.output(torch.cat([state, context, embedded])))
        return torch.stack(logits)


def transplanted(taught: Taught) -> RecurrentTranslator:
    """Return ours with the weights of the taught model."""
    encoder = RecurrentLayers(EMBED, HIDDEN, two_biases=True)
    decoder = BahdanauDecoder(
        Attention(AdditiveScore(HIDDEN, CONTEXT, HIDDEN)),
        embed_dim=EMBED,
        context_dim=CONTEXT,
        hidden_dim=HIDDEN,
    )
    ours = RecurrentTranslator(
        source_vocab=VOCAB,
        target_vocab=VOCAB,
        embed_dim=EMBED,
        encoder=encoder,
        decoder=decoder,
    )
    # Ours cuts the two concatenations into the parts that are known at different times.
    of_state, of_annotation = taught.attend.weight.split([HIDDEN, CONTEXT], dim=1)
    of_embedding, of_context = taught.decoder.weight_ih_l0.split([EMBED, CONTEXT], dim=1)
    weights = {
        "source_embedding.weight": taught.source_embedding.weight,
        "target_embedding.weight": taught.target_embedding.weight,
        "decoder.initial.weight": taught.initial.weight,
        "decoder.initial.bias": taught.initial.bias,
        "decoder.attention.score.query.weight": of_state,
        "decoder.attention.score.key.weight": of_annotation,
        "decoder.attention.score.key.bias": taught.attend.bias,
        "decoder.attention.score.energy": taught.energy.weight.squeeze(0),
        "decoder.steps.gates_of_embedding.weight": of_embedding,
        "decoder.steps.gates_of_embedding.bias": taught.decoder.bias_ih_l0,
        "decoder.steps.gates_of_other.weight": of_context,
        "decoder.steps.gates_of_state.0.weight": taught.decoder.weight_hh_l0,
        "decoder.steps.gates_of_state.0.bias": taught.decoder.bias_hh_l0,
        "output.weight": taught.output.weight,
        "output.bias": taught.output.bias,
    }
    recurrence = {
        f"encoder.layers.0.recurrence.{name}": weight
        for name, weight in taught.encoder.state_dict().items()
    }
    ours.load_state_dict(weights | recurrence)
    return ours.double()


SOURCE, TARGET = sentences([5, 2, 4]), sentences([3, 4, 1], seed=1)


def test_logits_are_those_of_the_taught_model() -> None:
    taught = Taught()
    logits = transplanted(taught)(SOURCE, TARGET)
    taught.double()
    for row, (source_len, target_len) in enumerate(
        zip(SOURCE.lengths, TARGET.lengths, strict=True)
    ):
        wanted = taught.translate(SOURCE.ids[row, :source_len], TARGET.ids[row, :target_len])
        torch.testing.assert_close(logits[row, :target_len], wanted, rtol=1e-9, atol=1e-10)


def test_gradients_are_those_of_the_taught_model() -> None:
    taught = Taught()
    ours = transplanted(taught)
    taught.double()
    one = Tokens(SOURCE.ids[:1], SOURCE.lengths[:1]), Tokens(TARGET.ids[:1], TARGET.lengths[:1])
    target_len = int(TARGET.lengths[0])
    ours(*one)[:, :target_len].square().sum().backward()
    taught.translate(SOURCE.ids[0], TARGET.ids[0, :target_len]).square().sum().backward()
    score = ours.decoder.attention.score
    pairs = [
        (ours.source_embedding.weight, taught.source_embedding.weight.grad),
        (ours.target_embedding.weight, taught.target_embedding.weight.grad),
        (ours.decoder.initial.weight, taught.initial.weight.grad),
        (score.query.weight, taught.attend.weight.grad[:, :HIDDEN]),
        (score.key.weight, taught.attend.weight.grad[:, HIDDEN:]),
        (score.energy, taught.energy.weight.grad.squeeze(0)),
        (ours.decoder.steps.gates_of_embedding.weight, taught.decoder.weight_ih_l0.grad[:, :EMBED]),
        (ours.decoder.steps.gates_of_other.weight, taught.decoder.weight_ih_l0.grad[:, EMBED:]),
        (ours.decoder.steps.gates_of_state[0].weight, taught.decoder.weight_hh_l0.grad),
        (ours.output.weight, taught.output.weight.grad),
    ]
    for parameter, wanted in pairs:
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-8, atol=1e-9)


def test_published_number_of_parameters() -> None:
    with torch.device("meta"):
        model = RecurrentTranslator(source_vocab=7853, target_vocab=5893)
    assert sum(parameter.numel() for parameter in model.parameters()) == 20_518_405
