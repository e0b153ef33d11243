"""Train, validation and test: who stands where, and that nothing stands in two places."""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from regard.data.files import DataError, StrPath
from regard.data.parallel import SOURCE, TARGET, ParallelText, read_aligned, read_pairs
from regard.interfaces import Pair

__all__ = ["Files", "Splits", "folded", "hold_out", "splits_from_files"]

Files = StrPath | tuple[StrPath, StrPath]
"""One file with two columns, or two aligned files."""

_MAX_HELD_OUT = 1_000
_HELD_OUT_SHARE = 0.05


class Splits(NamedTuple):
    """What is learnt from, what the model is chosen by, and what it is judged on."""

    train: ParallelText
    validation: ParallelText
    test: ParallelText


def splits_from_files(
    train: Files,
    validation: Files | None = None,
    test: Files | None = None,
    *,
    source: str = SOURCE,
    target: str = TARGET,
    seed: int = 0,
) -> Splits:
    """Read a person's own splits.

    Without `validation`, 5 % of train's distinct source sentences (1,000 at most), drawn by `seed`,
    are held out with all their translations. Without `test`, test is empty.

    Raises:
        DataError: if a file cannot be used, or train is too small to hold anything out.
    """

    def read(files: Files) -> ParallelText:
        if isinstance(files, tuple):
            return read_aligned(*files)
        return read_pairs(files, source=source, target=target)

    learnt = read(train)
    judged = ParallelText([]) if test is None else read(test)
    if validation is not None:
        return Splits(learnt, read(validation), judged)
    num_sources = len({folded(pair.source) for pair in learnt.pairs})
    if num_sources == 1:
        name = " and ".join(map(str, train)) if isinstance(train, tuple) else train
        raise DataError(f"{name}: one distinct sentence, none to hold out; pass a validation file")
    num_held_out = max(1, min(_MAX_HELD_OUT, int(num_sources * _HELD_OUT_SHARE)))
    rest, held_out = hold_out(learnt.pairs, num_held_out, by=lambda pair: pair.source, seed=seed)
    return Splits(ParallelText(rest, learnt.skipped), ParallelText(held_out), judged)


def hold_out(
    pairs: Sequence[Pair], num_sentences: int, *, by: Callable[[Pair], str], seed: int
) -> tuple[list[Pair], list[Pair]]:
    """Divide `pairs` into the rest and those of `num_sentences` sentences drawn by `seed`.

    `by` gives the side that decides; sentences that differ in case only are one, so that none
    stands on both sides of the division. Both parts keep the order of `pairs`.

    Raises:
        DataError: if nothing would be left to learn from.
    """
    sentences = list(dict.fromkeys(folded(by(pair)) for pair in pairs))
    if len(sentences) <= num_sentences:
        raise DataError(
            f"cannot hold out {num_sentences:,} of {len(sentences):,} distinct sentences"
            " and have any left to learn from"
        )
    drawn = set(random.Random(seed).sample(sentences, num_sentences))
    rest = [pair for pair in pairs if folded(by(pair)) not in drawn]
    held_out = [pair for pair in pairs if folded(by(pair)) in drawn]
    return rest, held_out


def folded(sentence: str) -> str:
    """Return a sentence without what may differ between two that are one: case and blanks."""
    return " ".join(sentence.casefold().split())
