"""The layers of a Transformer, and stacks of them, made of attention, transformations and norms."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional.masks import Window
from regard.interfaces import Memory
from regard.nn.dropout import Dropout
from regard.nn.multihead import CachedMultiHeadAttention
from regard.nn.norms import Norm, PostNorm, PreNorm
from regard.nn.sharing import Sharing

__all__ = [
    "DecoderLayer",
    "DecoderReading",
    "EncoderLayer",
    "FeedForward",
    "Source",
    "TransformerDecoder",
    "TransformerEncoder",
    "TransformerState",
    "check_rows",
]


class FeedForward(nn.Sequential):
    r"""Transform each position by itself: $W_2 \operatorname{relu}(W_1 x + b_1) + b_2$.

    Args:
        dropout: on the hidden layer.

    Source: Vaswani et al. 2017, section 3.3.
    """

    def __init__(self, embed_dim: int, hidden_dim: int, *, dropout: float = 0.0) -> None:
        super().__init__(
            nn.Linear(embed_dim, hidden_dim),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(hidden_dim, embed_dim),
        )


class EncoderLayer(nn.Module):
    r"""Let every position attend to the others, and then transform each by itself.

    Args:
        attention: of the positions to each other.
        feedforward: the transformation; None where the attention transforms what it reads.
        norm: makes what leads around either: a `PreNorm` or a `PostNorm`.

    Source: Vaswani et al. 2017, section 3.1.
    Cost: quadratic in the length, linear within a window.

    >>> attention, feedforward = CachedMultiHeadAttention(8, 2), FeedForward(8, 32)
    >>> EncoderLayer(attention, feedforward, norm=partial(PreNorm, 8))(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 8])
    """

    def __init__(
        self, attention: CachedMultiHeadAttention, feedforward: nn.Module | None, *, norm: Norm
    ) -> None:
        super().__init__()
        self.attention, self.attention_norm = attention, norm()
        self.feedforward = feedforward
        self.feedforward_norm = None if feedforward is None else norm()

    def forward(
        self, sequence: Float[Tensor, "batch length embed"], mask: Tensor | Window | None = None
    ) -> Float[Tensor, "batch length embed"]:
        """Transform each position.

        Args:
            mask: boolean, True = may attend, broadcastable to `batch length length`, or a window.
        """
        asked = self.attention_norm.enter(sequence)
        found = self.attention(asked, self.attention.memory(asked, asked), mask=mask)
        sequence = self.attention_norm.leave(sequence, found)
        return _transformed(sequence, self.feedforward, self.feedforward_norm)


class TransformerEncoder(nn.Module):
    """Layers on top of each other, and a final norm where they do not end in one (`PreNorm`).

    Source: Vaswani et al. 2017, section 3.1.
    """

    def __init__(self, layers: Iterable[EncoderLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = _final_norm(self.layers)

    @classmethod
    def plain(
        cls,
        embed_dim: int = 256,
        *,
        num_layers: int = 3,
        num_heads: int = 8,
        feedforward_dim: int = 512,
        norm: type[PreNorm | PostNorm] = PostNorm,
        dropout: float = 0.1,
    ) -> "TransformerEncoder":
        """Make one of multi-head attention and feed-forward layers, all of the same sizes."""
        layers = (
            EncoderLayer(
                CachedMultiHeadAttention(embed_dim, num_heads),
                FeedForward(embed_dim, feedforward_dim, dropout=dropout),
                norm=partial(norm, embed_dim, dropout=dropout),
            )
            for _ in range(num_layers)
        )
        return cls(layers)

    def forward(
        self, sequence: Float[Tensor, "batch length embed"], mask: Tensor | Window | None = None
    ) -> Float[Tensor, "batch length embed"]:
        """Transform each position.

        Args:
            mask: boolean, True = may attend, broadcastable to `batch length length`, or a window.
        """
        for layer in self.layers:
            sequence = layer(sequence, mask)
        normed: Tensor = self.norm(sequence)
        return normed

    def last_weights(
        self,
        sequence: Float[Tensor, "batch length embed"],
        mask: Tensor | Window | None = None,
        *,
        rows: Sequence[int] | Tensor,
    ) -> Float[Tensor, "batch heads rows length"]:
        """Return how much some positions attend to each in the last layer."""
        *below, last = cast(list[EncoderLayer], list(self.layers))
        for layer in below:
            sequence = layer(sequence, mask)
        asked = last.attention_norm.enter(sequence)
        memory = last.attention.memory(asked, asked)
        weights: Tensor = last.attention.weights_on_demand(asked, memory, mask=mask).rows(rows)
        return weights


class Source(NamedTuple):
    """What a decoder layer reads from a source: a memory of it, and which row reads which."""

    memory: Memory
    sharing: Sharing


class DecoderReading(NamedTuple):
    """What a decoder layer makes of the positions that it is given, and what it keeps.

    `memory` is of these positions and those before them; `asked` is what the source was asked.
    """

    sequence: Float[Tensor, "batch target embed"]
    memory: Memory
    asked: Float[Tensor, "batch target embed"] | None = None


class DecoderLayer(nn.Module):
    r"""Let every position attend to those before it and to the source, and then transform it.

    All positions at once, or some after those before them: a step is a call with one position.

    Args:
        attention: of the positions to themselves and those before.
        source_attention: of the positions to a source; None where there is none.
        feedforward: the transformation; None where the attention transforms what it reads.
        norm: makes what leads around each: a `PreNorm` or a `PostNorm`.
        reach: how many positions before its own each sees; all if not given.

    Source: Vaswani et al. 2017, section 3.1.
    Cost: for each position, linear in those before it, or in the window, and in the source.

    >>> attention, feedforward = CachedMultiHeadAttention(8, 2), FeedForward(8, 32)
    >>> layer = DecoderLayer(attention, None, feedforward, norm=partial(PreNorm, 8))
    >>> layer(torch.zeros(1, 3, 8)).sequence.shape
    torch.Size([1, 3, 8])
    """

    def __init__(
        self,
        attention: CachedMultiHeadAttention,
        source_attention: CachedMultiHeadAttention | None,
        feedforward: nn.Module | None,
        *,
        norm: Norm,
        reach: int | None = None,
    ) -> None:
        super().__init__()
        self.attention, self.attention_norm = attention, norm()
        self.source_attention = source_attention
        self.source_norm = None if source_attention is None else norm()
        self.feedforward = feedforward
        self.feedforward_norm = None if feedforward is None else norm()
        self.window = Window(reach, 0)

    def forward(
        self,
        sequence: Float[Tensor, "batch target embed"],
        before: Memory | None = None,
        source: Source | None = None,
    ) -> DecoderReading:
        """Transform each position.

        Args:
            before: the memory of the positions before these, if there are any.
            source: what the layer attends to besides, if it does.

        Raises:
            ValueError: it does, and there is no source.
        """
        if self.source_attention is not None and source is None:
            raise ValueError("this layer attends to a source besides; got none")
        asked = self.attention_norm.enter(sequence)
        memory = _grown(before, self.attention, asked)
        found = self.attention(asked, memory, mask=self.window)
        sequence = self.attention_norm.leave(sequence, found)
        if self.source_attention is None or self.source_norm is None or source is None:
            sequence = _transformed(sequence, self.feedforward, self.feedforward_norm)
            return DecoderReading(sequence, memory)
        asked = self.source_norm.enter(sequence)
        found = self.source_attention(source.sharing.spread(asked), source.memory)
        sequence = self.source_norm.leave(sequence, source.sharing.collected(found))
        sequence = _transformed(sequence, self.feedforward, self.feedforward_norm)
        return DecoderReading(sequence, memory, asked)


class TransformerState(NamedTuple):
    """Where the decoder stands: a row per hypothesis, a memory per source that they share.

    Args:
        written: of each layer, what was written so far.
        sources: of each layer, the sources.
        sharing: which row reads which source.
        asked: what was asked in the last step, where alignments are read.
    """

    written: tuple[Memory, ...]
    sources: tuple[Memory, ...]
    sharing: Sharing
    asked: Float[Tensor, "rows 1 embed"]

    @property
    def num_written(self) -> int:
        """How many tokens each row has."""
        return self.written[0].key.shape[-2]


class TransformerDecoder(nn.Module):
    """Layers on top of each other, each with a memory of its own.

    Where they do not end in a norm (`PreNorm`), a final one follows.

    Source: Vaswani et al. 2017, section 3.1.
    """

    def __init__(self, layers: Iterable[DecoderLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = _final_norm(self.layers)

    @classmethod
    def plain(
        cls,
        embed_dim: int = 256,
        *,
        num_layers: int = 3,
        num_heads: int = 8,
        feedforward_dim: int = 512,
        has_source: bool = True,
        norm: type[PreNorm | PostNorm] = PostNorm,
        dropout: float = 0.1,
    ) -> "TransformerDecoder":
        """Make one of multi-head attention and feed-forward layers, all of the same sizes."""
        layers = (
            DecoderLayer(
                CachedMultiHeadAttention(embed_dim, num_heads),
                CachedMultiHeadAttention(embed_dim, num_heads) if has_source else None,
                FeedForward(embed_dim, feedforward_dim, dropout=dropout),
                norm=partial(norm, embed_dim, dropout=dropout),
            )
            for _ in range(num_layers)
        )
        return cls(layers)

    @property
    def source_attentions(self) -> list[CachedMultiHeadAttention]:
        """The attention to the source, layer by layer, where there is one."""
        layers = cast(list[DecoderLayer], list(self.layers))
        attentions = (layer.source_attention for layer in layers)
        return [attention for attention in attentions if attention is not None]

    def nothing(self, sequence: Float[Tensor, "batch 0 embed"]) -> tuple[Memory, ...]:
        """Return the memories of what is empty yet."""
        layers = cast(list[DecoderLayer], list(self.layers))
        return tuple(layer.attention.nothing(sequence) for layer in layers)

    def memories(
        self, states: Float[Tensor, "batch source embed"], mask: Tensor | None = None
    ) -> tuple[Memory, ...]:
        """Return what each layer reads of a source."""
        return tuple(attention.memory(states, states, mask) for attention in self.source_attentions)

    def forward(
        self,
        sequence: Float[Tensor, "batch target embed"],
        before: Sequence[Memory] | None = None,
        sources: Sequence[Source] | None = None,
    ) -> tuple[Float[Tensor, "batch target embed"], tuple[DecoderReading, ...]]:
        """Transform each position; return also what each layer has read.

        Args:
            before: of each layer the memory of the positions before these, if there are any.
            sources: what each layer attends to besides, if it does.

        Raises:
            ValueError: a layer attends to a source, and there is none.
        """
        readings = []
        for at, layer in enumerate(self.layers):
            reading = layer(
                sequence,
                None if before is None else before[at],
                None if sources is None else sources[at],
            )
            readings.append(reading)
            sequence = reading.sequence
        return self.norm(sequence), tuple(readings)


def check_rows(token: Int[Tensor, " batch"], written: Sequence[Memory]) -> None:
    """Make sure that each row of what is written gets a token.

    Raises:
        ValueError: there are not as many tokens as rows.
    """
    num_tokens, num_rows = token.shape[0], written[0].key.shape[0]
    if num_tokens != num_rows:
        raise ValueError(
            f"a step takes a token for each of the state's {num_rows} rows; got {num_tokens}. A "
            "state is of the batch that it was started with, or reordered to"
        )


def _final_norm(layers: nn.ModuleList) -> nn.Module:
    """Make what follows the last of a stack of layers."""
    if not len(layers):
        return nn.Identity()
    return cast(EncoderLayer | DecoderLayer, layers[-1]).attention_norm.final_norm()


def _transformed(
    sequence: Tensor, feedforward: nn.Module | None, norm: PreNorm | PostNorm | None
) -> Tensor:
    if feedforward is None or norm is None:
        return sequence
    return norm.leave(sequence, feedforward(norm.enter(sequence)))


def _grown(before: Memory | None, attention: CachedMultiHeadAttention, newest: Tensor) -> Memory:
    """Return the memory of positions and those before them."""
    if before is None:
        return attention.memory(newest, newest)
    more = attention.memory(newest, newest, first=before.key.shape[-2])
    key = torch.cat([before.key, more.key], dim=-2)
    return Memory(key, torch.cat([before.value, more.value], dim=-2))
