"""Which pairs stand together in a batch, in what order and on which rank; resumable at any batch.

Three steps lead from encoded pairs to what a Trainer takes:

    plan = by_tokens(pairs, max_tokens=2_500)             # or by_sentences(128)
    sampler = BatchSampler(len(pairs), plan, seed=1)      # the batches of an epoch, as indices
    loader = BatchLoader(pairs, sampler)                  # the same, as tensors
"""

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypedDict

from regard.data.encoding import EncodedPair, collate, pad
from regard.interfaces import Tokens, TranslationBatch

__all__ = [
    "BatchLoader",
    "BatchSampler",
    "LoaderState",
    "Plan",
    "SourceBatch",
    "by_sentences",
    "by_tokens",
    "source_batches",
]

Plan = Callable[[Sequence[int]], list[list[int]]]
"""Cuts an order of pairs into batches, into as many whatever the order."""


def by_sentences(num_sentences: int) -> Plan:
    """Plan batches of `num_sentences` pairs as they come; the last one may be smaller."""
    if num_sentences < 1:
        raise ValueError(f"num_sentences must be at least 1, got {num_sentences}")
    return partial(_cut, size=num_sentences)


def by_tokens(
    pairs: Sequence[EncodedPair], *, max_tokens: int, max_sentences: int | None = None
) -> Plan:
    """Plan batches of pairs of similar length, as many as fit.

    Neither the source nor the target of a batch has more than `max_tokens` ids, padding counted.
    Only pairs whose longer sides are equally long may change places from one epoch to the next.

    Raises:
        ValueError: if a pair alone does not fit.
    """
    lengths = [max(len(source), len(target)) for source, target in pairs]
    longest = max(lengths, default=0)
    if longest > max_tokens:
        raise ValueError(
            f"max_tokens={max_tokens} is less than the longest sentence, {longest} tokens with BOS"
            " and EOS; raise it, or drop long pairs with max_len"
        )
    return partial(_bucket, lengths=lengths, max_tokens=max_tokens, max_sentences=max_sentences)


def _cut(order: Sequence[int], size: int) -> list[list[int]]:
    return [list(order[start : start + size]) for start in range(0, len(order), size)]


def _bucket(
    order: Sequence[int], lengths: Sequence[int], max_tokens: int, max_sentences: int | None
) -> list[list[int]]:
    batches: list[list[int]] = []
    for index in sorted(order, key=lengths.__getitem__):
        # In ascending order the newest is the longest, to which all others are padded.
        fits = batches and (len(batches[-1]) + 1) * lengths[index] <= max_tokens
        if fits and len(batches[-1]) != max_sentences:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


class BatchSampler:
    """The batches of an epoch as indices of pairs, decided by `(seed, epoch)` alone.

    Every pair stands in one batch of one rank. Every rank has the same number of batches, each
    epoch the same; where that does not work out, batches are halved. Ranks get batches of similar
    length at the same time, since they wait for each other. With `seed=None` nothing is shuffled.

    Raises:
        ValueError: if `rank` does not exist, or ranks cannot have as many batches each.
    """

    def __init__(
        self, num_pairs: int, plan: Plan, *, seed: int | None, rank: int = 0, num_ranks: int = 1
    ) -> None:
        if not 0 <= rank < num_ranks:
            raise ValueError(f"rank must be from 0 to num_ranks - 1 = {num_ranks - 1}, got {rank}")
        self.epoch = 0
        self._num_pairs, self._plan, self._seed = num_pairs, plan, seed
        self._rank, self._num_ranks = rank, num_ranks
        self._num_batches = len(self.batches())

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches `batches` returns; a Lightning Trainer calls it."""
        self.epoch = epoch

    def batches(self) -> list[list[int]]:
        """Return this rank's batches of the epoch, in their order."""
        order = list(range(self._num_pairs))
        # A str, because seeds derived from numbers by arithmetic meet those of other epochs.
        rng = None if self._seed is None else random.Random(f"{self._seed}, epoch {self.epoch}")
        if rng:
            rng.shuffle(order)
        batches = _halve_until_divisible(self._plan(order), self._num_ranks)
        steps = [
            batches[first : first + self._num_ranks]
            for first in range(0, len(batches), self._num_ranks)
        ]
        if rng:
            rng.shuffle(steps)
        return [step[self._rank] for step in steps]

    def __len__(self) -> int:
        return self._num_batches


def _halve_until_divisible(batches: list[list[int]], divisor: int) -> list[list[int]]:
    while len(batches) % divisor:
        largest = max(range(len(batches)), key=lambda index: len(batches[index]))
        batch = batches[largest]
        if len(batch) == 1:
            raise ValueError(
                f"{len(batches)} batches of one pair cannot be shared evenly among {divisor} ranks;"
                " use larger batches or fewer ranks"
            )
        middle = len(batch) // 2
        batches[largest : largest + 1] = [batch[:middle], batch[middle:]]
    return batches


class LoaderState(TypedDict):
    """Where a loader stands: how many of an epoch's batches it has given."""

    epoch: int
    num_given: int
    num_batches: int


class BatchLoader:
    """Gives the batches of the sampler's epoch; after `load_state_dict` it goes on with the next.

    A Lightning Trainer saves and restores the state with its checkpoints. Batches are made when
    asked for, never ahead, so that the number given is the number used.
    """

    def __init__(self, pairs: Sequence[EncodedPair], sampler: BatchSampler) -> None:
        # A Trainer calls `sampler.set_epoch`, and where it finds one, asks for the other.
        self.sampler = self.batch_sampler = sampler
        self._pairs = pairs
        self._epoch = self._num_given = 0
        self._is_restored = False

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[TranslationBatch]:
        first = self.state_dict()["num_given"] if self._is_restored else 0
        self._is_restored = False
        self._epoch, self._num_given = self.sampler.epoch, first
        for batch in self.sampler.batches()[first:]:
            self._num_given += 1
            yield collate(self._pairs[index] for index in batch)

    def state_dict(self) -> LoaderState:
        """Return where the loader stands."""
        is_begun = self._epoch == self.sampler.epoch
        return LoaderState(
            epoch=self.sampler.epoch,
            num_given=self._num_given if is_begun else 0,
            num_batches=len(self),
        )

    def load_state_dict(self, state: LoaderState) -> None:
        """Go on, at the next iteration, where `state` was taken.

        Raises:
            ValueError: if the state is from epochs of another number of batches.
        """
        if state["num_batches"] != len(self):
            raise ValueError(
                f"expected an epoch of {state['num_batches']} batches, got {len(self)};"
                " go on with the same data, batch size and number of devices"
            )
        self.sampler.set_epoch(state["epoch"])
        self._epoch, self._num_given = state["epoch"], state["num_given"]
        self._is_restored = True


class SourceBatch(NamedTuple):
    """Sources to be decoded, and where in the list of sources each row belongs."""

    source: Tokens
    positions: list[int]


def source_batches(
    sources: Sequence[Sequence[int]], *, max_tokens: int, max_sentences: int | None = None
) -> Iterator[SourceBatch]:
    """Give encoded sources, shortest first, in batches of at most `max_tokens` ids.

    None is left out: a source longer than `max_tokens` is a batch of its own.
    """
    lengths = [len(source) for source in sources]
    for positions in _bucket(range(len(sources)), lengths, max_tokens, max_sentences):
        yield SourceBatch(pad([sources[position] for position in positions]), positions)
