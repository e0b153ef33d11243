"""Words for the tokens a vocabulary does not know."""

from typing import Generic

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.interfaces import UNK, State, StepDecoder, Tokens

__all__ = ["WithoutUnknown", "replace_unknown"]


class WithoutUnknown(Generic[State]):
    """A step decoder that writes what another one would, but never `UNK`.

    It is for text without a source whose words could take the place of unknown ones.
    Log-probabilities are the other's own.
    """

    def __init__(self, decoder: StepDecoder[State]) -> None:
        self._decoder = decoder

    def start(self, source: Tokens) -> State:
        return self._decoder.start(source)

    def step(
        self, state: State, token: Int[Tensor, " rows"]
    ) -> tuple[Float[Tensor, "rows vocab"], State]:
        log_probs, state = self._decoder.step(state, token)
        ids = torch.arange(log_probs.shape[1], device=log_probs.device)
        return log_probs.masked_fill(ids == UNK, -torch.inf), state

    def reorder(self, state: State, index: Int[Tensor, " rows"]) -> State:
        return self._decoder.reorder(state, index)

    def alignment(self, state: State) -> Float[Tensor, "rows source"]:
        return self._decoder.alignment(state)


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
