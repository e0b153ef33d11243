"""Learning from choices that were drawn: REINFORCE."""

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional import masks
from regard.interfaces import Choices

__all__ = ["Reinforce"]

PRIOR = 5.0
"""How many words of usual reward every word is taken to have been seen as, to begin with."""


class Reinforce(nn.Module):
    r"""Make choices likelier that were followed by greater rewards than usual.

    $$-\frac{1}{N} \sum_t \Big[ R_t \log \pi(a_t) + \lambda H(\pi_t) \Big], \quad
    R_t = \sum_{t' \ge t} \gamma^{t' - t} \big( r_{t'} - b_{y_{t'}} \big)$$

    The reward r of a word is how likely it was, $\log P(y_t)$; or that, less how likely it would
    have been from what a choice is expected to find, which says how hard the word was. The baseline
    b is what each word has lately had: a moving mean, nearer that of all words the less it was
    seen. It does not depend on the choices. With a discount of 1 and rewards of the first kind, the
    gradient is that of the expected loss, without bias (apart from the entropy's). With 0, a choice
    answers for the word predicted from it alone: that leaves out what it has changed in those
    further on by the decoder's state, and nearly all of the noise.

    Args:
        num_words: in the target vocabulary.
        discount: gamma.
        entropy_bonus: lambda, which keeps the choices open.
        decay: of the moving means, a batch.

    Source: Williams 1992; Xu et al. 2015, section 4.1 (moving baseline, entropy); Deng et al. 2018
    (a choice is rewarded by its word, less what soft attention gives that).
    Differs: one baseline a word; the reward is not weakened (Xu's lambda_r is 1/10 in code); a
    batch that is read softly has no entropy bonus. Where labels are smoothed, the reward is still
    how likely the true words were, and the gradient that of the loss without smoothing.
    """

    total: Tensor
    number: Tensor

    def __init__(
        self,
        num_words: int,
        *,
        discount: float = 0.0,
        entropy_bonus: float = 0.002,
        decay: float = 0.98,
    ) -> None:
        super().__init__()
        self.discount = discount
        self.entropy_bonus = entropy_bonus
        self.decay = decay
        self.register_buffer("total", torch.zeros(num_words))
        self.register_buffer("number", torch.zeros(num_words))

    def forward(
        self,
        rewards: Float[Tensor, " tokens"],
        words: Int[Tensor, " tokens"],
        lengths: Int[Tensor, " batch"],
        choices: Choices,
    ) -> Float[Tensor, ""]:
        """Return what to add to the mean loss of the tokens; remember the rewards.

        Args:
            rewards: of the true words, row by row, padding left out.
            words: which they are.
            lengths: how many each row has.
        """
        rewards = rewards.detach()
        real = masks.padding(lengths.to(rewards.device), choices.log_prob.shape[1]).squeeze(-2)
        # Against what was usual before this batch: means of this batch would depend on the choices.
        above = torch.zeros_like(choices.log_prob)
        above = above.masked_scatter(real, (rewards - self.baseline(words)).to(above.dtype))
        gain = self._returns(above) * choices.log_prob + self.entropy_bonus * choices.entropy
        if self.training:
            self._remember(rewards, words)
        return -gain.masked_select(real).sum() / max(1, len(words))

    def baseline(self, words: Int[Tensor, " tokens"]) -> Float[Tensor, " tokens"]:
        """Return the reward that each word has usually had."""
        usual = self.total.sum() / self.number.sum().clamp(min=1)
        return (self.total[words] + PRIOR * usual) / (self.number[words] + PRIOR)

    def _returns(self, rewards: Float[Tensor, "batch target"]) -> Float[Tensor, "batch target"]:
        """Return the sum of each reward and those after it, which are discounted."""
        steps = torch.arange(rewards.shape[1], device=rewards.device)
        distance = (steps - steps.unsqueeze(1)).abs().to(rewards.dtype)
        return (rewards.unsqueeze(1) * (self.discount**distance).triu()).sum(dim=-1)

    def _remember(self, rewards: Float[Tensor, " tokens"], words: Int[Tensor, " tokens"]) -> None:
        kept = rewards.to(self.total.dtype)
        more = torch.stack([kept, torch.ones_like(kept)], dim=1)
        seen = kept.new_zeros(len(self.total), 2).index_add(0, words, more)
        num_batches = 1
        if dist.is_initialized():  # each process has a batch, and all go on with the same baselines
            dist.all_reduce(seen)
            num_batches = dist.get_world_size()
        for remembered, new in ((self.total, seen[:, 0]), (self.number, seen[:, 1])):
            remembered.mul_(self.decay**num_batches).add_(new)
