"""What every hypothesis must have: tokens that it begins with, and a length that it reaches."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.interfaces import BOS, EOS, PAD, StepDecoder, Tokens

__all__ = ["Constrained", "ConstrainedState"]


class ConstrainedState(NamedTuple):
    """The state of what is constrained, how much is written, and which sentence each row is of."""

    inner: Any
    num_written: int
    sentence: Int[Tensor, " rows"]


class Constrained:
    """A step decoder that writes what another one would, within what is allowed.

    Whatever search follows it keeps to that. Log-probabilities are the other's own: that a prefix
    is forced does not make it more probable.

    Args:
        prefix: what the hypotheses of each sentence begin with.
        min_len: how many tokens a hypothesis has at least, `EOS` not counted.

    Raises:
        ValueError: `min_len` is negative, or a prefix holds `PAD`, `BOS` or `EOS`.
    """

    def __init__(
        self, decoder: StepDecoder[Any], *, prefix: Tokens | None = None, min_len: int = 0
    ) -> None:
        if min_len < 0:
            raise ValueError(f"min_len must be 0 or more; got {min_len}")
        if prefix is not None:
            _check_prefix(prefix)
        self._decoder, self._prefix, self._min_len = decoder, prefix, min_len

    def start(self, source: Tokens) -> ConstrainedState:
        """Read the sources.

        Raises:
            ValueError: there is not a prefix for each.
        """
        if self._prefix is not None and len(self._prefix.ids) != len(source.ids):
            raise ValueError(f"{len(source.ids)} sources have {len(self._prefix.ids)} prefixes")
        sentence = torch.arange(len(source.ids), device=source.ids.device)
        return ConstrainedState(self._decoder.start(source), 0, sentence)

    def step(
        self, state: ConstrainedState, token: Int[Tensor, " rows"]
    ) -> tuple[Float[Tensor, "rows vocab"], ConstrainedState]:
        """Read the last token of every row, and allow what may follow.

        Raises:
            ValueError: a prefix holds a token that the decoder does not know.
        """
        log_probs, inner = self._decoder.step(state.inner, token)
        if not state.num_written and self._prefix is not None:
            _check_known(self._prefix, log_probs.shape[1])
        stepped = state._replace(inner=inner, num_written=state.num_written + 1)
        return self._allowed(log_probs, state), stepped

    def reorder(self, state: ConstrainedState, index: Int[Tensor, " rows"]) -> ConstrainedState:
        inner = self._decoder.reorder(state.inner, index)
        return state._replace(inner=inner, sentence=state.sentence[index])

    def alignment(self, state: ConstrainedState) -> Float[Tensor, "rows source"]:
        return self._decoder.alignment(state.inner)

    def _allowed(
        self, log_probs: Float[Tensor, "rows vocab"], state: ConstrainedState
    ) -> Float[Tensor, "rows vocab"]:
        ids = torch.arange(log_probs.shape[1], device=log_probs.device)
        at = state.num_written
        if at < self._min_len:
            log_probs = log_probs.masked_fill(ids == EOS, -torch.inf)
        prefix = self._prefix
        if prefix is None or at >= prefix.ids.shape[1]:
            return log_probs
        wanted = prefix.ids[:, at].to(log_probs.device)[state.sentence].unsqueeze(1)
        begins = (at < prefix.lengths.to(log_probs.device))[state.sentence].unsqueeze(1)
        return log_probs.masked_fill(begins & (ids != wanted), -torch.inf)


def _check_prefix(prefix: Tokens) -> None:
    position = torch.arange(prefix.ids.shape[1], device=prefix.ids.device)
    real = position < prefix.lengths.to(prefix.ids.device).unsqueeze(1)
    for name, token in {"PAD": PAD, "BOS": BOS, "EOS": EOS}.items():
        if bool((real & (prefix.ids == token)).any()):
            raise ValueError(f"a prefix begins hypotheses, and cannot hold {name}")


def _check_known(prefix: Tokens, vocab: int) -> None:
    largest = int(prefix.ids.max()) if prefix.ids.numel() else 0
    if largest >= vocab:
        raise ValueError(f"a prefix holds token {largest}; the vocabulary ends at {vocab - 1}")
