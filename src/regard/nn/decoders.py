"""Recurrent decoders that attend: Bahdanau's looks and then steps, Luong's steps and then looks."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.interfaces import DecoderAttention, Memory
from regard.nn.cells import gru_step, lstm_step
from regard.nn.dropout import Dropout
from regard.nn.readouts import MaxoutReadout, TanhReadout
from regard.nn.sharing import SharedMemory

__all__ = [
    "BahdanauDecoder",
    "DecoderState",
    "LuongDecoder",
    "Reading",
    "RecurrentDecoder",
    "RecurrentSteps",
]


class DecoderState(NamedTuple):
    """Where a decoder stands, a row per sequence."""

    recurrent: tuple[Float[Tensor, "batch hidden"], ...]
    """Of every layer its state and, of an LSTM, its cell."""
    memory: SharedMemory
    asked: tuple[Float[Tensor, "batch 1 hidden"], SharedMemory]
    """The last query, and the memory as it was then."""
    fed: Float[Tensor, "batch fed"] | None = None
    """What the last step hands to the next, where a decoder feeds it."""

    def rows(self, index: Int[Tensor, " rows"]) -> "DecoderState":
        """Return the state whose row i is row `index[i]`."""
        shared = self.memory.reordered(index)
        query, then = self.asked
        # All else is the same then and now.
        before = None if then.memory.before is None else then.memory.before[index]
        asked = shared._replace(memory=shared.memory._replace(before=before))
        return DecoderState(
            tuple(part[index] for part in self.recurrent),
            shared,
            (query[index], asked),
            None if self.fed is None else self.fed[index],
        )


class Reading(NamedTuple):
    """What a step has looked for and found, and where it stands then; stacked, that of all steps.

    `features` are what the next word is predicted from, where the step had to know them itself.
    """

    query: Float[Tensor, "*batch hidden"]
    hidden: Float[Tensor, "*batch hidden"]
    context: Float[Tensor, "*batch context"]
    features: Float[Tensor, "*batch features"] | None = None

    @classmethod
    def stack(cls, readings: Sequence["Reading"]) -> "Reading":
        """Put the steps side by side, on an axis behind the rows."""
        *known, features = zip(*readings, strict=True)
        query, hidden, context = (torch.stack(part, dim=1) for part in known)
        return cls(
            query, hidden, context, None if features[0] is None else torch.stack(features, dim=1)
        )

    def at(self, where: Bool[Tensor, "..."] | tuple[slice, ...]) -> "Reading":
        """Return those of some positions."""
        features = None if self.features is None else self.features[where]
        return Reading(self.query[where], self.hidden[where], self.context[where], features)


class RecurrentSteps(nn.Module):
    """Layers of a GRU or LSTM that go one step at a time, so that one can look in between.

    Args:
        embed_dim: width of the words they read.
        other_dim: width of what else the lowest of them reads.
        residual: hand on, from the second layer on, its state and what it read (Wu et al. 2016).
        dropout: between the layers.

    Source: Cho et al. 2014 (GRU); Hochreiter & Schmidhuber 1997 (LSTM).
    """

    def __init__(
        self,
        embed_dim: int,
        other_dim: int,
        hidden_dim: int,
        *,
        cell: Literal["gru", "lstm"] = "gru",
        num_layers: int = 1,
        residual: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        num_gates, self.num_states = {"gru": (3, 1), "lstm": (4, 2)}[cell]
        self.hidden_dim, self.num_layers, self.residual = hidden_dim, num_layers, residual
        width = num_gates * hidden_dim
        # The gates see words, what else there is, and the state: three maps, since the first does
        # not wait for the step before.
        self.gates_of_embedding = nn.Linear(embed_dim, width)
        self.gates_of_other = nn.Linear(other_dim, width, bias=False)
        self.gates_of_state = nn.ModuleList(nn.Linear(hidden_dim, width) for _ in range(num_layers))
        self.gates_of_below = nn.ModuleList(
            nn.Linear(hidden_dim, width) for _ in range(num_layers - 1)
        )
        self.dropout = Dropout(dropout)

    def forward(
        self,
        word: Float[Tensor, "batch gates"],
        other: Float[Tensor, "batch other_dim"],
        states: tuple[Float[Tensor, "batch hidden"], ...],
    ) -> tuple[Float[Tensor, "batch hidden"], tuple[Float[Tensor, "batch hidden"], ...]]:
        """Take one step; return what the highest layer hands on, and all states.

        Args:
            word: `gates_of_embedding` of it.
            states: of every layer its state and, of an LSTM, its cell.
        """
        stepped = self._stepped(0, word + self.gates_of_other(other), states)
        handed_on = stepped[0]
        for layer, gates_of_below in enumerate(self.gates_of_below, start=1):
            above = self._stepped(layer, gates_of_below(self.dropout(handed_on)), states)
            handed_on = handed_on + above[0] if self.residual else above[0]
            stepped += above
        return handed_on, stepped

    def _stepped(
        self, layer: int, from_input: Tensor, states: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """Return the new state of a layer and, of an LSTM, its cell."""
        own = states[layer * self.num_states : (layer + 1) * self.num_states]
        from_state = self.gates_of_state[layer](own[0])
        if self.num_states == 2:
            return lstm_step(from_input, from_state, own[1])
        return (gru_step(from_input, from_state, own[0]),)

    def query(
        self, states: tuple[Float[Tensor, "batch hidden"], ...]
    ) -> Float[Tensor, "batch 1 hidden"]:
        """Return the highest layer's state."""
        return states[-self.num_states].unsqueeze(1)


class RecurrentDecoder(nn.Module):
    """Writes one word after the other; what it sees of the words themselves is prepared at once.

    What both decoders share: layers that begin from the encoder's final states.

    Args:
        features_dim: width of what the next word is predicted from.
    """

    def __init__(
        self,
        attention: DecoderAttention,
        steps: RecurrentSteps,
        *,
        context_dim: int,
        features_dim: int,
    ) -> None:
        super().__init__()
        self.attention = attention
        self.steps = steps
        self.features_dim = features_dim
        self.initial = nn.Linear(
            context_dim, steps.num_layers * steps.num_states * steps.hidden_dim
        )

    def start(self, memory: Memory, final: Float[Tensor, "batch context"]) -> DecoderState:
        """Return the state before the first word, of the encoder's final states."""
        initial = torch.tanh(self.initial(final))
        recurrent = initial.chunk(self.steps.num_layers * self.steps.num_states, dim=-1)
        shared = SharedMemory.one_each(memory)
        return DecoderState(recurrent, shared, (self.steps.query(recurrent), shared))

    def words(self, embedded: Float[Tensor, "*batch embed"]) -> Float[Tensor, "*batch gates"]:
        """Return what the gates see of the words."""
        gates: Tensor = self.steps.gates_of_embedding(embedded)
        return gates

    def forward(
        self, word: Float[Tensor, "batch gates"], state: DecoderState
    ) -> tuple[Reading, DecoderState]:
        """Take one step; `word` is one of `words`."""
        raise TypeError(f"{type(self).__name__} does not say how it steps")

    def features(
        self, reading: Reading, embedded: Float[Tensor, "*batch embed"]
    ) -> Float[Tensor, "*batch features"]:
        """Return what the next word is predicted from."""
        raise TypeError(f"{type(self).__name__} does not say what it predicts from")


class BahdanauDecoder(RecurrentDecoder):
    r"""Look from where the last step ended, then step with what was found.

    $$c_i = \operatorname{attention}(s_{i-1}), \quad s_i = f(y_{i-1}, c_i, s_{i-1}), \quad
    \text{predict from } s_i, c_i, y_{i-1}$$

    Args:
        attention: of the decoder's state (`hidden_dim`) to the encoder's states (`context_dim`).
        embed_dim: width of the word embeddings.
        context_dim: width of the encoder's states.
        hidden_dim: width of the decoder's own.
        cell: the recurrence.
        num_layers: depth; the highest layer's state asks.
        residual: layers from the second on hand on their state and what they read.
        readout: from state, context and embedding, as three arguments, to what is predicted from;
            the three side by side, if not given.
        dropout: between the layers.

    Source: Bahdanau et al. 2015, section 3 and appendix A.2.
    Differs: as tutorials made common, s_0 sees the final encoder states of both directions, the
    next word is predicted from s_i (theirs from s_{i-1}), and the GRU is PyTorch's, whose reset
    gate weakens U h, not h; layers may be more than one.
    """

    def __init__(
        self,
        attention: DecoderAttention,
        *,
        embed_dim: int,
        context_dim: int,
        hidden_dim: int,
        cell: Literal["gru", "lstm"] = "gru",
        num_layers: int = 1,
        residual: bool = False,
        readout: TanhReadout | MaxoutReadout | None = None,
        dropout: float = 0.0,
    ) -> None:
        steps = RecurrentSteps(
            embed_dim,
            context_dim,
            hidden_dim,
            cell=cell,
            num_layers=num_layers,
            residual=residual,
            dropout=dropout,
        )
        known_dim = hidden_dim + context_dim + embed_dim
        super().__init__(
            attention,
            steps,
            context_dim=context_dim,
            features_dim=known_dim if readout is None else readout.output_dim,
        )
        self.readout = readout

    def forward(
        self, word: Float[Tensor, "batch gates"], state: DecoderState
    ) -> tuple[Reading, DecoderState]:
        """Take one step; `word` is one of `words`."""
        query = self.steps.query(state.recurrent)
        found, memory = state.memory.read(self.attention, query)
        context = found.squeeze(1)
        hidden, recurrent = self.steps(word, context, state.recurrent)
        reading = Reading(query.squeeze(1), hidden, context)
        return reading, DecoderState(recurrent, memory, (query, state.memory))

    def features(
        self, reading: Reading, embedded: Float[Tensor, "*batch embed"]
    ) -> Float[Tensor, "*batch features"]:
        """Return what the next word is predicted from."""
        known = reading.hidden, reading.context, embedded
        features: Tensor = torch.cat(known, -1) if self.readout is None else self.readout(*known)
        return features


class LuongDecoder(RecurrentDecoder):
    r"""Step first, then look from there; the next step is fed what this one predicts from.

    $$h_t = f(y_{t-1}, \tilde h_{t-1}, h_{t-1}), \quad c_t = \operatorname{attention}(h_t), \quad
    \tilde h_t = \tanh(W_c [c_t; h_t])$$

    Args:
        attention: of the decoder's state (`hidden_dim`) to the encoder's states (`context_dim`).
        embed_dim: width of the word embeddings.
        context_dim: width of the encoder's states.
        hidden_dim: width of the decoder's own.
        readout_dim: width of the attentional vector; `hidden_dim` if not given.
        cell: the recurrence.
        num_layers: depth; the highest layer's state asks.
        residual: layers from the second on hand on their state and what they read.
        dropout: between the layers, and on the attentional vector.

    Source: Luong et al. 2015, section 3, eq. 5-6, and section 3.3 (input feeding).
    Differs: the first states are tanh of a linear map of the encoder's final ones, which may have
    another width.
    """

    def __init__(
        self,
        attention: DecoderAttention,
        *,
        embed_dim: int,
        context_dim: int,
        hidden_dim: int,
        readout_dim: int | None = None,
        cell: Literal["gru", "lstm"] = "gru",
        num_layers: int = 1,
        residual: bool = False,
        dropout: float = 0.0,
    ) -> None:
        readout_dim = hidden_dim if readout_dim is None else readout_dim
        steps = RecurrentSteps(
            embed_dim,
            readout_dim,
            hidden_dim,
            cell=cell,
            num_layers=num_layers,
            residual=residual,
            dropout=dropout,
        )
        super().__init__(attention, steps, context_dim=context_dim, features_dim=readout_dim)
        self.readout = TanhReadout(
            (context_dim, hidden_dim), readout_dim, bias=False, dropout=dropout
        )

    def start(self, memory: Memory, final: Float[Tensor, "batch context"]) -> DecoderState:
        """Return the state before the first word, of the encoder's final states; nothing is fed."""
        return (
            super()
            .start(memory, final)
            ._replace(fed=final.new_zeros(final.shape[0], self.features_dim))
        )

    def forward(
        self, word: Float[Tensor, "batch gates"], state: DecoderState
    ) -> tuple[Reading, DecoderState]:
        """Take one step; `word` is one of `words`."""
        hidden, recurrent = self.steps(word, state.fed, state.recurrent)
        query = self.steps.query(recurrent)
        found, memory = state.memory.read(self.attention, query)
        context = found.squeeze(1)
        attentional = self.readout(context, hidden)
        reading = Reading(query.squeeze(1), hidden, context, attentional)
        return reading, DecoderState(recurrent, memory, (query, state.memory), attentional)

    def features(
        self, reading: Reading, embedded: Float[Tensor, "*batch embed"]
    ) -> Float[Tensor, "*batch features"]:
        """Return what the next word is predicted from."""
        if reading.features is not None:
            return reading.features
        attentional: Tensor = self.readout(reading.context, reading.hidden)
        return attentional

    def instead(self, reading: Reading, context: Float[Tensor, "*batch context_dim"]) -> Reading:
        """Return what a step would have been, had it found this; the same features are dropped."""
        if reading.features is None:
            return reading._replace(context=context)
        features = self.readout.dropped_as(reading.features, context, reading.hidden)
        return reading._replace(context=context, features=features)
