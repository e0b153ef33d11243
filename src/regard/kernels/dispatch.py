"""The table of kernels, and the verb that picks one of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from regard.functional import attention as reference
from regard.functional.masks import Window
from regard.functional.normalizers import softmax
from regard.functional.scores import scaled_dot
from regard.interfaces import Normalizer
from regard.kernels import inner_product, tanh_energy, tanh_energy_softmax, windowed
from regard.kernels.call import Call, take_apart

__all__ = [
    "TABLE",
    "Kernel",
    "attend",
    "attention",
    "attention_weights",
    "explain",
    "forced",
    "only",
    "weigh",
]


class Kernel(NamedTuple):
    """One way to compute attention.

    `refuses` says why it cannot take a call, None if it can; `declines` why it had better not.
    `weights` is for those that have the weights to themselves on the way.
    """

    name: str
    refuses: Callable[[Call], str | None]
    attention: Callable[[Call], Tensor]
    declines: Callable[[Call], str | None] = lambda call: None
    weights: Callable[[Call], Tensor] | None = None


def _compose(call: Call) -> Tensor:
    return reference.attention(call.query, call.key, call.value, **call.options)


def _compose_weights(call: Call) -> Tensor:
    return reference.attention_weights(call.query, call.key, **call.options)


def _in_chunks(call: Call) -> Tensor:
    # What computes the chunks is not what `only` is about.
    return windowed.attention(call, lambda chunks: _best(chunks).attention(chunks))


TABLE = (
    Kernel("windowed", windowed.refuses, _in_chunks, windowed.declines),
    Kernel(
        "inner_product",
        inner_product.refuses,
        inner_product.attention,
        inner_product.declines,
    ),
    Kernel(
        "tanh_energy_softmax",
        tanh_energy_softmax.refuses,
        tanh_energy_softmax.attention,
        tanh_energy_softmax.declines,
    ),
    Kernel(
        "tanh_energy",
        tanh_energy.refuses,
        tanh_energy.attention,
        tanh_energy.declines,
        tanh_energy.weights,
    ),
    Kernel("reference", lambda call: None, _compose, weights=_compose_weights),
)
"""The kernels, best first; the first that neither refuses nor declines a call runs it."""

_forced: list[str] = []
"""The kernels that `only` names, innermost last. A context variable would break compilation."""


@contextmanager
def only(name: str) -> Iterator[None]:
    """Let one kernel alone compute attention, in all threads; a call that it refuses is an error.

    It then also takes calls for which another kernel would be faster.

    Raises:
        ValueError: there is no kernel of that name.

    >>> import torch
    >>> with only("reference"):
    ...     context = attention(torch.zeros(1, 2), torch.zeros(3, 2), torch.ones(3, 4))
    """
    names = [kernel.name for kernel in TABLE]
    if name not in names:
        raise ValueError(f"there is no kernel {name!r}; there are {', '.join(names)}")
    _forced.append(name)
    try:
        yield
    finally:
        _forced.pop()


def attention(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    value: Float[Tensor, "*#batch key value_dim"],
    *,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    bias: Tensor | None = None,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Float[Tensor, "*batch query value_dim"]:
    r"""Return the values, weighed by how much each query attends to their keys.

    $$c_i = \sum_j w_{ij} v_j, \quad
    w_i = \operatorname{normalizer}(\operatorname{score}(q_i, k) + b_i, \; m_i)$$

    Computed by the fastest kernel that gives this answer; `regard.kernels.explain` names it.
    A query that may attend nothing gets 0.

    Args:
        score: a score of `regard.scores` with its parameters bound by `functools.partial`, a score
            module of `regard.nn`, or any function of query and key.
        bias: finite numbers added to the scores, broadcastable to `*batch query key`.
        mask: boolean, True = may attend, broadcastable to `*batch query key`, or a `masks.Window`,
            whose cost is linear in the number of keys; None = everything.
        normalizer: a normalizer of `regard.normalizers`, or any function of scores and mask.

    Source: Bahdanau et al. 2015, eq. 5-6, for any score and normalizer.
    Cost: that of the kernel.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `bias` or `mask` does not broadcast to the scores, query and key do not fit the
            score, leading axes do not broadcast, or there are not as many values as keys.

    >>> import torch
    >>> attention(torch.zeros(1, 2), torch.zeros(2, 2), torch.tensor([[1.0], [3.0]]))
    tensor([[2.]])
    """
    call = take_apart(query, key, value, score, bias, mask, normalizer)
    _check(call)
    return attend(call)


def forced() -> str | None:
    """Return the kernel that `only` names."""
    return _forced[-1] if _forced else None


def attend(call: Call) -> Tensor:
    """Compute a call that fits together."""
    return _choose(call).attention(call)


def attention_weights(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    *,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    bias: Tensor | None = None,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Float[Tensor, "*batch query key"]:
    r"""Return how much each query attends to each key.

    $$w_i = \operatorname{normalizer}(\operatorname{score}(q_i, k) + b_i, \; m_i)$$

    The arguments are those of `regard.attention`. `regard.weights_on_demand` gives some rows and
    heads without the rest.

    Source: Bahdanau et al. 2015, eq. 6, for any score and normalizer.
    Cost: that of the score; one query x key matrix.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `bias` or `mask` does not broadcast to the scores, or query and key not to each
            other.

    >>> import torch
    >>> attention_weights(torch.zeros(1, 2), torch.zeros(4, 2))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    # There are no values; whoever weighs does not look at them.
    return weigh(take_apart(query, key, key, score, bias, mask, normalizer))


def weigh(call: Call) -> Tensor:
    """Return the weights of a call, by the fastest kernel that has them; values are not looked at.

    One that only reads out, though `only` names it, leaves this to the reference.
    """
    for kernel in TABLE:
        if kernel.weights is None or (_forced and kernel.name != _forced[-1]):
            continue
        if kernel.refuses(call) is None and (_forced or kernel.declines(call) is None):
            return kernel.weights(call)
    return _compose_weights(call)


def explain(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    bias: Tensor | None = None,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> str:
    """Say which kernel `regard.attention` runs for these arguments, and why not the others.

    Within `only`, the kernel that it names is the one to run, or to say why it does not.

    >>> import torch
    >>> q = torch.zeros(1, 2)
    >>> print(explain(q, q, q, normalizer=softmax))
    windowed: it takes a window
    inner_product: runs
    tanh_energy_softmax: it compares by tanh_energy; this score compares by scaled_dot
    tanh_energy: it compares by tanh_energy; this score compares by scaled_dot
    reference: not needed
    """
    call = take_apart(query, key, value, score, bias, mask, normalizer)
    _check(call)
    lines, runs = [], False
    for kernel in TABLE:
        reason = kernel.refuses(call)
        if not _forced:
            reason = reason or kernel.declines(call)
        elif kernel.name != _forced[-1]:
            reason = f"set aside by only({_forced[-1]!r})"
        lines.append(f"{kernel.name}: {reason or ('not needed' if runs else 'runs')}")
        runs = runs or reason is None
    return "\n".join(lines)


def _choose(call: Call) -> Kernel:
    if not _forced:
        return _best(call)
    [kernel] = (kernel for kernel in TABLE if kernel.name == _forced[-1])
    if (reason := kernel.refuses(call)) is not None:
        raise ValueError(f"only the kernel {kernel.name!r} may run, and it refuses: {reason}")
    return kernel


def _best(call: Call) -> Kernel:
    for kernel in TABLE:
        if kernel.refuses(call) is None and kernel.declines(call) is None:
            return kernel
    raise AssertionError("the reference kernel refuses nothing")


def _check(call: Call) -> None:
    shape = reference.scores_shape(call.query, call.key, call.value)
    reference.check(shape, bias=call.bias, mask=call.mask)
