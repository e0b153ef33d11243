"""Who may attend whom: boolean tensors, True = may attend, broadcastable to `*batch query key`.

Masks combine with `&` and `|`, or with `combine`, which leaves out those that are None; a `Window`
has what restricts it further as its third part. Positions
are aligned to the end of the keys: the last query stands at the last key, so that a decoding step
with one query and all keys so far needs no special case.

A `Window(before, after)` says the same as `window` and `causal` without spelling it out, which is
what makes attention linear in length.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from regard.interfaces import Tokens

__all__ = [
    "Window",
    "causal",
    "check_boolean",
    "check_window",
    "combine",
    "dense",
    "document",
    "offsets",
    "padding",
    "prefix",
    "real",
    "window",
]


class Window(NamedTuple):
    """A mask that is not spelt out: a query may attend its own position and those around it.

    `before` and `after` count keys, None = all; `mask` restricts further. Positions are aligned to
    the end of the keys, as everywhere.

    What is infinite or not a number in a key or value reaches those who may attend it, and may
    reach others: a mask is no safeguard against it.
    """

    before: int | None
    after: int | None
    mask: Bool[Tensor, "*#batch #query #key"] | None = None


def check_boolean(mask: Tensor | None) -> None:
    """Refuse a mask that is not boolean.

    Source: the convention of this module.

    Raises:
        TypeError: it is not.
    """
    if mask is not None and mask.dtype != torch.bool:
        raise TypeError(
            f"mask must be boolean, True = may attend; got {mask.dtype}. "
            "Numbers to be added to the scores are passed as bias."
        )


def check_window(window: Window) -> None:
    """Refuse a window that ends before its query, or begins after it.

    Source: the convention of this module.

    Raises:
        TypeError: a bound is not a whole number.
        ValueError: it does.
    """
    for count in (window.before, window.after):
        whole = isinstance(count, int | torch.SymInt) and not isinstance(count, bool)
        if count is not None and not whole:
            raise TypeError(
                "before and after count keys, whole numbers or None for all; got "
                f"{window.before!r} and {window.after!r}"
            )
    if min(count for count in (window.before, window.after, 0) if count is not None) < 0:
        raise ValueError(
            f"before and after count keys, 0 or more; got {window.before} and {window.after}"
        )


def dense(
    mask: Tensor | Window | None,
    query_len: int,
    key_len: int,
    *,
    rows: Int[Tensor, " rows"] | None = None,
    device: torch.device | None = None,
) -> Tensor | None:
    """Spell out a mask that may be a `Window`, for all queries or only those of some rows.

    A mask that is spelt out already, as such or within the window, stays as it is.

    Source: see `window`.

    Raises:
        ValueError: `before` or `after` is negative.

    >>> dense(Window(before=None, after=0), 2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """
    if not isinstance(mask, Window):
        return mask
    before = key_len if mask.before is None else mask.before
    after = query_len if mask.after is None else mask.after
    if rows is None:
        offset = offsets(query_len, key_len, device)
    else:
        offset = offsets(1, key_len, device) + (query_len - 1 - rows).unsqueeze(-1)
    return combine((offset >= -before) & (offset <= after), mask.mask)


def combine(*masks: Tensor | None) -> Tensor | None:
    """Allow what every given mask allows; None allows everything.

    Source: logical conjunction.

    >>> combine(torch.tensor([True, True]), None, torch.tensor([True, False]))
    tensor([ True, False])
    """
    combined: Tensor | None = None
    for mask in masks:
        if mask is not None:
            combined = mask if combined is None else combined & mask
    return combined


def padding(lengths: Int[Tensor, "*batch"], key_len: int) -> Bool[Tensor, "*batch 1 key"]:
    """Allow the first `lengths` keys of each sequence.

    Source: Bahdanau et al. 2015, section 3.1, whose sums run over the real positions.

    Raises:
        ValueError: a length is negative or above `key_len`.

    >>> padding(torch.tensor([1, 3]), 3)
    tensor([[[ True, False, False]],
    <BLANKLINE>
            [[ True,  True,  True]]])
    """
    if not torch.compiler.is_compiling() and lengths.numel():
        shortest, longest = (int(bound) for bound in torch.aminmax(lengths))
        if shortest < 0 or longest > key_len:
            raise ValueError(
                f"lengths must lie in 0..{key_len}, the number of keys; got {shortest}..{longest}"
            )
    positions = torch.arange(key_len, device=lengths.device)
    return (positions < lengths.unsqueeze(-1)).unsqueeze(-2)


def real(text: Tokens) -> Bool[Tensor, "batch 1 length"]:
    """Allow the tokens of each text, and not its padding, on the device of their ids.

    Source: see `padding`.

    Raises:
        ValueError: a length is negative or above that of the ids.

    >>> real(Tokens(torch.tensor([[4, 5], [6, 0]]), torch.tensor([2, 1]))).squeeze(1)
    tensor([[ True,  True],
            [ True, False]])
    """
    return padding(text.lengths.to(text.ids.device), text.ids.shape[1])


def offsets(
    query_len: int, key_len: int, device: torch.device | None = None
) -> Int[Tensor, "query key"]:
    """Return how far behind (negative) or ahead of (positive) its query each key stands.

    Source: the convention of this module, that the last query stands at the last key.

    >>> offsets(1, 3)
    tensor([[-2, -1,  0]])
    """
    query = torch.arange(key_len - query_len, key_len, device=device)
    key = torch.arange(key_len, device=device)
    return key - query.unsqueeze(-1)


def causal(
    query_len: int, key_len: int, *, device: torch.device | None = None
) -> Bool[Tensor, "query key"]:
    """Allow each query its own position and those before it.

    Source: Vaswani et al. 2017, section 3.2.3.

    >>> causal(2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """
    return offsets(query_len, key_len, device) <= 0


def window(
    query_len: int, key_len: int, *, before: int, after: int, device: torch.device | None = None
) -> Bool[Tensor, "query key"]:
    """Allow each query its own position, `before` keys before it and `after` keys after it.

    Source: Luong et al. 2015, section 3.2 (local-m, with before = after = D).
    Differs: there the first query stands at the first key; here the last at the last. They are the
    same where there are as many queries as keys.

    Raises:
        ValueError: `before` or `after` is negative.

    >>> window(3, 3, before=1, after=0)
    tensor([[ True, False, False],
            [ True,  True, False],
            [False,  True,  True]])
    """
    check_window(Window(before, after))
    offset = offsets(query_len, key_len, device)
    return (offset >= -before) & (offset <= after)


def document(
    query_document: Int[Tensor, "*#batch query"], key_document: Int[Tensor, "*#batch key"]
) -> Bool[Tensor, "*#batch query key"]:
    """Allow each query the keys of its own document, for documents packed into one sequence.

    Source: Krell et al. 2021 (Efficient Sequence Packing without Cross-contamination), section 3.

    >>> document(torch.tensor([0, 1]), torch.tensor([0, 0, 1]))
    tensor([[ True,  True, False],
            [False, False,  True]])
    """
    return query_document.unsqueeze(-1) == key_document.unsqueeze(-2)


def prefix(
    prefix_lengths: Int[Tensor, "*batch"], query_len: int, key_len: int
) -> Bool[Tensor, "*batch query key"]:
    """Allow every query the whole prefix, and beyond it only its own and earlier positions.

    Source: Raffel et al. 2020 (T5), section 3.2.1, "causal with prefix".

    >>> prefix(torch.tensor(2), 3, 3)
    tensor([[ True,  True, False],
            [ True,  True, False],
            [ True,  True,  True]])
    """
    in_prefix = padding(prefix_lengths, key_len)
    return in_prefix | causal(query_len, key_len, device=prefix_lengths.device)
