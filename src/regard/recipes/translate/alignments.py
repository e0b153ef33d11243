"""How good a translator's alignments are: where it looks, against what belongs together."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from regard.data.links import Links
from regard.data.tokenizers import Tokenizer
from regard.inspection.statistics import entropy
from regard.interfaces import Pair
from regard.recipes.translate.system import Translation, TranslationSystem
from regard.training.alignment_metrics import Link, link_words, score_links, word_membership

__all__ = ["alignment_entropy", "alignment_figures", "linked_words"]


def alignment_figures(
    system: TranslationSystem, pairs: Sequence[Pair], links: Sequence[Links]
) -> dict[str, float]:
    """Score where a model looks when it writes the given translations; all in percent.

    Returns `alignment_error_rate`, `alignment_precision` and `alignment_recall`, of one link for
    each target word (see `link_words`), against what `read_links` has read for the pairs.
    """
    return score_links(linked_words(system, pairs), links)


def linked_words(system: TranslationSystem, pairs: Sequence[Pair]) -> list[set[Link]]:
    """Link the words of each pair, which stand between blanks, by where a model looks."""
    followed = system.align([pair.source for pair in pairs], [pair.target for pair in pairs])
    return [
        link_words(
            translation.alignment,
            _membership(system.source_tokenizer, pair.source, len(translation.source_tokens)),
            _membership(system.target_tokenizer, pair.target, len(translation.target_tokens)),
        )
        for pair, translation in zip(pairs, followed, strict=True)
    ]


def _membership(tokenizer: Tokenizer, text: str, num_read: int) -> Float[Tensor, "tokens words"]:
    return word_membership(text, tokenizer.spans(text)[:num_read])


def alignment_entropy(translations: Iterable[Translation]) -> float:
    """Return how widely a target token looks on average, in nats.

    What its weights leave over is its look at the end of the source, which counts as a place.
    """
    total, num_tokens = 0.0, 0
    for translation in translations:
        weights = translation.alignment
        end = (1 - weights.sum(dim=1, keepdim=True)).clamp(min=0)
        total += float(entropy(torch.cat([weights, end], dim=1)).sum())
        num_tokens += len(weights)
    return total / max(1, num_tokens)
