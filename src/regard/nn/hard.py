"""Attention that reads one key: trained by what its choices were worth, or by weighing them all."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from regard.functional.normalizers import gumbel_hardmax, hardmax, softmax
from regard.functional.precision import at_least_float32
from regard.interfaces import Choices, Memory
from regard.nn.attention import Attention, check_one_query
from regard.nn.scores import ScoreModule

__all__ = ["HardAttention", "MarginalAttention"]


class HardAttention(Attention):
    r"""Read one key: in training one that is drawn, otherwise the best.

    $$a \sim \operatorname{softmax}(\text{scores}), \quad \text{context} = v_a$$

    It is `read` that draws, and no gradient reaches the scores through what is read. What the
    choices were is left behind in the memory, for a training that rewards them (REINFORCE): see
    `choices`. Its weights are, in training, how likely each key is to be drawn; called, it gives
    what is expected of a draw then.

    Args:
        score: how well each key matches each query.
        soft_share: how often a memory is read softly in training, by all keys, as it is expected.

    Source: Xu et al. 2015, section 4.1; the soft share from the end of that section.
    Differs: theirs reads softly half of the time; with three quarters translations were better.

    Raises:
        ValueError: `soft_share` is not a share.

    >>> from regard.nn import DotScore
    >>> attention = HardAttention(DotScore(), soft_share=0.0)
    >>> memory = attention.memory(torch.tensor([[[-9.0], [9.0]]]), torch.tensor([[[5.0], [7.0]]]))
    >>> context, memory = attention.read(torch.full((1, 1, 1), 9.0), memory)
    >>> context.item(), attention.choices(memory).log_prob
    (7.0, tensor([[0.]]))
    """

    def __init__(self, score: ScoreModule, *, soft_share: float = 0.75) -> None:
        super().__init__(score, _SoftInTraining())
        if not 0 <= soft_share <= 1:
            raise ValueError(f"soft_share must lie in 0…1; got {soft_share}")
        self.soft_share = soft_share

    def memory(
        self,
        key: Float[Tensor, "batch key key_dim"],
        value: Float[Tensor, "batch key value_dim"],
        mask: Tensor | None = None,
    ) -> Memory:
        """Project the keys, once for all the queries that will read; nothing is chosen yet.

        Args:
            mask: boolean, True = may attend, broadcastable to `batch 1 key`.
        """
        memory = super().memory(key, value, mask)
        if not self.training or torch.rand(()) < self.soft_share:
            return memory
        return memory._replace(before=torch.zeros(len(key), 0, 2, device=key.device))

    def read(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> tuple[Float[Tensor, "batch query value_dim"], Memory]:
        """Read, and return the memory for the next query, which knows what was chosen.

        Raises:
            ValueError: a key is drawn, and there is more than one query, or the memory was made in
                training, and this is not.
        """
        if memory.before is None:
            return self(query, memory), memory
        if not self.training:
            raise ValueError("a memory that was made in training cannot be read otherwise")
        check_one_query(query)
        likely = at_least_float32(self.weights(query, memory))
        logs = likely.clamp(min=torch.finfo(likely.dtype).tiny).log()
        drawn = gumbel_hardmax(logs.detach(), memory.mask)
        log_prob, negative_entropy = (drawn * logs).sum(-1), (likely * logs).sum(-1)
        chosen = torch.stack([log_prob, -negative_entropy], dim=-1)
        context = drawn.to(memory.value.dtype) @ memory.value
        return context, memory._replace(before=torch.cat([memory.before, chosen], dim=1))

    def choices(self, memory: Memory) -> Choices | None:
        """Return what the queries up to here have chosen; None, where they have read softly."""
        return None if memory.before is None else Choices(*memory.before.unbind(-1))


class _SoftInTraining(nn.Module):
    """Weigh by a softmax in training, and put all the weight on the best key otherwise."""

    def forward(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        return softmax(scores, mask) if self.training else hardmax(scores, mask)


class MarginalAttention(Attention):
    r"""Read softly, but predict from one key at a time, and weigh the predictions.

    $$P(y) = \sum_{a \in \text{top } k} w_a \, P(y \mid v_a)$$

    Args:
        score: how well each key matches each query.
        num_alternatives: k, how many of the likeliest keys are weighed.

    Source: Shankar et al. 2018 (Surprisingly Easy Hard-Attention for Sequence to Sequence
    Learning): the decoder's state goes on from the soft context.
    Differs: the weights of the k keys are made to sum to one, so that words' probabilities do.

    Raises:
        ValueError: `num_alternatives` is not positive.
    """

    def __init__(self, score: ScoreModule, *, num_alternatives: int = 6) -> None:
        super().__init__(score)
        if num_alternatives < 1:
            raise ValueError(f"num_alternatives counts keys, 1 or more; got {num_alternatives}")
        self.num_alternatives = num_alternatives

    def alternatives(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> tuple[
        Float[Tensor, "batch query alternatives value_dim"],
        Float[Tensor, "batch query alternatives"],
    ]:
        """Return the values of the likeliest keys, and their shares, which sum to one.

        A sequence of fewer keys has the shares of those it lacks at (almost) 0; one without any has
        alternatives of 0 and equal shares.
        """
        weights = at_least_float32(self.weights(query, memory))
        key_len, num_found = weights.shape[-1], self.num_alternatives
        if torch.compiler.is_exporting():  # as many for every number of keys
            found, key = F.pad(weights, (0, num_found)).topk(num_found, dim=-1)
            key = key.clamp(max=key_len - 1)
        else:
            num_found = min(num_found, key_len)
            found, key = weights.topk(num_found, dim=-1)
        rows = torch.arange(key.shape[0], device=key.device).view(-1, 1, 1)
        value = memory.value[rows, key] * (found > 0).unsqueeze(-1)
        if num_found == 0:  # without keys, there is one alternative: nothing
            value, found = F.pad(value, (0, 0, 0, 1)), F.pad(found, (0, 1))
        shares = found.clamp(min=torch.finfo(found.dtype).tiny)
        return value, shares / shares.sum(dim=-1, keepdim=True)
