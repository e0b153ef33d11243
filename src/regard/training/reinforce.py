"""Learning from choices that were drawn: REINFORCE."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional import masks
from regard.interfaces import Choices

__all__ = ["Reinforce"]


class Reinforce(nn.Module):
    r"""Make choices likelier that were followed by likelier words than usual.

    $$-\frac{1}{N} \sum_t \Big[ (R_t - b_t) \log \pi(a_t) + \lambda H(\pi_t) \Big], \quad
    R_t = \sum_{t' \ge t} \log P(y_{t'})$$

    The baseline b_t is what the words from t on have usually had: their number times a moving mean.
    It does not depend on the choice, and so the gradient is that of the expected loss, without bias
    (apart from the entropy's).

    Args:
        entropy_bonus: lambda, which keeps the choices open.
        decay: of the moving mean, a batch.

    Source: Williams 1992; Xu et al. 2015, section 4.1 (moving baseline, entropy).
    Differs: a choice is rewarded by the words from it on, not by those before it; the reward is not
    weakened (their lambda_r is 1/10 in code); a batch that is read softly has no entropy bonus.
    Where labels are smoothed, the reward is still how likely the true words were, and the gradient
    that of the loss without smoothing.
    """

    baseline: Tensor

    def __init__(self, *, entropy_bonus: float = 0.002, decay: float = 0.9) -> None:
        super().__init__()
        self.entropy_bonus = entropy_bonus
        self.decay = decay
        self.register_buffer("baseline", torch.zeros(()))

    def forward(
        self,
        log_probs: Float[Tensor, " tokens"],
        lengths: Int[Tensor, " batch"],
        choices: Choices,
    ) -> Float[Tensor, ""]:
        """Return what to add to the mean loss of the tokens; remember how likely they were.

        Args:
            log_probs: of the true words, row by row, padding left out.
            lengths: how many each row has.
        """
        real = masks.padding(lengths.to(log_probs.device), choices.log_prob.shape[1]).squeeze(-2)
        rewards = torch.zeros_like(choices.log_prob).masked_scatter(real, log_probs.detach())
        # Against the mean before this batch: one of this batch would depend on the choices.
        above = (rewards - self.baseline * real).flip(1).cumsum(1).flip(1)
        gain = above * choices.log_prob + self.entropy_bonus * choices.entropy
        if self.training:
            self.baseline.lerp_(log_probs.detach().mean(), 1 - self.decay)
        return -gain.masked_select(real).sum() / max(1, len(log_probs))
