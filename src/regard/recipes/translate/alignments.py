"""How good a translator's alignments are: where it looks, against what belongs together."""

from collections.abc import Iterable, Sequence

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from regard.data.tokenizers import Tokenizer
from regard.inspection.measures.statistics import entropy
from regard.interfaces import Link, Links, Pair
from regard.recipes.translate.system import Translation, TranslationSystem
from regard.training.alignment_metrics import link_words, score_links, word_membership

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
    """Return how widely a target token looks among the source tokens on average, in nats.

    Its weights are taken as shares of what they are in all: what is left of 1 is a look at the end
    of the source, which is no word, or at nothing, as where weights are damped. Who looks at no
    source token looks nowhere widely: 0.
    """
    total, num_tokens = 0.0, 0
    for translation in translations:
        shares = F.normalize(translation.alignment.float(), p=1, dim=1)
        total += float(entropy(shares).sum())
        num_tokens += len(shares)
    return total / max(1, num_tokens)
