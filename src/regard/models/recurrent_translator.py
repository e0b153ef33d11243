"""Neural machine translation by jointly learning to align and translate.

A bidirectional recurrent encoder reads the source; a recurrent decoder writes the target, and looks
back at the source through attention before each word. Bahdanau, Cho & Bengio 2015, in the widely
taught form with GRUs; the numbers in brackets below are sections of its appendix.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional import masks
from regard.interfaces import PAD, DecoderAttention, Memory, Tokens
from regard.nn.attention import Attention
from regard.nn.recurrent import RecurrentEncoder, gru_step, lstm_step
from regard.nn.scores import AdditiveScore

__all__ = ["RecurrentState", "RecurrentTranslator"]


class RecurrentState(NamedTuple):
    """Where the decoder stands: its recurrent state, what it reads from, and what it asked last."""

    recurrent: tuple[Float[Tensor, "batch hidden"], ...]
    memory: Memory
    asked: tuple[Float[Tensor, "batch 1 hidden"], Memory]
    """The last query, and the memory as it was then."""


class RecurrentTranslator(nn.Module):
    """Translate with a recurrent encoder and an attentive recurrent decoder.

    Args:
        source_vocab, target_vocab: sizes of the vocabularies.
        embed_dim: width of the word embeddings on either side.
        hidden_dim: width of the decoder.
        encoder_dim: width of the encoder in each direction; `hidden_dim` if not given.
        cell: the recurrence on either side.
        num_layers: depth of the encoder.
        attention: of the decoder state (`hidden_dim`) to the encoder states (`2 * encoder_dim`);
            over all of them, by an additive score with `hidden_dim` hidden units, if not given.
        readout_dim: width of a tanh layer before the vocabulary (Bahdanau's deep output); None
            predicts from state, context and embedding directly.
        tied: predict with the target embeddings (Press & Wolf 2017); readout_dim must be embed_dim.
        dropout: on embeddings and, where there is one, on the readout.

    Source: Bahdanau et al. 2015, section 3 and appendix A.
    Differs: s_0 sees the final encoder states of both directions, and the output is linear in
    state, context and embedding (no maxout), as tutorials made common. With vocabularies of 7,853
    and 5,893 words, embed_dim 256 and hidden_dim 512 there are 20,518,405 parameters.

    Raises:
        ValueError: `tied` without `readout_dim == embed_dim`.
    """

    def __init__(
        self,
        *,
        source_vocab: int,
        target_vocab: int,
        embed_dim: int = 256,
        hidden_dim: int = 512,
        encoder_dim: int | None = None,
        cell: Literal["gru", "lstm"] = "gru",
        num_layers: int = 1,
        attention: DecoderAttention | None = None,
        readout_dim: int | None = None,
        tied: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if tied and readout_dim != embed_dim:
            raise ValueError(
                "tied output embeddings need readout_dim equal to embed_dim; "
                f"got readout_dim={readout_dim} and embed_dim={embed_dim}"
            )
        num_gates, num_states = {"gru": (3, 1), "lstm": (4, 2)}[cell]
        self.cell = cell
        self.dropout = nn.Dropout(dropout)

        self.source_embedding = nn.Embedding(source_vocab, embed_dim, padding_idx=PAD)
        recurrence = {"gru": nn.GRU, "lstm": nn.LSTM}[cell](
            embed_dim,
            hidden_dim if encoder_dim is None else encoder_dim,
            num_layers=num_layers,
            bidirectional=True,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
        )
        self.encoder = RecurrentEncoder(recurrence)
        context_dim = self.encoder.output_dim
        self.initial = nn.Linear(context_dim, num_states * hidden_dim)

        self.target_embedding = nn.Embedding(target_vocab, embed_dim, padding_idx=PAD)
        if attention is None:
            attention = Attention(AdditiveScore(hidden_dim, context_dim, hidden_dim))
        self.attention = attention
        # The gates see embedding, context and state: three maps, since the first of them does not
        # wait for the previous step. The second could be applied to the memory once per sentence,
        # but reading gates, which are wider than a context, costs as much again as that saves.
        self.gates_of_embedding = nn.Linear(embed_dim, num_gates * hidden_dim)
        self.gates_of_context = nn.Linear(context_dim, num_gates * hidden_dim, bias=False)
        self.gates_of_state = nn.Linear(hidden_dim, num_gates * hidden_dim)

        features_dim = hidden_dim + context_dim + embed_dim
        self.readout: nn.Module = nn.Identity()
        if readout_dim is not None:
            self.readout = nn.Sequential(
                nn.Linear(features_dim, readout_dim), nn.Tanh(), nn.Dropout(dropout)
            )
            features_dim = readout_dim
        self.output = nn.Linear(features_dim, target_vocab)
        if tied:
            # At the scale of an output layer: embeddings are drawn far wider, too wide for logits.
            nn.init.normal_(self.target_embedding.weight, std=embed_dim**-0.5)
            self.output.weight = self.target_embedding.weight

    def encode(self, source: Tokens) -> tuple[Memory, tuple[Tensor, ...]]:
        """Read the sources: what the decoder attends over, and the state it starts from (A.2.1)."""
        embedded = self.dropout(self.source_embedding(source.ids))
        states, final = self.encoder(embedded, source.lengths)
        mask = masks.padding(source.lengths.to(states.device), states.shape[1])
        memory = self.attention.memory(states, states, mask)
        initial = torch.tanh(self.initial(final))
        return memory, initial.chunk(2 if self.cell == "lstm" else 1, dim=-1)

    def features(self, source: Tokens, target: Tokens) -> Float[Tensor, "batch target features"]:
        """Return what each target position predicts the next token from, given the ones before."""
        memory, recurrent = self.encode(source)
        embedded = self.dropout(self.target_embedding(target.ids))
        states, contexts = [], []
        # Unbound, not indexed: the gradient of an index is a tensor of zeros for every step.
        for gates in self.gates_of_embedding(embedded).unbind(dim=1):
            query = recurrent[0].unsqueeze(1)
            context, memory = self.attention.read(query, memory)
            recurrent = self._update(gates, context.squeeze(1), recurrent)
            states.append(recurrent[0])
            contexts.append(context.squeeze(1))
        if not states:
            return memory.value.new_zeros(len(target.ids), 0, self.output.in_features)
        seen = [torch.stack(states, dim=1), torch.stack(contexts, dim=1), embedded]
        features: Tensor = self.readout(torch.cat(seen, dim=-1))
        return features

    def predict(
        self, features: Float[Tensor, "*batch features"]
    ) -> Float[Tensor, "*batch target_vocab"]:
        """Return the logits of the next token."""
        logits: Tensor = self.output(features)
        return logits

    def forward(self, source: Tokens, target: Tokens) -> Float[Tensor, "batch target target_vocab"]:
        """Return the logits of each next target token, given the tokens before it."""
        return self.predict(self.features(source, target))

    def start(self, source: Tokens) -> RecurrentState:
        """Read the sources; the state before the first token."""
        memory, recurrent = self.encode(source)
        return RecurrentState(recurrent, memory, (recurrent[0].unsqueeze(1), memory))

    def step(
        self, state: RecurrentState, token: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch target_vocab"], RecurrentState]:
        """Read the last token of every row; log-probabilities of the next, and the new state."""
        query = state.recurrent[0].unsqueeze(1)
        embedded = self.dropout(self.target_embedding(token))
        found, memory = self.attention.read(query, state.memory)
        context = found.squeeze(1)
        recurrent = self._update(self.gates_of_embedding(embedded), context, state.recurrent)
        features = self.readout(torch.cat([recurrent[0], context, embedded], dim=-1))
        log_probs = self.predict(features).float().log_softmax(dim=-1)
        return log_probs, RecurrentState(recurrent, memory, (query, state.memory))

    def reorder(self, state: RecurrentState, index: Int[Tensor, " rows"]) -> RecurrentState:
        """Return the state whose row i is row `index[i]`."""
        memory = state.memory.rows(index)
        recurrent = tuple(part[index] for part in state.recurrent)
        query, then = state.asked
        # All else is the same then and now: keys and values are taken once.
        before = None if then.before is None else then.before[index]
        return RecurrentState(recurrent, memory, (query[index], memory._replace(before=before)))

    def alignment(self, state: RecurrentState) -> Float[Tensor, "batch source"]:
        """Return where each row looked in its last step."""
        return self.attention.weights(*state.asked).squeeze(1).float()

    def _update(
        self,
        gates_of_embedding: Float[Tensor, "batch gates"],
        context: Float[Tensor, "batch context_dim"],
        recurrent: tuple[Float[Tensor, "batch hidden"], ...],
    ) -> tuple[Float[Tensor, "batch hidden"], ...]:
        """Take one recurrent step from the last token, the context and the state (A.2.2)."""
        from_input = gates_of_embedding + self.gates_of_context(context)
        from_state = self.gates_of_state(recurrent[0])
        if self.cell == "lstm":
            return lstm_step(from_input, from_state, recurrent[1])
        return (gru_step(from_input, from_state, recurrent[0]),)
