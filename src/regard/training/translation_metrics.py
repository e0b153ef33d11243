"""How good translations are: signed BLEU, and the lowercased tokenised BLEU of papers."""

import re
from collections.abc import Sequence
from typing import TypedDict

from sacrebleu.metrics.bleu import BLEU

__all__ = ["TranslationScores", "exact_match", "score_translations", "tokenised_bleu"]


class TranslationScores(TypedDict):
    """What a set of translations scores, in percent, and the signature that says how."""

    bleu: float
    bleu_signature: str
    tokenised_bleu: float
    exact: float


def tokenised_bleu(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Return BLEU over lowercased words and single punctuation marks.

    For comparison with published figures on Multi30k; not comparable with sacreBLEU.
    """
    bleu = BLEU(tokenize="none", force=True)
    split = [_tokenised(text) for text in hypotheses], [_tokenised(text) for text in references]
    return float(bleu.corpus_score(split[0], [split[1]]).score)


def exact_match(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Return the percentage of hypotheses equal to their reference."""
    equal = sum(have == want for have, want in zip(hypotheses, references, strict=True))
    return 100 * equal / max(1, len(references))


def score_translations(
    hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False
) -> TranslationScores:
    """Score translations against one reference each, in all the ways that are reported.

    Args:
        lowercase: compare without case in sacreBLEU, for models that write lower case only; the
            signature says so.

    Raises:
        ValueError: there are not as many hypotheses as references.
    """
    if len(hypotheses) != len(references):
        raise ValueError(
            f"there must be one reference per hypothesis; got {len(references)} and "
            f"{len(hypotheses)}"
        )
    bleu = BLEU(lowercase=lowercase)
    score = bleu.corpus_score(list(hypotheses), [list(references)])
    return TranslationScores(
        bleu=float(score.score),
        bleu_signature=str(bleu.get_signature()),
        tokenised_bleu=tokenised_bleu(hypotheses, references),
        exact=exact_match(hypotheses, references),
    )


def _tokenised(text: str) -> str:
    return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))
