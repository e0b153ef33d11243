"""What a search has written, step by step, and how its hypotheses are read back."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.interfaces import EOS, PAD, Hypothesis

__all__ = ["Ends", "Trellis"]


class Ends(NamedTuple):
    """Where hypotheses end: after how many tokens, in which slot. A score of -inf marks none."""

    score: Float[Tensor, "batch ends"]
    log_prob: Float[Tensor, "batch ends"]
    length: Int[Tensor, "batch ends"]
    slot: Int[Tensor, "batch ends"]


class _Step(NamedTuple):
    token: Int[Tensor, "batch slots"]
    parent: Int[Tensor, "batch slots"]
    row: Int[Tensor, "batch slots"]
    alignment: Float[Tensor, "rows source"]


class Trellis:
    """The steps of a search: tokens with pointers backwards.

    A search only adds; no hypothesis is copied while it grows. Each sentence has the same number
    of slots in every step; what stands in a slot that no hypothesis passes through is never read.
    """

    def __init__(self) -> None:
        self._steps: list[_Step] = []

    def add(
        self,
        token: Int[Tensor, "batch slots"],
        parent: Int[Tensor, "batch slots"],
        row: Int[Tensor, "batch slots"],
        alignment: Float[Tensor, "rows source"],
    ) -> None:
        """Append a step.

        `parent` is the slot of the previous step that a slot's token continues, and `row` the row
        of `alignment` that tells where the decoder looked when it chose the token.
        """
        self._steps.append(_Step(token, parent, row, alignment))

    def hypotheses(
        self, ends: Ends, source_lengths: Int[Tensor, " batch"]
    ) -> list[list[Hypothesis]]:
        """Read back the hypotheses that end where `ends` says, in its order, for every sentence.

        Raises:
            ValueError: a sentence has none, since its decoder gave no token a finite probability.
        """
        tokens, alignment = self._trace(ends.length, ends.slot)
        host_tokens, host_alignment = tokens.tolist(), alignment.cpu()
        source_lens = source_lengths.tolist()
        found: list[list[Hypothesis]] = [[] for _ in source_lens]
        scores, log_probs = ends.score.tolist(), ends.log_prob.tolist()
        for sentence, end in ends.score.isfinite().nonzero().tolist():
            written = [token for token in host_tokens[sentence][end] if token not in (PAD, EOS)]
            rows = host_alignment[sentence, end, : len(written), : source_lens[sentence]]
            found[sentence].append(
                Hypothesis(
                    written,
                    scores[sentence][end],
                    log_probs[sentence][end],
                    rows.clone(),  # a view would keep the whole batch in memory
                )
            )
        _require_all(found)
        return found

    def _trace(
        self, length: Int[Tensor, "batch ends"], slot: Int[Tensor, "batch ends"]
    ) -> tuple[Int[Tensor, "batch ends target"], Float[Tensor, "batch ends target source"]]:
        """Follow the pointers of all hypotheses at once, from the last step to the first."""
        tokens, alignments = [], []
        for position in reversed(range(len(self._steps))):
            step = self._steps[position]
            reached = position < length
            tokens.append(step.token.gather(1, slot).where(reached, PAD))
            alignments.append(step.alignment[step.row.gather(1, slot)])
            slot = step.parent.gather(1, slot).where(reached, slot)
        return torch.stack(tokens[::-1], dim=2), torch.stack(alignments[::-1], dim=2)


def _require_all(found: list[list[Hypothesis]]) -> None:
    """Raise if a sentence has no hypothesis."""
    for sentence, hypotheses in enumerate(found):
        if not hypotheses:
            raise ValueError(
                f"nothing can be decoded for sentence {sentence} of the batch: the decoder gives "
                "log-probabilities that are NaN, or -inf for every token; did its training diverge?"
            )
