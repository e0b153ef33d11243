"""Which n-grams stand in how many training texts of each class."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.data.batching import Examples
from regard.data.encoding import EncodedLabelled, pad
from regard.interfaces import Tokens
from regard.nn.ngrams import Ngrams

__all__ = ["NgramCounts", "count_ngrams"]

TEXTS_AT_ONCE = 500
PENDING = 5_000_000  # counts that wait to be added up


class NgramCounts(NamedTuple):
    """The known n-grams, and in how many texts each stands: of each class, and in all.

    `keys` are those of `regard.nn.ngrams.Ngrams`; the rows of the counts are its numbers.
    """

    keys: list[Int[Tensor, " _known"]]
    by_class: Float[Tensor, "numbers classes"]
    texts: Float[Tensor, " numbers"]


def count_ngrams(
    examples: Examples[EncodedLabelled],
    *,
    vocab: int,
    num_classes: int,
    longest: int,
    min_texts: int,
) -> NgramCounts:
    """Count n-grams of up to `longest` words; those of fewer than `min_texts` texts are dropped.

    An n-gram counts once a text, however often it stands there. Words all have a row.

    Cost: one pass over the texts for each length, and memory for all their n-grams of it.
    """
    keys: list[Tensor] = []
    counts = [torch.zeros(vocab, num_classes + 1)]
    for level in range(longest):
        found, of_found = _counted(examples, Ngrams(vocab, keys), level, num_classes)
        if level == 0:
            counts[0][found] = of_found
        else:
            kept = of_found[:, -1] >= min_texts
            keys.append(found[kept])
            counts.append(of_found[kept])
    together = torch.cat(counts)
    return NgramCounts(keys, together[:, :-1], together[:, -1])


def _counted(
    examples: Examples[EncodedLabelled], known: Ngrams, level: int, num_classes: int
) -> tuple[Int[Tensor, " keys"], Float[Tensor, "keys classes_and_all"]]:
    """Return the keys of one length in rising order, and their counts, the last that of texts."""
    columns = num_classes + 1
    cells, totals = torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)
    waiting: list[tuple[Tensor, Tensor]] = []
    for text, classes in _batches(examples, num_classes):
        rows, keys = _keys_by_row(text, known, level)
        row, column = classes[rows].nonzero(as_tuple=True)
        waiting.append(torch.unique(keys[row] * columns + column, return_counts=True))
        if sum(len(some) for some, _ in waiting) > PENDING:
            cells, totals = _added_up([(cells, totals), *waiting])
            waiting = []
    cells, totals = _added_up([(cells, totals), *waiting])
    keys, row = torch.unique(cells // columns, return_inverse=True)
    counts = torch.zeros(len(keys), columns)
    counts[row, cells % columns] = totals.float()
    return keys, counts


def _keys_by_row(text: Tokens, known: Ngrams, level: int) -> tuple[Tensor, Tensor]:
    """Return every key of a text once: which text it stands in, and the key."""
    numbers = known(text)
    keys = numbers[:, 0] if level == 0 else known.keys_of(numbers[:, -1], numbers[:, 0], level)
    row, column = (keys > 0).nonzero(as_tuple=True)
    num_rows = len(keys)
    distinct = torch.unique(keys[row, column] * num_rows + row)
    return distinct % num_rows, distinct // num_rows


def _added_up(parts: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    cells, place = torch.unique(torch.cat([some for some, _ in parts]), return_inverse=True)
    totals = torch.zeros(len(cells), dtype=torch.long)
    totals.index_add_(0, place, torch.cat([counts for _, counts in parts]))
    return cells, totals


def _batches(
    examples: Examples[EncodedLabelled], num_classes: int
) -> Iterator[tuple[Tokens, Tensor]]:
    """Give texts, with a truth value for each class that a text is of, and one for being a text."""
    for first in range(0, len(examples), TEXTS_AT_ONCE):
        some = [examples[at] for at in range(first, min(first + TEXTS_AT_ONCE, len(examples)))]
        targets = torch.tensor([target for _, target in some])
        if not targets.is_floating_point():
            targets = torch.nn.functional.one_hot(targets, num_classes)
        classes = torch.cat([targets > 0, torch.ones(len(some), 1, dtype=torch.bool)], dim=1)
        yield pad([ids for ids, _ in some]), classes
