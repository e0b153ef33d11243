"""The comparisons, by what they are about; the sizes can be shrunk for a first look."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from regard import kernels
from regard.bench import rivals
from regard.bench.measuring import Case
from regard.functional import normalizers, scores
from regard.functional.masks import Window, causal, dense
from regard.kernels import attention, local

__all__ = ["SUITES", "Sizes"]

Attend = Callable[..., Tensor]


class Sizes:
    """Draws tensors on a device, with lengths divided by `shrink`."""

    def __init__(self, shrink: int, device: torch.device) -> None:
        self._shrink, self.device = shrink, device
        self._generator = torch.Generator().manual_seed(0)

    def length(self, length: int) -> int:
        """Return the length, shrunk, but two at least."""
        return max(2, length // self._shrink)

    def draw(self, *shape: int) -> Tensor:
        """Draw normal numbers that gradients reach."""
        drawn = torch.randn(shape, generator=self._generator).to(self.device)
        return drawn.requires_grad_()


Suite = Callable[[Sizes], Iterator[Case]]


def _additive(query: Tensor, key: Tensor, value: Tensor, energy: Tensor) -> Tensor:
    return attention(query, key, value, score=partial(scores.tanh_energy, energy=energy))


def _without_energy(query: Tensor, key: Tensor, value: Tensor, _: Tensor) -> Tensor:
    return rivals.dot_product(query, key, value)


def _forward(attend: Callable[..., object], *inputs: Tensor) -> Callable[[], object]:
    detached = [tensor.detach() for tensor in inputs]

    def run() -> object:
        with torch.no_grad():
            return attend(*detached)

    return run


def _with_backward(attend: Attend, *inputs: Tensor) -> Callable[[], object]:
    cotangent = torch.ones_like(attend(*inputs))

    def run() -> object:
        return torch.autograd.grad(attend(*inputs), inputs, cotangent, allow_unused=True)

    return run


WAYS = {"forward": _forward, "forward and backward": _with_backward}


def additive(sizes: Sizes) -> Iterator[Case]:
    """Additive attention (Bahdanau), float32, 8 x 128 queries and keys of width 512."""
    length = sizes.length(128)
    inputs = (*(sizes.draw(8, length, 512) for _ in range(3)), sizes.draw(512))
    absent = rivals.installed({"Keras AdditiveAttention": "keras"})
    sides: dict[str, Attend] = {
        "Regard": _additive,
        "as it is written": rivals.naive_additive,
        "the same, torch.compile": rivals.compiled_additive,
        "dot product, PyTorch's fused": _without_energy,
    }
    if not absent:
        sides["Keras AdditiveAttention"] = rivals.keras_additive(512)
    absent["FlexAttention"] = "its score_mod cannot sum over hidden units"
    for way, prepare in WAYS.items():
        runs = {side: prepare(attend, *inputs) for side, attend in sides.items()}
        yield Case(f"{way}, (8, {length}, {length}, 512)", runs, absent=absent)


def long(sizes: Sizes) -> Iterator[Case]:
    """Additive attention of one long sequence, forward and backward, and the memory that it takes.

    As it is written, each of its buffers would hold 8 GiB.
    """
    length = sizes.length(2048)
    inputs = (*(sizes.draw(1, length, 512) for _ in range(3)), sizes.draw(512))
    sides = {"Regard": _additive, "dot product, PyTorch's fused": _without_energy}
    runs = {side: _with_backward(attend, *inputs) for side, attend in sides.items()}
    yield Case(f"forward and backward, (1, {length}, {length}, 512)", runs)


def growth(sizes: Sizes) -> Iterator[Case]:
    """Additive attention at growing lengths, forward and backward, width 256."""
    energy = sizes.draw(256)
    sides = {
        "Regard": _additive,
        "as it is written": rivals.naive_additive,
        "the same, torch.compile": rivals.compiled_additive,
        "dot product, PyTorch's fused": _without_energy,
    }
    for length in map(sizes.length, (64, 128, 256, 512, 1024)):
        inputs = (*(sizes.draw(1, length, 256) for _ in range(3)), energy)
        runs = {side: _with_backward(attend, *inputs) for side, attend in sides.items()}
        yield Case(f"forward and backward, {length:,} positions", runs, length=length)


def step(sizes: Sizes) -> Iterator[Case]:
    """One step of a decoder with additive attention: one query, keys projected before."""
    length = sizes.length(50)
    query, key, value = (
        sizes.draw(64, 1, 512),
        sizes.draw(64, length, 512),
        sizes.draw(64, length, 512),
    )
    inputs = query, key, value, sizes.draw(512)
    sides = {"Regard": _additive, "as it is written": rivals.naive_additive}
    for way, prepare in WAYS.items():
        runs = {side: prepare(attend, *inputs) for side, attend in sides.items()}
        yield Case(f"{way}, (64, 1, {length}, 512)", runs)


def dot(sizes: Sizes) -> Iterator[Case]:
    """Scaled dot product: what our dispatch costs, and what windows and shared keys save."""
    length = sizes.length(512)
    inputs = [sizes.draw(8, 8, length, 64) for _ in range(3)]
    sides = {"Regard": attention, "PyTorch's fused": rivals.dot_product}
    for way, prepare in WAYS.items():
        runs = {side: prepare(attend, *inputs) for side, attend in sides.items()}
        yield Case(f"{way}, (8, 8 heads, {length}, 64)", runs)

    length = sizes.length(2048)
    inputs = [sizes.draw(1, 8, length, 64) for _ in range(3)]
    mask = causal(length, length, device=sizes.device)
    sides = {
        "Regard, Window(None, 0)": partial(attention, mask=Window(None, 0)),
        "PyTorch's fused, is_causal": partial(rivals.dot_product, is_causal=True),
        "PyTorch's fused, the mask": partial(rivals.dot_product, attn_mask=mask),
    }
    runs = {side: _with_backward(attend, *inputs) for side, attend in sides.items()}
    yield Case(f"causal, forward and backward, (1, 8 heads, {length}, 64)", runs)

    query = sizes.draw(1, 2, 4, length, 64)
    key, value = sizes.draw(1, 2, 1, length, 64), sizes.draw(1, 2, 1, length, 64)

    def repeated(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        key, value = (side.squeeze(2).repeat_interleave(4, dim=1) for side in (key, value))
        return rivals.dot_product(query.flatten(1, 2), key, value)

    runs = {
        "Regard": _with_backward(attention, query, key, value),
        "keys repeated": _with_backward(repeated, query, key, value),
    }
    yield Case(f"4 heads share keys, forward and backward, (1, 8 heads, {length}, 64)", runs)


def windows(sizes: Sizes) -> Iterator[Case]:
    """Scaled dot product within 64 positions of each query, 8 heads of width 64."""
    length = sizes.length(8192)
    inputs = [sizes.draw(1, 8, length, 64) for _ in range(3)]
    near = Window(64, 64)
    mask = dense(near, length, length, device=sizes.device)
    sides: dict[str, Attend] = {
        "Regard, Window(64, 64)": partial(attention, mask=near),
        "PyTorch's fused, the mask": partial(rivals.dot_product, attn_mask=mask),
    }
    flex = {"FlexAttention": rivals.flex_window(64, 64, length, sizes.device)}
    runs = {side: _forward(attend, *inputs) for side, attend in (sides | flex).items()}
    yield Case(f"forward, {length:,} positions", runs)

    untrained = sizes.device.type == "cpu"
    trained = sides if untrained else sides | flex
    absent = {"FlexAttention": "it cannot be trained on a CPU"} if untrained else {}
    runs = {side: _with_backward(attend, *inputs) for side, attend in trained.items()}
    yield Case(f"forward and backward, {length:,} positions", runs, absent=absent)


def window_growth(sizes: Sizes) -> Iterator[Case]:
    """Windows at growing lengths, forward and backward: scaled dot product, 8 heads of width 64."""
    sides: dict[str, Attend] = {
        "Regard, Window(64, 64)": partial(attention, mask=Window(64, 64)),
        "all positions, PyTorch's fused": rivals.dot_product,
    }
    for length in map(sizes.length, (1024, 2048, 4096, 8192, 16384)):
        inputs = [sizes.draw(1, 8, length, 64) for _ in range(3)]
        # All pairs of more would take minutes.
        some = list(sides.items())[: None if length <= sizes.length(8192) else 1]
        runs = {side: _with_backward(attend, *inputs) for side, attend in some}
        yield Case(f"forward and backward, {length:,} positions", runs, length=length)


def local_growth(sizes: Sizes) -> Iterator[Case]:
    """Local attention at growing lengths, forward and backward: 10 keys on either side, width 64.

    Centres lie anywhere, as those that are predicted do at first; a window needs none.
    """
    for length in map(sizes.length, (1024, 2048, 4096, 8192, 16384)):
        query, key, value = (sizes.draw(1, length, 64) for _ in range(3))
        centre = (length * sizes.draw(1, length).detach().sigmoid()).requires_grad_()
        inputs = query, key, value, centre
        sides: dict[str, Attend] = {
            "Regard, local-p": partial(local.damped_attention, half_width=10),
            "local-m, Window(10, 10)": _within_ten,
        }
        if length <= sizes.length(4096):
            sides["as it is defined"] = _damped_by_definition
        runs = {side: _with_backward(attend, *inputs) for side, attend in sides.items()}
        yield Case(f"forward and backward, {length:,} positions", runs, length=length)


def _within_ten(query: Tensor, key: Tensor, value: Tensor, _: Tensor) -> Tensor:
    return attention(query, key, value, mask=Window(10, 10))


def _damped_by_definition(query: Tensor, key: Tensor, value: Tensor, centre: Tensor) -> Tensor:
    return local.damped_attention_weights(query, key, centre, half_width=10) @ value


def sparse(sizes: Sizes) -> Iterator[Case]:
    """Sparse normalizers of two million scores, forward and backward, by the number of keys."""
    absent = rivals.installed({"the package entmax": "entmax"})
    for num_keys in map(sizes.length, (128, 512, 1024, 2048, 4096, 8192)):
        scored = sizes.draw(max(1, sizes.length(2**21) // num_keys), num_keys)
        alpha = torch.tensor(1.3, device=sizes.device, requires_grad=True)
        for title, ours, inputs in (
            ("sparsemax", normalizers.sparsemax, [scored]),
            ("entmax15", normalizers.entmax15, [scored]),
            ("entmax, learnt alpha", _entmax, [scored, alpha]),
        ):
            sides: dict[str, Attend] = {"Regard": ours}
            if not absent:
                sides["the package entmax"] = rivals.entmax_package(title.partition(",")[0])
            sides["softmax, for comparison"] = _softmax
            runs = {side: _with_weighed_backward(run, *inputs) for side, run in sides.items()}
            yield Case(f"{title}, {num_keys:,} keys", runs, absent=absent)


def _entmax(scored: Tensor, alpha: Tensor) -> Tensor:
    return normalizers.entmax(scored, alpha=alpha)


def _softmax(scored: Tensor, _: Tensor | None = None) -> Tensor:
    return scored.softmax(dim=-1)


def _with_weighed_backward(normalizer: Attend, *inputs: Tensor) -> Callable[[], object]:
    """Weigh what goes back: weights that sum to one have no gradient from their sum."""
    scored = inputs[0]
    cotangent = torch.linspace(-1, 1, scored.shape[-1], device=scored.device).expand_as(scored)

    def run() -> object:
        return torch.autograd.grad(normalizer(*inputs), inputs, cotangent, allow_unused=True)

    return run


def weights(sizes: Sizes) -> Iterator[Case]:
    """Weights on demand, beside the fast pass that does not have them."""
    length = sizes.length(2048)
    query, key, value = (sizes.draw(1, 8, length, 64) for _ in range(3))
    rows = torch.arange(0, length, max(1, length // 32), device=sizes.device)

    def with_rows(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        found = kernels.weights_on_demand(query, key).rows(rows)
        return found, attention(query, key, value)

    def with_all(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        found = kernels.attention_weights(query, key)
        return found, found @ value

    sides: dict[str, Callable[..., object]] = {
        "context alone": attention,
        f"and {len(rows)} rows of weights": with_rows,
        "all weights, then the context": with_all,
    }
    runs = {side: _forward(run, query, key, value) for side, run in sides.items()}
    yield Case(f"forward, (1, 8 heads, {length}, 64)", runs)


SUITES: dict[str, Suite] = {
    suite.__name__: suite
    for suite in (
        additive,
        long,
        growth,
        step,
        dot,
        weights,
        windows,
        window_growth,
        local_growth,
        sparse,
    )
}
"""By name, in the order in which they are run."""
