"""Gradients of tokens against finite differences of a model that has a word more."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from regard.inspection.measures.gradients import token_gradients
from regard.interfaces import EOS, PAD, Tokens
from regard.models import (
    ConvolutionalClassifier,
    HierarchicalClassifier,
    NgramClassifier,
    RecurrentClassifier,
    TransformerClassifier,
)
from regard.nn.ngrams import Ngrams

VOCAB = 9
IDS = [5, 6, 5, 8]
MODELS: dict[str, Callable[[], nn.Module]] = {
    "recurrent": lambda: RecurrentClassifier(vocab=VOCAB, num_outputs=3, embed_dim=4, hidden_dim=3),
    "convolutional": lambda: ConvolutionalClassifier(vocab=VOCAB, num_outputs=3, embed_dim=4),
    "hierarchical": lambda: HierarchicalClassifier(
        vocab=VOCAB, num_outputs=3, embed_dim=4, hidden_dim=3
    ),
    "transformer": lambda: TransformerClassifier(
        vocab=VOCAB, num_outputs=3, embed_dim=4, num_layers=1, num_heads=2, pooling="first"
    ),
}


def of_second_class(logits: Tensor) -> Tensor:
    return logits[0].log_softmax(-1)[1]


def with_own_word(model: nn.Module, ids: list[int], at: int, moved: Tensor) -> float:
    """Return the output where one token is a word of its own, whose embedding is moved."""
    other = copy.deepcopy(model)
    assert isinstance(other.embedding, nn.Embedding)
    weight = other.embedding.weight.detach()
    own = weight[ids[at]] + moved
    other.embedding = nn.Embedding(VOCAB + 1, 4, padding_idx=PAD).double()
    other.embedding.weight = nn.Parameter(torch.cat([weight, own[None]]))
    changed = [VOCAB if place == at else id_ for place, id_ in enumerate(ids)]
    with torch.no_grad():
        return float(
            of_second_class(other(Tokens(torch.tensor([changed]), torch.tensor([len(ids)]))))
        )


@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_those_of_each_token_by_itself(name: str) -> None:
    model = MODELS[name]().double().eval()
    ids = [5, 6, EOS, 5, 8, EOS] if name == "hierarchical" else IDS
    found = token_gradients(model, ids, of_second_class)
    assert found is not None
    assert isinstance(model.embedding, nn.Embedding)
    step = 1e-5
    for at, id_ in enumerate(ids):
        if id_ == EOS:
            continue
        directions = [*torch.eye(4).double(), model.embedding.weight[id_].detach()]
        *axes, along = (
            (with_own_word(model, ids, at, step * d) - with_own_word(model, ids, at, -step * d))
            / (2 * step)
            for d in directions
        )
        assert found.norm[at].item() == pytest.approx(torch.tensor(axes).norm().item(), rel=1e-3)
        assert found.of_input[at].item() == pytest.approx(abs(along), rel=1e-3, abs=1e-7)


def test_the_ends_of_sentences_have_no_gradient() -> None:
    found = token_gradients(MODELS["hierarchical"](), [5, 6, EOS], of_second_class)
    assert found is not None
    assert found.norm[2].item() == 0
    assert found.norm[0].item() > 0


@pytest.mark.parametrize("name", MODELS)
def test_the_model_stays_as_it_is(name: str) -> None:
    model = MODELS[name]().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    token_gradients(model, IDS, of_second_class)
    assert model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(part.grad is None for part in model.parameters())


def test_it_is_the_same_where_nothing_else_has_gradients() -> None:
    model = MODELS["recurrent"]()
    expected = token_gradients(model, IDS, of_second_class)
    with torch.no_grad():
        found = token_gradients(model, IDS, of_second_class)
    assert found is not None
    assert expected is not None
    assert found.norm.tolist() == expected.norm.tolist()


def test_a_model_without_embeddings_has_none() -> None:
    model = NgramClassifier(Ngrams(VOCAB), num_outputs=1)
    assert token_gradients(model, IDS, lambda logits: logits.sum()) is None


class Tied(nn.Module):
    """Predicts words with the embeddings that it reads them by."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 4)
        self.output = nn.Linear(4, VOCAB, bias=False)
        self.output.weight = self.embedding.weight

    def forward(self, text: Tokens) -> Tensor:
        found: Tensor = self.output(self.embedding(text.ids).sum(1).tanh())
        return found


def test_embeddings_that_also_predict_are_left_to_predict() -> None:
    model = Tied().double()
    found = token_gradients(model, IDS, of_second_class)
    embedded = model.embedding(torch.tensor(IDS)).detach().requires_grad_()
    logits = model.output(embedded.sum(0).tanh())
    [gradient] = torch.autograd.grad(of_second_class(logits[None]), embedded)
    assert found is not None
    torch.testing.assert_close(found.norm, gradient.norm(dim=1).float(), rtol=1e-5, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("name", MODELS)
def test_gradients_on_a_gpu_are_those_on_a_cpu(name: str) -> None:
    model = MODELS[name]()
    expected = token_gradients(model, IDS, of_second_class)
    found = token_gradients(model.cuda(), IDS, of_second_class)
    assert found is not None
    assert expected is not None
    torch.testing.assert_close(found.norm, expected.norm, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(found.of_input, expected.of_input, rtol=1e-3, atol=1e-6)
