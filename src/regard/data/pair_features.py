"""What two texts have in common word for word, as numbers beside what a model reads.

Models of answer selection, paraphrase and entailment are given such features in the papers, since
vectors of words tell poorly which numbers, names and rare words two texts share:

* words of both, counted and weighted by idf: Yang et al. 2015 (WikiQA), whose two numbers Yin et
  al. 2016 (ABCNN) give to every model for it; here stop words count too, and both numbers stand
  also as shares of either text's, and the first of all words of the two (Jaccard);
* n-grams of both, n = 2, 3, 4, as shares of either text's (recall and precision): Wan et al. 2006,
  by way of Ji & Eisenstein 2013;
* characters of both, and pairs and triples of them, which the forms of a word have in common, as
  shares of either text's: Popović 2015 (chrF);
* words of both in one order, the longest common subsequence, as shares of either text: Lin 2004
  (ROUGE-L);
* lengths, Yin et al. 2016, their ratio, and by how much either is longer, Wan et al. 2006;
* numbers: the same ones or none, the same ones, a strict subset: Socher et al. 2011;
* a negation, in English, in one of the two only: Lai & Hockenmaier 2014, for SICK.

Each is standardised by its mean and deviation among the pairs that were learnt from. Words are
those of `split_words`, whatever tokens a model reads: so they need no vocabulary, and sub-words
change nothing.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import normalize

import numpy as np

from regard.data.files import DataError, StrPath, read_lines
from regard.files import replacing
from regard.interfaces import Matched

__all__ = ["PairFeatures", "split_words"]

_NAMES = (
    *("common", "common_idf", "jaccard"),
    *("common_of_left", "common_of_right", "common_idf_of_left", "common_idf_of_right"),
    *("bigrams_of_left", "bigrams_of_right", "trigrams_of_left", "trigrams_of_right"),
    *("fourgrams_of_left", "fourgrams_of_right"),
    *("characters_of_left", "characters_of_right", "character_bigrams_of_left"),
    *("character_bigrams_of_right", "character_trigrams_of_left", "character_trigrams_of_right"),
    *("in_order_of_left", "in_order_of_right"),
    *("left_len", "right_len", "left_longer_by", "right_longer_by", "length_ratio"),
    *("numbers_agree", "numbers_are_same", "numbers_are_subset", "one_is_negated"),
)
_NEGATIONS = frozenset(("no", "not", "n't", "never", "nobody", "nothing", "without"))
_MAX_WORDS, _MAX_CHARACTERS = 1_000, 10_000  # read of a text: so no text takes long
_MAX_DEVIATIONS = 10.0  # beyond them a text is merely unlike all that were learnt from

_IDEOGRAPHS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # written without blanks
_WORD = re.compile(
    rf"n't|[^\W{_IDEOGRAPHS}]+(?:[.,]\d+)*"  # 3.5 and 1,000 are words
    r"|[^\s!-/:-@\[-`{-~\u2000-\u206f\u3000-\u303f\ufe00-\ufe0f\uff00-\uff0f]"  # no punctuation
)


def split_words(text: str) -> list[str]:
    """Divide a text into its words in lower case, ideographs and emoji one by one.

    Punctuation is left out, and n't is a word of its own.

    >>> split_words("Don’t pay $1,000.50: 买 2 🍎!")
    ['do', "n't", 'pay', '1,000.50', '买', '2', '🍎']
    """
    if not text.isascii():
        text = normalize("NFC", text).replace("’", "'")
    return _WORD.findall(text.lower().replace("n't", " n't"))


@dataclass(frozen=True)
class PairFeatures:
    r"""The features of pairs, and what was learnt to make them: how rare words are, what is usual.

    Args:
        idf: how rare each word is: $\log \frac{1 + N}{1 + N_w} + 1$ of $N$ texts, $N_w$ of which
            have the word.
        unseen: the same of a word in none of them.
        mean: of each feature, before it is standardised.
        deviation: from the mean; 1 of what never varies.
    """

    idf: Mapping[str, float]
    unseen: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def learn(cls, rows: Iterable[Matched]) -> "PairFeatures":
        """Learn from the training rows; a text that stands in several counts once for idf.

        Raises:
            DataError: if there are no rows.
        """
        rows = list(rows)
        if not rows:
            raise DataError("no pairs to learn features from")
        divided = {text: split_words(text) for row in rows for text in (row.left, row.right)}
        num_texts = len(divided)
        counts = Counter(word for each in divided.values() for word in set(each))
        idf = {word: math.log((1 + num_texts) / (1 + counts[word])) + 1 for word in sorted(counts)}
        unseen = math.log(1 + num_texts) + 1
        raw = (_raw(divided[row.left], divided[row.right], idf, unseen) for row in rows)
        found = np.fromiter(raw, np.dtype((np.float64, len(_NAMES))), len(rows))
        deviation = found.std(axis=0)
        deviation[deviation <= 1e-9 * np.abs(found).max(axis=0)] = 1.0
        return cls(idf, unseen, tuple(found.mean(axis=0).tolist()), tuple(deviation.tolist()))

    @property
    def names(self) -> tuple[str, ...]:
        """What each feature is, in their order."""
        return _NAMES

    def of(self, left_words: Sequence[str], right_words: Sequence[str]) -> list[float]:
        """Return the features of two texts, given as `split_words` divides them.

        They are standardised, and at most 10 deviations from the mean. Of a text the first 1,000
        words count, and of these the first 10,000 characters. An empty one shares nothing with any.
        """
        raw = _raw(left_words, right_words, self.idf, self.unseen)
        scaled = [(x - m) / d for x, m, d in zip(raw, self.mean, self.deviation, strict=True)]
        if min(scaled) < -_MAX_DEVIATIONS or max(scaled) > _MAX_DEVIATIONS:
            return [min(max(x, -_MAX_DEVIATIONS), _MAX_DEVIATIONS) for x in scaled]
        return scaled

    def save(self, path: StrPath) -> None:
        """Write what was learnt to a JSON file, wholly or not at all."""
        content = {
            "names": self.names,
            "mean": self.mean,
            "deviation": self.deviation,
            "unseen": self.unseen,
            "idf": dict(self.idf),
        }
        with replacing(path) as draft:
            draft.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: StrPath) -> "PairFeatures":
        """Read features that `save` wrote.

        Raises:
            DataError: if the file cannot be read, is damaged, or has other features.
        """
        content = "\n".join(read_lines(path))
        try:
            read = json.loads(content)
            names = tuple(read["names"])
            mean, deviation = (tuple(map(float, read[key])) for key in ("mean", "deviation"))
            idf = {word: float(rarity) for word, rarity in read["idf"].items()}
            unseen = float(read["unseen"])
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: damaged or not a file of features ({error})") from None
        are_numbers = all(map(math.isfinite, (unseen, *mean, *deviation, *idf.values())))
        if not len(names) == len(mean) == len(deviation) or not are_numbers or min(deviation) <= 0:
            raise DataError(f"{path}: damaged or not a file of features")
        if names != _NAMES:
            raise DataError(f"{path}: its features are not those of this version; train anew")
        return cls(idf, unseen, mean, deviation)


def _raw(
    left: Sequence[str], right: Sequence[str], idf: Mapping[str, float], unseen: float
) -> list[int | float]:
    """Return the features named in `_NAMES`, in that order."""
    left, right = left[:_MAX_WORDS], right[:_MAX_WORDS]
    lefts, rights = set(left), set(right)
    common = lefts & rights
    rarity = idf.get
    # The order of a set differs from process to process: hence sums that do not depend on it.
    common_idf = math.fsum([rarity(word, unseen) for word in common])
    left_idf = math.fsum([rarity(word, unseen) for word in lefts])
    right_idf = math.fsum([rarity(word, unseen) for word in rights])
    num_common, left_len, right_len = len(common), len(left), len(right)
    return [
        num_common,
        common_idf,
        _share(num_common, len(lefts) + len(rights) - num_common),
        _share(num_common, len(lefts)),
        _share(num_common, len(rights)),
        _share(common_idf, left_idf),
        _share(common_idf, right_idf),
        *_ngrams(left, right),
        *_characters(left, right),
        *_in_order(left, right, is_any=bool(common)),
        left_len,
        right_len,
        max(0, left_len - right_len),
        max(0, right_len - left_len),
        min(left_len, right_len) / max(left_len, right_len, 1),
        *_numbers(lefts, rights),
        lefts.isdisjoint(_NEGATIONS) != rights.isdisjoint(_NEGATIONS),
    ]


def _share(part: int | float, whole: int | float) -> float:
    return part / whole if whole else 0.0


def _ngrams(left: Sequence[str], right: Sequence[str]) -> list[float]:
    """Return which share of the one's distinct n-grams the other has, and the other way round."""
    shares = []
    left_parts, right_parts = [left], [right]
    for first in (1, 2, 3):
        left_parts.append(left[first:])
        right_parts.append(right[first:])
        lefts, rights = set(zip(*left_parts)), set(zip(*right_parts))  # noqa: B905  to the shortest
        num_common = len(lefts & rights)
        shares += [_share(num_common, len(lefts)), _share(num_common, len(rights))]
    return shares


def _characters(left: Sequence[str], right: Sequence[str]) -> list[float]:
    """Return which share of the one's 1, 2 and 3 characters, all counted, the other has."""
    lefts, rights = (
        "".join(f"{word} " for word in words)[:_MAX_CHARACTERS] for words in (left, right)
    )
    shares = []
    for n in (1, 2, 3):
        in_left, in_right = (
            Counter(zip(*(text[first:] for first in range(n)), strict=False))
            for text in (lefts, rights)
        )
        num_common = sum(min(in_right[some], times) for some, times in in_left.items())
        shares += [_share(num_common, in_left.total()), _share(num_common, in_right.total())]
    return shares


def _in_order(left: Sequence[str], right: Sequence[str], *, is_any: bool) -> tuple[float, float]:
    """Return the longest common subsequence as shares of both lengths.

    Source: Hyyrö 2004, which does a row of the table at once: bit i is 0 where it steps up after
    word i of `left`.
    """
    if not is_any:
        return 0.0, 0.0
    places: dict[str, int] = {}
    bit = 1
    for word in left:
        places[word] = places.get(word, 0) | bit
        bit <<= 1
    every = row = bit - 1
    for word in right:
        place = places.get(word)
        if place:
            matched = row & place
            row = (row + matched) | (row - matched)
    length = len(left) - (row & every).bit_count()
    return length / len(left), length / len(right)


def _numbers(lefts: set[str], rights: set[str]) -> tuple[bool, bool, bool]:
    """Return whether the numbers agree (or there are none), are the same, or more in one text."""
    left = {word for word in lefts if word[:1].isdigit()}
    right = {word for word in rights if word[:1].isdigit()}
    return left == right, left == right and bool(left), left < right or right < left
