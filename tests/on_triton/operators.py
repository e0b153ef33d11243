"""The operators of the fused tanh energy x softmax: sparing with memory, and at home in PyTorch."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import regard
from regard import kernels, scores
from regard.functional.masks import Window
from regard.kernels import tanh_energy_softmax, tanh_energy_triton
from tests.drawing import draws
from tests.on_triton.asking import (
    DEVICE,
    KERNEL,
    NUMPY_MAY_OVERFLOW,
    allowed,
    answers,
    asked,
)
from tests.questions import leaf

pytestmark = NUMPY_MAY_OVERFLOW


class Largest(TorchDispatchMode):
    """Sees how many bytes the largest tensor has that is made."""

    num_bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            # A view takes no memory.
            if isinstance(tensor, Tensor) and tensor._base is None:
                self.num_bytes = max(self.num_bytes, tensor.nbytes)
        return made


class LaunchesNothing:
    """A program that leaves what it should write as it was."""

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        return lambda *args, **options: None


def largest_made(length: int) -> int:
    """Make what attending over so many positions needs, forwards and backwards."""
    question = asked((1, 2), length, length, hidden=2, value_dim=2)
    given = [side.detach() for side in (question.query, question.key, question.value)]
    options = (question.leaves["energy"].detach(), None, torch.ones(1, 1, 1, length) > 0, None, 0)
    with Largest() as seen:
        context, normalizer = tanh_energy_triton.forward(*given, *options)
        tanh_energy_triton.backward(*given, *options, normalizer, context, False)
    return seen.num_bytes


def test_memory_is_linear_in_length(monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("attend", "weigh", "sum_over_others"):
        monkeypatch.setattr(tanh_energy_triton, program, LaunchesNothing())
    float32, at_once = 4, tanh_energy_triton.AT_ONCE
    for length in (2000, 4000):
        assert largest_made(length) == float32 * at_once * length


@pytest.mark.gpu
def test_the_peak_of_memory_is_linear_in_length() -> None:
    peaks = []
    for length in (8192, 16384):
        question = asked((1,), length, length, hidden=64, value_dim=64)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        answers(question)
        peaks.append(torch.cuda.max_memory_allocated() - before)
    assert peaks[1] <= 2.2 * peaks[0]


def test_what_is_kept_for_backward_is_no_more_than_what_came() -> None:
    kept = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    question = asked((2,), 40, 50, mask=torch.arange(50) < 45)
    with (
        kernels.only(KERNEL),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        question.context()
    given = [question.query, question.key, question.value, question.leaves["energy"]]
    assert sum(kept) == sum(tensor.numel() for tensor in given) + 50 + 2 * 40


def test_again_is_bit_by_bit_the_same() -> None:
    question = asked((1,), 20, 140, mask=allowed(5, 20, 140))
    once, again = answers(question), answers(question)
    assert all(torch.equal(once[name], again[name]) for name in once)


def test_maps_over_another_axis() -> None:
    question = asked()
    given = [question.query, question.key, question.value, question.leaves["energy"]]
    query, key, value, energy = (tensor.detach() for tensor in given)

    def attend(query: Tensor, energy: Tensor) -> Tensor:
        score = partial(scores.tanh_energy, energy=energy)
        return regard.attention(query, key, value, score=score)

    several = torch.stack([query, 2 * query]), torch.stack([energy, -energy])
    with kernels.only(KERNEL):
        mapped = torch.func.vmap(attend)(*several)
        expected = torch.stack([attend(*pair) for pair in zip(*several, strict=True)])
    torch.testing.assert_close(mapped, expected, rtol=1e-6, atol=1e-6)


def test_gradients_map_over_another_axis() -> None:
    question = asked(mask=Window(1, 1))
    with kernels.only(KERNEL):
        context = question.context()
    grads = draws(8, torch.float32)(2, *context.shape).to(DEVICE)
    [mapped] = torch.autograd.grad(
        context, question.query, grads, is_grads_batched=True, retain_graph=True
    )
    for one, grad in zip(mapped, grads, strict=True):
        [expected] = torch.autograd.grad(context, question.query, grad, retain_graph=True)
        torch.testing.assert_close(one, expected, rtol=1e-6, atol=1e-6)


def test_a_second_derivative_is_refused() -> None:
    question = asked()
    with kernels.only(KERNEL):
        context = question.context()
    [once] = torch.autograd.grad(context.square().sum(), question.query, create_graph=True)
    with pytest.raises(RuntimeError, match="tanh_energy_softmax_backward"):
        once.sum().backward()


def test_operators_keep_to_what_they_declare() -> None:
    question = asked((2, 1))
    bias, mask = leaf(torch.ones(1, 1, 3, 5)), torch.ones(1, 1, 3, 5) > 0
    given = (question.query, question.key, question.value, question.leaves["energy"], bias, mask)
    checked = torch.library.opcheck(tanh_energy_softmax._attend, (*given, 2, None))
    assert set(checked.values()) == {"SUCCESS"}


@pytest.mark.compiled
def test_stays_one_operator_in_a_compiled_graph() -> None:
    graphs = []

    def backend(graph: torch.fx.GraphModule, _: object) -> torch.fx.GraphModule:
        graphs.append(str(graph.graph))
        return graph

    question = asked()
    energy = question.leaves["energy"]

    def attend(query: Tensor, key: Tensor, energy: Tensor) -> Tensor:
        score = partial(scores.tanh_energy, energy=energy)
        return regard.attention(query, key, key, score=score, mask=Window(2, 0))

    torch.compiler.reset()
    compiled = torch.compile(attend, fullgraph=True, dynamic=True, backend=backend)
    with kernels.only(KERNEL):
        for length in (8, 11):
            key = draws(1, torch.float32)(2, length, 3).to(DEVICE)
            given = (question.query, key, energy)
            torch.testing.assert_close(compiled(*given), attend(*given), rtol=1e-5, atol=1e-5)
    assert len(graphs) == 1
    assert graphs[0].count("regard.tanh_energy_softmax") == 1
