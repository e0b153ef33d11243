"""Attention that only moves forwards: soft while it is trained, a scan when it decodes."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional import masks, monotonic
from regard.functional.normalizers import softmax
from regard.functional.precision import at_least_float32
from regard.interfaces import Memory
from regard.nn.attention import autocast, check_one_query, left_behind
from regard.nn.scores import LocationScore, ScoreModule

__all__ = ["MonotonicAttention"]


class MonotonicAttention(nn.Module):
    r"""Read from a memory where a scan stops that goes on from where the last query stopped.

    $$p_i = \sigma(\operatorname{score}(q, k_i) + r + \varepsilon), \quad \varepsilon \sim
    \mathcal{N}(0, \text{noise}^2)$$

    In training it reads by how likely the scan is to stop at each key, and the noise makes it
    decide; otherwise it stops at the first key with a probability of a half or more. With chunks it
    reads the keys that end there, weighed by a softmax over a score of their own (MoChA).

    Args:
        score: of the energies.
        chunk_score: of the keys in a chunk; needed where `chunk_len` is above 1.
        chunk_len: how many keys a chunk has.
        offset: r, to begin with; below 0 the scan begins by passing keys.
        noise: its deviation in training.

    Source: Raffel et al. 2017, section 2.4, and Chiu & Raffel 2018, section 2.3, for any score. The
    energy of the first has a vector of a length of its own: see `regard.monotonic`.
    Cost: in training, and in an exported program, that of the scores for all keys; else that of the
    keys it passes.

    Raises:
        ValueError: `chunk_len` is not positive, or there are chunks without a score, or a score
            without chunks, or a score knows keys by their number.

    >>> from regard.nn import DotScore
    >>> attention = MonotonicAttention(DotScore(), offset=0.0).eval()
    >>> memory = attention.memory(torch.tensor([[[-1.0], [2.0]]]), torch.tensor([[[5.0], [7.0]]]))
    >>> context, memory = attention.read(torch.ones(1, 1, 1), memory)
    >>> context, memory.before
    (tensor([[[7.]]]), tensor([1]))
    """

    def __init__(
        self,
        score: ScoreModule,
        *,
        chunk_score: ScoreModule | None = None,
        chunk_len: int = 1,
        offset: float = -1.0,
        noise: float = 1.0,
    ) -> None:
        super().__init__()
        if chunk_len < 1:
            raise ValueError(f"chunk_len counts keys, 1 or more; got {chunk_len}")
        if (chunk_len > 1) != (chunk_score is not None):
            raise ValueError(
                f"chunk_score is of a chunk_len above 1, and needed there; got {chunk_len}"
            )
        if any(isinstance(given, LocationScore) for given in (score, chunk_score)):
            raise ValueError("a scan looks at some keys alone; a location score needs all of them")
        self.score = score
        self.chunk_score = chunk_score
        self.chunk_len = chunk_len
        self.offset = nn.Parameter(torch.tensor(offset))
        self.noise = noise

    def memory(
        self,
        key: Float[Tensor, "batch key key_dim"],
        value: Float[Tensor, "batch key value_dim"],
        mask: Tensor | None = None,
    ) -> Memory:
        """Project the keys, once for all the queries that will read; the scan begins at the first.

        Args:
            mask: boolean, True = may attend, broadcastable to `batch 1 key`; where a scan decodes,
                padding stands at the end.
        """
        projected = self.score.project_key(key)
        if self.chunk_score is not None:
            projected = torch.cat([projected, self.chunk_score.project_key(key)], dim=-1)
        num_rows, key_len, _ = key.shape
        if self.training:
            before = monotonic.start(key_len, device=key.device).expand(num_rows, key_len)
        else:
            before = torch.zeros(num_rows, dtype=torch.long, device=key.device)
        return Memory(autocast(projected), autocast(value), mask, before)

    def forward(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> tuple[Float[Tensor, "*batch query value_dim"], Memory]:
        """Read; return the context, and the memory for the next query.

        Raises:
            ValueError: there is more than one query, or the memory is not of `memory`, called in
                the same mode, training or not.
        """
        if self.training:
            weights, alignment = self._expected(query, memory, self.noise)
            context = weights.unsqueeze(1).to(memory.value.dtype) @ memory.value
            return context, memory._replace(before=alignment)
        chunk, weights, position = self._scanned(query, memory)
        batch = position.shape
        value = _at(_of_each(memory.value, batch), chunk.position)
        context = weights.unsqueeze(1).to(value.dtype) @ value
        return context.unflatten(0, batch), memory._replace(before=position)

    def read(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> tuple[Float[Tensor, "*batch query value_dim"], Memory]:
        """Read, and return the memory for the next query, which goes on from here."""
        found: tuple[Tensor, Memory] = self(query, memory)
        return found

    def weights(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "*batch query key"]:
        """Return the weights of this reading, without noise."""
        if self.training:
            return self._expected(query, memory, noise=0.0)[0].unsqueeze(1)
        chunk, weights, position = self._scanned(query, memory)
        nowhere = weights.new_zeros(weights.shape[0], memory.key.shape[-2])
        if nowhere.shape[1]:  # without keys, there is nothing to name
            # Added, because keys that are not there all have position 0, and weight 0.
            nowhere = nowhere.scatter_add(-1, chunk.position, weights)
        named: Tensor = nowhere.unsqueeze(1).unflatten(0, position.shape)
        return named

    def _expected(
        self, query: Tensor, memory: Memory, noise: float
    ) -> tuple[Float[Tensor, "batch key"], Float[Tensor, "batch key"]]:
        """Return the weights, and how likely the scan is to stop at each key."""
        before = _before(query, memory, is_alignment=True)
        mask = None if memory.mask is None else memory.mask.squeeze(-2)
        energies = self._energies(query, memory.key).squeeze(-2)
        if noise:
            energies = energies + noise * torch.randn_like(energies)
        alignment = monotonic.expected(energies.sigmoid(), before, mask)
        if self.chunk_score is None:
            return alignment, alignment
        scores = _chunk_scores(self.chunk_score, query, memory.key)
        weights = monotonic.chunkwise(alignment, scores, chunk_len=self.chunk_len, mask=mask)
        return weights, alignment

    def _scanned(
        self, query: Tensor, memory: Memory
    ) -> tuple[monotonic.Chunk, Float[Tensor, "rows chunk"], Int[Tensor, "*batch"]]:
        """Return the chunks where scans stop, the weights in them, and where that is."""
        before = _before(query, memory, is_alignment=False)
        batch = before.shape
        lengths = _lengths(memory).expand(batch).flatten()
        key, asked = _of_each(memory.key, batch), query.flatten(0, -3)

        def energy(rows: Tensor, keys: Tensor) -> Tensor:
            return self._energies(asked[rows], _at(key, keys, rows)).squeeze(-2)

        if torch.compiler.is_exporting():  # looks at all keys: a program has no loop over some
            energies = self._energies(query, memory.key).squeeze(-2)
            real = masks.padding(lengths, energies.shape[-1]).squeeze(-2)
            position = monotonic.hard(energies, before, real)
        else:
            position = monotonic.search(energy, before.flatten(), lengths)
        chunk = monotonic.chunk(position, lengths, chunk_len=self.chunk_len)
        position = position.view(batch)
        if self.chunk_score is None:
            return chunk, chunk.mask.to(query.dtype), position
        scores = _chunk_scores(self.chunk_score, asked, _at(key, chunk.position))
        return chunk, softmax(scores, chunk.mask), position

    def _energies(self, query: Tensor, key: Tensor) -> Float[Tensor, "batch 1 key"]:
        """Score keys that are projected for this score, and perhaps for another behind it."""
        projected = autocast(self.score.project_query(query))
        scores = self.score.compare(projected, key[..., : projected.shape[-1]])
        return at_least_float32(scores) + self.offset


def _chunk_scores(score: ScoreModule, query: Tensor, key: Tensor) -> Float[Tensor, "batch key"]:
    """Score keys that are projected for two scores, of which this is the second."""
    projected = autocast(score.project_query(query))
    return score.compare(projected, key[..., -projected.shape[-1] :]).squeeze(-2)


def _of_each(
    vectors: Float[Tensor, "*_ key width"], batch: torch.Size
) -> Float[Tensor, "*batch key width"]:
    """Return what each row reads; if several read the same, it stays where it is."""
    return vectors.expand(*batch, *vectors.shape[-2:])


def _at(
    vectors: Float[Tensor, "*batch key width"],
    position: Int[Tensor, "rows chunk"],
    rows: Int[Tensor, " rows"] | None = None,
) -> Float[Tensor, "rows chunk width"]:
    """Return the vectors at some positions of some rows; of all, if none are given."""
    *batch, key_len, width = vectors.shape
    if key_len == 0:  # where there are no keys, nothing is weighed
        return vectors.new_zeros(*position.shape, width)
    if rows is None:
        rows = torch.arange(position.shape[0], device=vectors.device)
    index = (rows,) if len(batch) == 1 else torch.unravel_index(rows, batch)
    return vectors[(*(axis.unsqueeze(-1) for axis in index), position)]


def _before(query: Tensor, memory: Memory, *, is_alignment: bool) -> Tensor:
    check_one_query(query)
    before = left_behind(memory)
    if before.is_floating_point() != is_alignment:
        raise ValueError(
            "a memory that was made in training cannot be read otherwise, nor vice versa"
        )
    return before


def _lengths(memory: Memory) -> Int[Tensor, "*#batch"]:
    key_len = memory.key.shape[-2]
    if memory.mask is None:
        return torch.full(memory.key.shape[:-2], key_len, device=memory.key.device)
    return memory.mask.expand(*memory.mask.shape[:-1], key_len).sum(dim=(-2, -1))
