"""Ways to decode, as things to be handed on: a beam, or samples, each with all its numbers."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

from regard.decoding.beam import beam_search
from regard.decoding.constraints import Constrained
from regard.decoding.coverage import check_coverage_penalty, rank_by_coverage
from regard.decoding.diverse import check_groups, diverse_beam_search
from regard.decoding.greedy_search import greedy
from regard.decoding.lengths import LENGTH_PENALTY, check_length_penalty, length_limits
from regard.decoding.sampling import check_sampling, sample
from regard.interfaces import Hypothesis, StepDecoder, Tokens

__all__ = ["Beam", "Sampling", "Search"]


@runtime_checkable
class Search(Protocol):
    """A way to decode; hypotheses come best first, or as they are drawn."""

    @property
    def num_rows(self) -> int:
        """How many rows of the decoder each sentence takes."""

    def __call__(
        self, decoder: StepDecoder[Any], source: Tokens, prefix: Tokens | None = None, /
    ) -> list[list[Hypothesis]]: ...


@dataclass(frozen=True)
class Beam:
    """Search for the most probable: greedily, or with a beam.

    Args:
        beam_size: hypotheses followed at once; 1 is greedy.
        length_penalty: above 0 favours longer hypotheses; see `beam_search`.
        coverage_penalty: above 0 favours those that look at all of the source; see
            `rank_by_coverage`.
        num_groups: parts of the beam that are kept from writing the same; see
            `diverse_beam_search`.
        diversity: how much that counts.
        num_best: hypotheses that are returned.
        min_len: tokens that a hypothesis has at least.
        max_len: tokens that it may have, `EOS` counted; by the source's length if not given.

    Raises:
        ValueError: a number is out of range.
    """

    beam_size: int = 1
    length_penalty: float = LENGTH_PENALTY
    coverage_penalty: float = 0.0
    num_groups: int = 1
    diversity: float = 0.5
    num_best: int = 1
    min_len: int = 0
    max_len: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.num_best <= self.beam_size:
            raise ValueError(
                f"beam_size must be at least 1 and num_best between 1 and it; got {self.beam_size} "
                f"and {self.num_best}"
            )
        check_groups(self.beam_size, self.num_groups, self.diversity)
        check_length_penalty(self.length_penalty)
        check_coverage_penalty(self.coverage_penalty)
        if self.coverage_penalty and self.beam_size == 1:
            raise ValueError("coverage_penalty ranks what a beam of 2 or more finds; it has 1")
        _check_lengths(self.min_len, self.max_len)

    @property
    def num_rows(self) -> int:
        return self.beam_size

    def __call__(
        self, decoder: StepDecoder[Any], source: Tokens, prefix: Tokens | None = None, /
    ) -> list[list[Hypothesis]]:
        decoder, limits = _limited(decoder, source, prefix, self.min_len, self.max_len)
        found = self._search(decoder, source, limits)
        if self.coverage_penalty:
            found = [rank_by_coverage(each, self.coverage_penalty) for each in found]
        return [hypotheses[: self.num_best] for hypotheses in found]

    def _search(
        self, decoder: StepDecoder[Any], source: Tokens, limits: Int[Tensor, " batch"]
    ) -> list[list[Hypothesis]]:
        penalty = self.length_penalty
        if self.beam_size == 1:
            found = greedy(decoder, source, length_penalty=penalty, max_len=limits)
            return [[hypothesis] for hypothesis in found]
        # What the beam ranks lower may have read more.
        num_best = self.beam_size if self.coverage_penalty else self.num_best
        if self.num_groups == 1:
            return beam_search(
                decoder,
                source,
                beam_size=self.beam_size,
                length_penalty=penalty,
                num_best=num_best,
                max_len=limits,
            )
        return diverse_beam_search(
            decoder,
            source,
            beam_size=self.beam_size,
            num_groups=self.num_groups,
            diversity=self.diversity,
            length_penalty=penalty,
            num_best=num_best,
            max_len=limits,
        )


@dataclass(frozen=True)
class Sampling:
    """Draw hypotheses by their probability.

    Args:
        num_samples: hypotheses for each source.
        temperature: below 1 the probable becomes more so; see `sample`.
        top_k: draw from the most probable tokens alone, so many.
        top_p: draw from the fewest most probable tokens that have this probability.
        generator: on the decoder's device; it goes on from batch to batch. PyTorch's own if not
            given.
        min_len: tokens that a hypothesis has at least.
        max_len: tokens that it may have, `EOS` counted; by the source's length if not given.

    Raises:
        ValueError: a number is out of range.
    """

    num_samples: int = 1
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    min_len: int = 0
    max_len: int | None = None
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        check_sampling(self.num_samples, self.temperature, self.top_k, self.top_p)
        _check_lengths(self.min_len, self.max_len)

    @property
    def num_rows(self) -> int:
        return self.num_samples

    def __call__(
        self, decoder: StepDecoder[Any], source: Tokens, prefix: Tokens | None = None, /
    ) -> list[list[Hypothesis]]:
        decoder, limits = _limited(decoder, source, prefix, self.min_len, self.max_len)
        return sample(
            decoder,
            source,
            num_samples=self.num_samples,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            generator=self.generator,
            max_len=limits,
        )


def _check_lengths(min_len: int, max_len: int | None) -> None:
    if min_len < 0:
        raise ValueError(f"min_len must be 0 or more; got {min_len}")
    if max_len is not None and max_len < 1:
        raise ValueError(f"max_len must be at least 1; got {max_len}")


def _limited(
    decoder: StepDecoder[Any],
    source: Tokens,
    prefix: Tokens | None,
    min_len: int,
    max_len: int | None,
) -> tuple[StepDecoder[Any], Int[Tensor, " batch"]]:
    """Return the decoder within what is asked, and how long hypotheses may become.

    Raises:
        ValueError: they may not become as long as they must.
    """
    limits = length_limits(source, max_len)
    if prefix is None and not min_len:
        return decoder, limits
    needed = torch.full_like(limits, min_len + 1)
    if prefix is not None and len(prefix.ids) == len(limits):
        needed = torch.maximum(needed, prefix.lengths.to(limits) + 1)
    if max_len is not None and bool((needed > max_len).any()):
        raise ValueError(
            f"max_len {max_len} is too short: with its end a hypothesis has at least "
            f"{int(needed.max())} tokens here"
        )
    return Constrained(decoder, prefix=prefix, min_len=min_len), torch.maximum(limits, needed)
