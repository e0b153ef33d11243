"""How good an alignment is: word links by its weights, against links that are known."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import torch
from jaxtyping import Float
from torch import Tensor

from regard.interfaces import Link, Links

__all__ = ["link_words", "score_links", "word_membership"]

_WORD = re.compile(r"\S+")


def score_links(
    found: Sequence[AbstractSet[Link]], references: Sequence[Links]
) -> dict[str, float]:
    r"""Score the links of each pair against the sure links S and the possible links P of it.

    $$\mathrm{AER} = 1 - \frac{|A \cap S| + |A \cap P|}{|A| + |S|}, \quad
    \mathrm{precision} = \frac{|A \cap P|}{|A|}, \quad
    \mathrm{recall} = \frac{|A \cap S|}{|S|}$$

    with the links found for A, counted over all pairs together. What is sure is possible too.
    Where there is nothing to find, nothing is missed; where nothing is found, nothing is wrong.

    Returns `alignment_error_rate`, `alignment_precision` and `alignment_recall`, in percent.

    Source: Och & Ney 2003, "A systematic comparison of various statistical alignment models".

    Raises:
        ValueError: there is not a reference for each pair.
    """
    if len(found) != len(references):
        raise ValueError(
            f"there must be a reference for each pair; got {len(references)} and {len(found)}"
        )
    num_found = num_sure = num_found_sure = num_found_possible = 0
    for links, (sure, possible) in zip(found, references, strict=True):
        num_found += len(links)
        num_sure += len(sure)
        num_found_sure += len(links & sure)
        num_found_possible += len(links & (sure | possible))
    right = _percentage(num_found_sure + num_found_possible, num_found + num_sure)
    return {
        "alignment_error_rate": 100 - right,
        "alignment_precision": _percentage(num_found_possible, num_found),
        "alignment_recall": _percentage(num_found_sure, num_sure),
    }


def link_words(
    weights: Float[Tensor, "target source"],
    source: Float[Tensor, "source source_words"],
    target: Float[Tensor, "target target_words"],
) -> set[Link]:
    """Link each target word to the source word that it looks at most; the first among equals.

    The weights of its tokens count together for a source word, and on average for a target word.
    A target word that looks at no word is not linked.

    Args:
        source, target: which tokens each word is made of (see `word_membership`).

    Source: Luong et al. 2015, section 5.4: one link for each target word.
    """
    of_words = target.T @ weights @ source / target.sum(0).clamp(min=1).unsqueeze(1)
    if not of_words.numel():
        return set()
    largest, words = (column.tolist() for column in of_words.max(dim=1))
    return {
        (word, position)
        for position, (word, weight) in enumerate(zip(words, largest, strict=True))
        if weight > 0
    }


def word_membership(text: str, spans: Sequence[tuple[int, int]]) -> Float[Tensor, "tokens words"]:
    """Return 1 where a token is of a word; words are what stands between blanks.

    A token that stands for a blank is of the word behind it.

    Args:
        spans: which characters of the text each token stands for.
    """
    ends = [word.end() for word in _WORD.finditer(text)]
    membership = torch.zeros(len(spans), len(ends))
    for token, (start, _) in enumerate(spans):
        word = bisect_right(ends, start)
        if word < len(ends):
            membership[token, word] = 1
    return membership


def _percentage(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0
