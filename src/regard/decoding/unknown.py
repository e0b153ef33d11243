"""Words for the tokens a vocabulary does not know."""

from jaxtyping import Float
from torch import Tensor

__all__ = ["replace_unknown"]


def replace_unknown(
    tokens: list[str],
    alignment: Float[Tensor, "target source"],
    source_tokens: list[str],
    unknown: str = "<unk>",
) -> list[str]:
    """Put the most attended source word in the place of every unknown token.

    `alignment` has a row per token and a column per source word; one more column, for the `EOS`
    that a model reads after them, is allowed and never chosen. The first word wins among equals.
    A token that attends to no word at all stays as it is.

    Source: Luong 2015 (arXiv 1508.04025), §4; Jean 2015 (arXiv 1412.2007).

    Raises:
        ValueError: the alignment does not fit the tokens.

    Example:
        >>> import torch
        >>> alignment = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
        >>> replace_unknown(["hello", "<unk>"], alignment, ["hallo", "Berta"])
        ['hello', 'Berta']
    """
    num_rows, num_columns = alignment.shape
    num_words = len(source_tokens)
    if num_rows != len(tokens) or num_columns not in (num_words, num_words + 1):
        raise ValueError(
            f"alignment must have a row per token and a column per source word (and one for EOS, "
            f"if any), shape ({len(tokens)}, {num_words}) or ({len(tokens)}, {num_words + 1}); "
            f"got ({num_rows}, {num_columns})"
        )
    if unknown not in tokens or not source_tokens:
        return list(tokens)
    weights, words = (column.tolist() for column in alignment[:, :num_words].max(dim=1))
    return [
        source_tokens[word] if token == unknown and weight > 0 else token
        for token, weight, word in zip(tokens, weights, words, strict=True)
    ]
