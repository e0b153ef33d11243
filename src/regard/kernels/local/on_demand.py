"""Weights around a centre, on demand: those of any queries, and what all of them say together."""

from collections.abc import Callable

from jaxtyping import Float, Real
from torch import Tensor

from regard.functional.attention import scores_shape
from regard.functional.local import Form, biased, check, damped, undamped
from regard.functional.masks import Window
from regard.functional.normalizers import softmax
from regard.functional.scores import scaled_dot
from regard.interfaces import Normalizer
from regard.kernels.call import Call, take_apart
from regard.kernels.local.reading import spelt_out, weights
from regard.kernels.weights import OfCall, OfHeads, Weights, chosen

__all__ = ["biased_weights_on_demand", "damped_weights_on_demand", "weights_on_demand"]


def weights_on_demand(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    centre: Real[Tensor, "*#batch #query"],
    *,
    half_width: int,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Weights:
    """Return the weights of `attention_weights` as something to be asked: nothing is computed yet.

    Source: Luong et al. 2015, section 3.2 (local-m, with p_t = t), row by row.
    Cost: the projections of query and key; then that of all keys for each query that is asked for.

    Raises:
        TypeError: as `attention_weights`.
        ValueError: as `attention_weights`.

    >>> import torch
    >>> query, key, centre = torch.zeros(9, 2), torch.zeros(5, 2), torch.full((9,), 3.0)
    >>> weights_on_demand(query, key, centre, half_width=1).rows([7])
    tensor([[0.0000, 0.0000, 0.3333, 0.3333, 0.3333]])
    """
    call = take_apart(query, key, key, score, None, mask, normalizer)
    return _Around(call, centre, half_width, undamped)


def damped_weights_on_demand(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    centre: Real[Tensor, "*#batch #query"],
    *,
    half_width: int,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Weights:
    """Return the weights of `damped_attention_weights` as something to be asked.

    Source: Luong et al. 2015, eq. 10 (local-p), row by row.
    Cost: that of `weights_on_demand`.

    Raises:
        TypeError: as `attention_weights`.
        ValueError: as `attention_weights`.

    >>> import torch
    >>> query, key, centre = torch.zeros(9, 2), torch.zeros(4, 2), torch.full((9,), 2.0)
    >>> damped_weights_on_demand(query, key, centre, half_width=1).rows([7])
    tensor([[0.0000, 0.0451, 0.3333, 0.0451]])
    """
    call = take_apart(query, key, key, score, None, mask, normalizer)
    return _Around(call, centre, half_width, damped)


def biased_weights_on_demand(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    centre: Real[Tensor, "*#batch #query"],
    *,
    half_width: int,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Weights:
    """Return the weights of `biased_attention_weights` as something to be asked.

    Source: Yang et al. 2018 (Modeling Localness for Self-Attention Networks), eq. 4-5, row by row.
    Cost: that of `weights_on_demand`.

    Raises:
        TypeError: as `attention_weights`.
        ValueError: as `attention_weights`.

    >>> import torch
    >>> query, key, centre = torch.zeros(9, 2), torch.zeros(4, 2), torch.full((9,), 2.0)
    >>> biased_weights_on_demand(query, key, centre, half_width=1).rows([7])
    tensor([[0.0000, 0.1065, 0.7870, 0.1065]])
    """
    call = take_apart(query, key, key, score, None, mask, normalizer)
    return _Around(call, centre, half_width, biased)


class _Around(OfCall):
    """Weights of a call whose queries look around centres."""

    def __init__(self, call: Call, centre: Tensor, half_width: int, form: Form) -> None:
        super().__init__(call)
        check(scores_shape(call.query, call.key), centre, half_width, call.mask)
        self._centre, self._half_width, self._form = centre, half_width, form

    def all(self) -> Tensor:
        return weights(self._call, self._centre, self._half_width, self._form)

    def _of_rows(self, index: Tensor) -> Call:
        centre = chosen(self._centre, -1, index, self.shape[-2])
        return spelt_out(super()._of_rows(index), centre, self._half_width, self._form)

    def _of_heads(self, index: Tensor) -> Weights:
        # Centres may differ from head to head.
        return OfHeads(self, index)
