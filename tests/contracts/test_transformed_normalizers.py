"""Normalizers mapped, differentiated, in pieces, compiled and exported are what they were."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from regard import normalizers
from regard.functional import entmax
from tests.cases import NORMALIZERS, NormalizerCase, over
from tests.drawing import draws
from tests.questions import leaf

DIFFERENTIABLE = [case for case in NORMALIZERS if case.differentiable]
SPARSE = [case for case in DIFFERENTIABLE if case.sparse]

# PyTorch scripts some of its own derivatives when the first forward one is asked for.
forward_mode = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


def parameters(normalizer: object) -> list[Tensor]:
    return list(normalizer.parameters()) if isinstance(normalizer, nn.Module) else []


@over(DIFFERENTIABLE)
@pytest.mark.parametrize("masked", [False, True])
def test_second_derivatives_are_exact(case: NormalizerCase, masked: bool) -> None:
    normalizer = case.make()
    if isinstance(normalizer, nn.Module):
        normalizer.double()
    mask = draws(1)(3, 4) > 0 if masked else None
    inputs = [leaf(2 * draws()(3, 4)), *parameters(normalizer)]
    assert torch.autograd.gradgradcheck(lambda scores, *_: normalizer(scores, mask), inputs)


@forward_mode
@over(SPARSE)
@pytest.mark.parametrize("masked", [False, True])
def test_forward_mode_is_exact(case: NormalizerCase, masked: bool) -> None:
    normalizer = case.make()
    if isinstance(normalizer, nn.Module):
        normalizer.double()
    mask = draws(1)(3, 4) > 0 if masked else None
    assert torch.autograd.gradcheck(
        lambda scores: normalizer(scores, mask),
        leaf(2 * draws()(3, 4)),
        check_forward_ad=True,
        check_backward_ad=False,
        check_batched_forward_grad=True,
    )


@forward_mode
@pytest.mark.parametrize("learnt", ["scores", "alpha", "both"])
def test_forward_mode_reaches_alpha(learnt: str) -> None:
    scores, alpha = 2 * draws()(3, 4), torch.tensor([[1.1], [1.6], [2.4]], dtype=torch.float64)
    scores.requires_grad_(learnt != "alpha")
    alpha.requires_grad_(learnt != "scores")
    assert torch.autograd.gradcheck(
        lambda scores, alpha: normalizers.entmax(scores, alpha=alpha),
        [scores, alpha],
        check_forward_ad=True,
        check_backward_ad=False,
        check_batched_forward_grad=True,
    )


@forward_mode
@over(SPARSE)
@pytest.mark.parametrize("size", [entmax.PIECE, 10])
def test_modes_of_differentiating_agree(
    monkeypatch: pytest.MonkeyPatch, case: NormalizerCase, size: int
) -> None:
    monkeypatch.setattr(entmax, "PIECE", size)
    normalizer, scores, cotangent = case.make(), 2 * draws()(3, 5), draws(9)(3, 5)

    def loss(scores: Tensor) -> Tensor:
        return (normalizer(scores) * cotangent).sum().square()

    assert_modes_agree(loss, scores)


@forward_mode
def test_modes_of_differentiating_agree_on_alpha() -> None:
    cotangent = draws(9)(3, 5)
    alpha = torch.tensor([[1.1], [1.6], [2.4]], dtype=torch.float64)

    def loss(scores_and_alpha: Tensor) -> Tensor:
        scores, alpha = scores_and_alpha.split([5, 1], dim=-1)
        return (normalizers.entmax(scores, alpha=alpha) * cotangent).sum().square()

    assert_modes_agree(loss, torch.cat([2 * draws()(3, 5), alpha], dim=-1))


def assert_modes_agree(loss: Callable[[Tensor], Tensor], point: Tensor) -> None:
    jacfwd, jacrev = torch.func.jacfwd, torch.func.jacrev
    torch.testing.assert_close(jacfwd(loss)(point), jacrev(loss)(point), rtol=1e-9, atol=1e-12)
    hessian = torch.autograd.functional.hessian(loss, point)
    for inner in (jacfwd, jacrev):
        for outer in (jacfwd, jacrev):
            found = outer(inner(loss))(point)
            torch.testing.assert_close(found, hessian, rtol=1e-9, atol=1e-11)


@over(NORMALIZERS)
def test_mapping_is_normalizing_all_at_once(case: NormalizerCase) -> None:
    normalizer, scores = case.make(), draws()(3, 4, 5)
    mask = draws(1)(3, 1, 5) > 0
    expected = normalizer(scores, mask)
    for axis in (0, 1):
        mapped = torch.func.vmap(normalizer, in_dims=(axis, axis), out_dims=axis)
        weights = mapped(scores, mask.expand(3, 4, 5))
        torch.testing.assert_close(weights, expected, rtol=1e-12, atol=1e-12)
        unmasked = torch.func.vmap(normalizer, in_dims=axis, out_dims=axis)(scores)
        torch.testing.assert_close(unmasked, normalizer(scores), rtol=1e-12, atol=1e-12)
    shared = torch.func.vmap(normalizer, in_dims=(None, 0))(scores[0], mask)
    expected = torch.stack([normalizer(scores[0], own) for own in mask])
    torch.testing.assert_close(shared, expected, rtol=1e-12, atol=1e-12)


@over(DIFFERENTIABLE)
def test_mapped_gradients_are_the_gradients(case: NormalizerCase) -> None:
    normalizer, scores, cotangent = case.make(), draws()(3, 4, 5), draws(9)(3, 4, 5)

    def weighed(scores: Tensor, cotangent: Tensor) -> Tensor:
        return (normalizer(scores) * cotangent).sum()

    (expected,) = torch.autograd.grad(weighed(tracked := leaf(scores), cotangent), tracked)
    mapped = torch.func.vmap(torch.func.grad(weighed))(scores, cotangent)
    torch.testing.assert_close(mapped, expected, rtol=1e-9, atol=1e-12)
    row = scores[0, 0]
    jacobian = torch.func.jacrev(normalizer)(row)
    for vectorize in (False, True):
        expected = torch.autograd.functional.jacobian(normalizer, row, vectorize=vectorize)
        torch.testing.assert_close(jacobian, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("in_dims", [(None, 0), (0, None), (0, 0)], ids=str)
def test_alpha_may_be_mapped_over(in_dims: tuple[int | None, int | None]) -> None:
    scores, alpha = draws()(3, 4, 5), 1.2 + 0.2 * torch.arange(3, dtype=torch.float64)
    given = [
        leaf(scores if in_dims[0] == 0 else scores[0]),
        leaf(alpha if in_dims[1] == 0 else alpha[0]),
    ]
    mapped = torch.func.vmap(lambda s, a: normalizers.entmax(s, alpha=a), in_dims=in_dims)
    weights, cotangent = mapped(*given), draws(9)(3, 4, 5)
    every = given[1].expand(3).view(3, 1, 1)
    expected = normalizers.entmax(given[0].expand(3, 4, 5), alpha=every)
    torch.testing.assert_close(weights, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad(weights, given, cotangent),
        torch.autograd.grad(expected, given, cotangent),
        rtol=1e-9,
        atol=1e-12,
    )


@over(SPARSE)
@pytest.mark.parametrize("shape", [(7, 5), (2, 3, 5), (1, 20), (3, 1)], ids=str)
def test_large_inputs_go_in_pieces(
    monkeypatch: pytest.MonkeyPatch, case: NormalizerCase, shape: tuple[int, ...]
) -> None:
    normalizer, scores, cotangent = case.make(), leaf(draws()(*shape)), draws(9)(*shape)
    leaves = [scores, *parameters(normalizer)]
    expected = normalizer(scores)
    expected_grads = torch.autograd.grad(expected, leaves, cotangent)
    monkeypatch.setattr(entmax, "PIECE", 10)
    weights = normalizer(scores)
    torch.testing.assert_close(weights, expected, rtol=1e-12, atol=1e-12)
    grads = torch.autograd.grad(weights, leaves, cotangent, retain_graph=True)
    torch.testing.assert_close(grads, expected_grads, rtol=1e-6, atol=1e-12)
    (several,) = torch.autograd.grad(
        weights, scores, torch.stack([cotangent] * 2), is_grads_batched=True
    )
    torch.testing.assert_close(several, torch.stack([expected_grads[0]] * 2), rtol=1e-9, atol=1e-12)


LAYOUTS = {"plain": (0, 1, 2), "keys first": (2, 0, 1), "queries last": (0, 2, 1)}


@pytest.mark.compiled
@over(SPARSE)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_compiled_learns_what_eager_learns(
    case: NormalizerCase, layout: tuple[int, int, int]
) -> None:
    torch.compiler.reset()
    normalizer = case.make()
    compiled = torch.compile(normalizer, fullgraph=True, backend="aot_eager")
    drawn = draws(dtype=torch.float32)(3, 4, 5).permute(layout).contiguous()
    scores = leaf(drawn.permute([layout.index(axis) for axis in range(3)]))
    leaves = [scores, *parameters(normalizer)]
    mask = draws(1)(3, 1, 5) > 0
    mask[0] = False
    cotangent = draws(9, torch.float32)(3, 4, 5)
    results = [call(scores, mask) for call in (compiled, normalizer)]
    torch.testing.assert_close(results[0], results[1], rtol=1e-5, atol=1e-6)
    grads = [torch.autograd.grad(weights, leaves, cotangent) for weights in results]
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-4, atol=1e-6)


class Normalize(nn.Module):
    """A normalizer as a program of scores and mask."""

    def __init__(self, case: NormalizerCase) -> None:
        super().__init__()
        self.normalizer = case.make()

    def forward(self, scores: Tensor, mask: Tensor) -> Tensor:
        return self.normalizer(scores, mask)


@pytest.mark.compiled
@over(SPARSE)
@pytest.mark.parametrize("strict", [False, True])
def test_exported_learns_what_eager_learns(case: NormalizerCase, strict: bool) -> None:
    program = Normalize(case)
    axes = {0: Dim("batch", max=64), 2: Dim("key", max=64)}
    example = draws(dtype=torch.float32)(2, 3, 4), torch.ones(2, 3, 4, dtype=torch.bool)
    exported = torch.export.export(
        program, example, dynamic_shapes=(axes, axes), strict=strict
    ).module()
    scores, mask = leaf(draws(dtype=torch.float32)(3, 3, 7)), draws(1)(3, 3, 7) > -0.3
    mask[0] = False
    cotangent = draws(9, torch.float32)(3, 3, 7)
    results = exported(scores, mask), program(scores, mask)
    torch.testing.assert_close(results[0], results[1], rtol=1e-5, atol=1e-6)
    grads = [
        torch.autograd.grad(weights, [scores, *called.parameters()], cotangent)
        for weights, called in zip(results, (exported, program), strict=True)
    ]
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-4, atol=1e-6)
