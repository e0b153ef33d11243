"""N-grams, against dictionaries of tuples: which are known, and in how many texts they stand."""

import random
from collections import Counter
from itertools import chain
from typing import Any

import pytest
import torch

from regard.data import ngrams as counting
from regard.data.encoding import EncodedLabelled, pad
from regard.data.ngrams import NgramCounts, count_ngrams
from regard.nn.ngrams import Ngrams

VOCAB = 9
Ngram = tuple[int, ...]


def drawn(number: int, num_classes: int, *, several: bool = False) -> list[EncodedLabelled]:
    """Draw texts of 0 to 8 words from four on; word 4 is frequent, so that n-grams come again."""
    rng = random.Random(1)
    rows = []
    for _ in range(number):
        ids = rng.choices(range(4, VOCAB), weights=[4, 1, 1, 1, 1], k=rng.randint(0, 8))
        target: Any = rng.randrange(num_classes)
        if several:
            target = [float(rng.random() < 0.4) for _ in range(num_classes)]
        rows.append(EncodedLabelled(ids, target))
    return rows


def grams(ids: Any, size: int) -> list[Ngram]:
    """Return the n-grams of a text as they stand there, one beginning at each word."""
    return [tuple(ids[first : first + size]) for first in range(len(ids) - size + 1)]


def classes_of(row: EncodedLabelled) -> list[int]:
    if isinstance(row.target, list):
        return [number for number, value in enumerate(row.target) if value]
    return [row.target]


def known_grams(rows: list[EncodedLabelled], longest: int, min_texts: int) -> list[list[Ngram]]:
    """Return the known n-grams of each length, in the order of their numbers."""
    levels: list[list[Ngram]] = [[(word,) for word in range(VOCAB)]]
    numbers = {gram: number for number, gram in enumerate(levels[0])}
    for size in range(2, longest + 1):
        texts = Counter(gram for row in rows for gram in set(grams(row.ids, size)))
        kept = [
            gram for gram, count in texts.items() if count >= min_texts and gram[:-1] in numbers
        ]
        levels.append(sorted(kept, key=lambda gram: (numbers[gram[:-1]], gram[-1])))
        for gram in levels[-1]:
            numbers[gram] = len(numbers)
    return levels


def count(rows: list[EncodedLabelled], num_classes: int, **options: int) -> NgramCounts:
    return count_ngrams(rows, vocab=VOCAB, num_classes=num_classes, **options)


@pytest.mark.parametrize(("longest", "min_texts"), [(1, 1), (2, 1), (2, 3), (3, 2), (4, 1)])
@pytest.mark.parametrize(("num_classes", "several"), [(2, False), (3, False), (3, True)])
def test_ngrams_are_counted_once_a_text_and_class(
    longest: int, min_texts: int, num_classes: int, several: bool
) -> None:
    rows = drawn(60, num_classes, several=several)
    found = count(rows, num_classes, longest=longest, min_texts=min_texts)
    everything = [gram for level in known_grams(rows, longest, min_texts) for gram in level]
    assert found.texts.shape == (len(everything),)
    assert found.by_class.shape == (len(everything), num_classes)
    assert len(found.keys) == longest - 1
    for number, gram in enumerate(everything):
        holding = [row for row in rows if gram in grams(row.ids, len(gram))]
        assert found.texts[number] == len(holding), gram
        by_class = [sum(c in classes_of(row) for row in holding) for c in range(num_classes)]
        assert found.by_class[number].tolist() == by_class, gram


@pytest.mark.parametrize(("longest", "min_texts"), [(1, 1), (2, 2), (3, 2), (4, 1)])
def test_ngrams_of_a_text_have_the_numbers_of_a_dictionary(longest: int, min_texts: int) -> None:
    rows = drawn(60, 2)
    found = count(rows, 2, longest=longest, min_texts=min_texts)
    levels = known_grams(rows, longest, min_texts)
    numbers = {gram: number for number, gram in enumerate(chain(*levels))}
    module = Ngrams(VOCAB, found.keys)
    assert len(module) == len(numbers)
    texts = [row.ids for row in drawn(20, 2)] + [[], [8], [8, 8, 8, 8, 8, 8]]
    given = module(pad(texts))
    length = max(map(len, texts))
    assert given.shape == (len(texts), longest, length)
    for row, ids in enumerate(texts):
        for size in range(1, longest + 1):
            expected = [numbers.get(gram, 0) for gram in grams(ids, size)]
            expected += [0] * (length - len(expected))
            assert given[row, size - 1].tolist() == expected, (ids, size)


def test_what_stands_in_the_padding_is_not_read() -> None:
    module = Ngrams(VOCAB, [torch.tensor([4 * VOCAB + 5, 5 * VOCAB + 6])])
    text = pad([[4, 5], [4, 5, 6, 4]])
    expected = module(text)
    text.ids[0, 2:] = 6
    assert torch.equal(module(text), expected)
    assert expected[0].tolist() == [[4, 5, 0, 0], [VOCAB, 0, 0, 0]]


def test_ids_may_be_narrow_though_keys_are_not() -> None:
    vocab = 100_000
    module = Ngrams(vocab, [torch.tensor([99_999 * vocab + 99_998])])
    text = pad([[99_999, 99_998]])
    narrow = text._replace(ids=text.ids.int(), lengths=text.lengths.int())
    assert torch.equal(module(narrow), module(text))
    assert module(text)[0, 1, 0] == vocab


def test_no_level_and_levels_without_a_known_ngram() -> None:
    text = pad([[4, 5, 6]])
    assert Ngrams(VOCAB)(text).tolist() == [[[4, 5, 6]]]
    none = torch.zeros(0, dtype=torch.long)
    assert Ngrams(VOCAB, [none, none])(text).tolist() == [[[4, 5, 6], [0] * 3, [0] * 3]]


def test_counts_do_not_depend_on_how_many_texts_are_counted_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = drawn(60, 3)
    expected = count(rows, 3, longest=3, min_texts=2)
    monkeypatch.setattr(counting, "TEXTS_AT_ONCE", 7)
    monkeypatch.setattr(counting, "PENDING", 20)
    found = count(rows, 3, longest=3, min_texts=2)
    assert all(map(torch.equal, found.keys, expected.keys))
    assert torch.equal(found.by_class, expected.by_class)
    assert torch.equal(found.texts, expected.texts)


def test_texts_without_a_word_are_counted_as_none() -> None:
    found = count([EncodedLabelled([], 0), EncodedLabelled([], 1)], 2, longest=2, min_texts=1)
    assert found.texts.tolist() == [0] * VOCAB
    assert [len(keys) for keys in found.keys] == [0]
