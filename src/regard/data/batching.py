"""Which texts stand together in a batch, in what order and on which rank; resumable at any batch.

Three steps lead from a corpus, or from encoded pairs, to what a Trainer takes:

    plan = by_tokens(corpus.lengths, max_tokens=2_500)       # or by_sentences(128)
    sampler = BatchSampler(len(corpus), plan, seed=1)        # the batches of an epoch, as indices
    loader = BatchLoader(corpus, sampler, collate_labelled)  # the same, as tensors
"""

import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Generic, NamedTuple, Protocol, TypedDict, TypeVar, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from regard.data.encoding import pad
from regard.interfaces import Tokens

__all__ = [
    "BatchLoader",
    "BatchSampler",
    "Examples",
    "LoaderState",
    "Plan",
    "SourceBatch",
    "by_sentences",
    "by_tokens",
    "source_batches",
]

Plan = Callable[[Sequence[int]], list[list[int]]]
"""Cuts an order of texts or pairs into batches, into as many whatever the order."""

Lengths = Sequence[int] | NDArray[np.int32]
"""The number of ids of each text, or of the longer side of each pair."""

Example_co = TypeVar("Example_co", covariant=True)
Example = TypeVar("Example")
Batch = TypeVar("Batch")


@runtime_checkable
class Examples(Protocol[Example_co]):
    """Encoded texts or pairs that can be had in any order: a list, or a `Corpus`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Example_co: ...


def by_sentences(num_sentences: int) -> Plan:
    """Plan batches of `num_sentences` texts or pairs as they come; the last one may be smaller."""
    if num_sentences < 1:
        raise ValueError(f"num_sentences must be at least 1, got {num_sentences}")
    return partial(_cut, size=num_sentences)


def by_tokens(lengths: Lengths, *, max_tokens: int, max_sentences: int | None = None) -> Plan:
    """Plan batches of texts or pairs of similar length, as many as fit.

    No side of a batch has more than `max_tokens` ids, padding counted. Those whose lengths differ
    by less than a sixteenth may change places, so that an epoch has other batches than the last.

    Raises:
        ValueError: if a text alone does not fit.
    """
    longest = max(lengths, default=0)
    if longest > max_tokens:
        raise ValueError(
            f"max_tokens={max_tokens} is less than the longest sentence or text, {longest} tokens"
            " with BOS and EOS where it has them; raise it, or set max_len"
        )
    alike = [min(_rounded_up(int(length)), max_tokens) for length in lengths]
    return partial(_bucket, lengths=alike, max_tokens=max_tokens, max_sentences=max_sentences)


def _rounded_up(length: int) -> int:
    """Return the next number of five significant bits: up to 32 each is one, then each even one."""
    step = 1 << max(0, (length - 1).bit_length() - 5)
    return -(-length // step) * step


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
    """The batches of an epoch as indices of examples, decided by `(seed, epoch)` alone.

    Every example stands in one batch of one rank. Every rank has the same number of batches, each
    epoch the same; where that does not work out, batches are halved. Ranks get batches of similar
    length at the same time, since they wait for each other. With `seed=None` nothing is shuffled.

    What makes a step together is the same for n ranks as for one that accumulates n batches.

    Args:
        accumulated: batches of each rank that make a step together.

    Raises:
        ValueError: if `rank` does not exist, or ranks cannot have as many batches each.
    """

    def __init__(
        self,
        num_examples: int,
        plan: Plan,
        *,
        seed: int | None,
        rank: int = 0,
        num_ranks: int = 1,
        accumulated: int = 1,
    ) -> None:
        if not 0 <= rank < num_ranks:
            raise ValueError(f"rank must be from 0 to num_ranks - 1 = {num_ranks - 1}, got {rank}")
        self.epoch = 0
        self._num_examples, self._plan, self._seed = num_examples, plan, seed
        self._rank, self._num_ranks, self._accumulated = rank, num_ranks, accumulated
        self._num_batches = len(self.batches())

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches `batches` returns; a Lightning Trainer calls it."""
        self.epoch = epoch

    def batches(self) -> list[list[int]]:
        """Return this rank's batches of the epoch, in their order."""
        order = list(range(self._num_examples))
        # A str, because seeds derived from numbers by arithmetic meet those of other epochs.
        rng = None if self._seed is None else random.Random(f"{self._seed}, epoch {self.epoch}")
        if rng:
            rng.shuffle(order)
        together = self._num_ranks * self._accumulated
        batches = _halve_until_divisible(self._plan(order), together)
        steps = [batches[first : first + together] for first in range(0, len(batches), together)]
        if rng:
            rng.shuffle(steps)
        return [batch for step in steps for batch in step[self._rank :: self._num_ranks]]

    def __len__(self) -> int:
        return self._num_batches


def _halve_until_divisible(batches: list[list[int]], divisor: int) -> list[list[int]]:
    while len(batches) % divisor:
        largest = max(range(len(batches)), key=lambda index: len(batches[index]))
        batch = batches[largest]
        if len(batch) == 1:
            raise ValueError(
                f"{len(batches)} batches of one cannot be shared evenly among {divisor} (processes "
                "times batches to accumulate): accumulate fewer, use fewer processes, or let more "
                "into a batch"
            )
        middle = len(batch) // 2
        batches[largest : largest + 1] = [batch[:middle], batch[middle:]]
    return batches


class LoaderState(TypedDict):
    """Where a loader stands: how many of an epoch's batches it has given."""

    epoch: int
    num_given: int
    num_batches: int


class BatchLoader(Generic[Example, Batch]):
    """Gives the batches of the sampler's epoch; after `load_state_dict` it goes on with the next.

    A Lightning Trainer saves and restores the state with its checkpoints. Batches count as given
    when they are handed over, even if workers have made further ones ahead, so that the number
    given is the number used.

    Args:
        collate: makes a batch of some examples.
        workers: processes that make batches meanwhile; without any, they are made when asked for.
    """

    def __init__(
        self,
        examples: Examples[Example],
        sampler: BatchSampler,
        collate: Callable[[list[Example]], Batch],
        *,
        workers: int = 0,
    ) -> None:
        # A Trainer calls `sampler.set_epoch`, and where it finds one, asks for the other.
        self.sampler = self.batch_sampler = sampler
        self._examples, self._collate, self._workers = examples, collate, workers
        self._epoch = self._num_given = 0
        self._is_restored = False

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        first = self.state_dict()["num_given"] if self._is_restored else 0
        self._is_restored = False
        self._epoch, self._num_given = self.sampler.epoch, first
        for batch in self._make(self.sampler.batches()[first:]):
            self._num_given += 1
            yield batch

    def _make(self, batches: list[list[int]]) -> Iterable[Batch]:
        if not self._workers:
            return (self._collate([self._examples[at] for at in batch]) for batch in batches)
        # The tokenizers library would warn of forked processes, though these do not use it.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        return DataLoader(
            self._examples,  # type: ignore[arg-type]  # it needs no more of a data set
            batch_sampler=batches,
            collate_fn=self._collate,
            num_workers=self._workers,
            generator=torch.Generator(),  # the seeds of workers, who draw nothing, are not drawn
        )

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
