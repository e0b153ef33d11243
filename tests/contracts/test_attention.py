"""What attention promises, for every score and normalizer: masks, rows of their own, exactness."""

import pytest
import torch
from torch import Tensor

from regard import kernels
from tests.cases import over
from tests.drawing import draws
from tests.questions import CALLS, Call, Question, leaf, question


def assert_same(got: Tensor | None, wanted: Tensor | None, tolerance: float = 1e-9) -> None:
    """Compare two tensors, either of which may be missing where nothing depends on it."""
    torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)


@over(CALLS)
def test_context_is_what_the_weights_read(case: Call) -> None:
    mask = draws(1)(3, 5) > -0.5
    asked = question(case.pair).having(mask=mask, bias=draws(2)(2, 3, 5))
    with case.kernel_only():
        assert_same(asked.context(), asked.weights() @ asked.value)


@over(CALLS)
def test_masked_keys_might_as_well_not_be_there(case: Call) -> None:
    asked = question(case.pair, key_len=5)
    mask = torch.tensor([True, True, True, False, False])
    masked = asked.having(mask=mask)
    truncated = asked.having(key=leaf(asked.key[:, :3]), value=leaf(asked.value[:, :3]))
    with case.kernel_only():
        assert_same(masked.weights()[..., :3], truncated.weights())
        assert masked.weights()[..., 3:].abs().sum().item() == 0
        assert_same(masked.context(), truncated.context())
        of_masked, of_truncated = masked.gradients(), truncated.gradients()
    for name, wanted in of_truncated.items():
        got = of_masked[name]
        if name in ("key", "value") and got is not None:
            assert got[:, 3:].abs().sum().item() == 0
            got = got[:, :3]
        assert_same(got, wanted)


@over(CALLS)
def test_what_stands_at_masked_keys_does_not_matter(case: Call) -> None:
    mask = torch.tensor([True, False, True, True, False])
    asked = question(case.pair).having(mask=mask)
    far = (~mask * 1e4).unsqueeze(-1)
    changed = asked.having(key=leaf(asked.key + far), value=leaf(asked.value - far))
    with case.kernel_only():
        assert_same(changed.context(), asked.context())
        assert_same(changed.gradients()["query"], asked.gradients()["query"])


@over(CALLS)
@pytest.mark.parametrize("biased", [False, True])
def test_query_that_may_attend_nothing_gets_nothing(case: Call, biased: bool) -> None:
    mask = torch.ones(2, 3, 5, dtype=torch.bool)
    mask[0, 1] = mask[1] = False
    bias = leaf(draws(2)(2, 3, 5)) if biased else None
    asked = question(case.pair).having(mask=mask, bias=bias)
    with case.kernel_only():
        weights, context, gradients = asked.weights(), asked.context(), asked.gradients()
    assert weights[0, 1].tolist() == [0.0] * 5
    assert context[0, 1].tolist() == [0.0] * 6
    assert context[1].abs().sum().item() == 0
    found = {name: grad for name, grad in gradients.items() if grad is not None}
    assert "value" in found
    assert all(grad.isfinite().all() for grad in found.values())
    for name in found.keys() & {"query", "key", "value", "added"}:
        assert found[name][1].abs().sum().item() == 0
    if "query" in found:
        assert found["query"][0, 1].abs().sum().item() == 0


@over(CALLS)
def test_elements_know_nothing_of_each_other(case: Call) -> None:
    mask = draws(1)(2, 2, 5) > -0.5
    asked = question(case.pair, query_len=2).having(mask=mask, bias=draws(2)(2, 2, 5))
    with case.kernel_only():
        together = asked.context()
        for index in range(2):
            alone = Question(
                asked.query[index],
                asked.key[index],
                asked.value[index],
                asked.score,
                asked.normalizer,
                asked.bias[index],
                mask[index],
            )
            assert_same(together[index], alone.context())
            for row in range(2):
                one = alone.having(
                    query=alone.query[row : row + 1],
                    mask=mask[index, row : row + 1],
                    bias=asked.bias[index, row : row + 1],
                )
                assert_same(together[index, row : row + 1], one.context())


@over(CALLS)
@pytest.mark.parametrize(
    ("batch", "query_len", "key_len"), [((2,), 3, 0), ((2,), 0, 3), ((0,), 3, 2), ((2, 0), 3, 2)]
)
@pytest.mark.parametrize("masked", [False, True])
def test_nothing_to_ask_or_to_read(
    case: Call, batch: tuple[int, ...], query_len: int, key_len: int, masked: bool
) -> None:
    mask = torch.ones(query_len, key_len, dtype=torch.bool) if masked else None
    asked = question(case.pair, batch, query_len=query_len, key_len=key_len).having(mask=mask)
    with case.kernel_only():
        context = asked.context()
        assert context.shape == (*batch, query_len, 6)
        assert context.abs().sum().item() == 0
        gradient = torch.autograd.grad(context.sum(), asked.value, allow_unused=True)[0]
    assert gradient is None or gradient.abs().sum().item() == 0
    assert asked.weights().shape == (*batch, query_len, key_len)


@over([case for case in CALLS if case.pair.score.sees_keys])
def test_order_of_the_keys_does_not_matter(case: Call) -> None:
    order = torch.tensor([3, 0, 4, 1, 2])
    asked = question(case.pair).having(mask=draws(1)(3, 5) > -1, bias=draws(2)(3, 5))
    moved = asked.having(
        key=asked.key[:, order],
        value=asked.value[:, order],
        mask=asked.mask[:, order],
        bias=asked.bias[:, order],
    )
    with case.kernel_only():
        assert_same(moved.context(), asked.context())
        assert_same(moved.weights(), asked.weights()[..., order])


@over([case for case in CALLS if case.pair.normalizer.shift_invariant])
def test_constant_bias_changes_nothing(case: Call) -> None:
    asked = question(case.pair).having(mask=draws(1)(3, 5) > -1)
    constant = asked.having(bias=torch.tensor([[[3.0]], [[-2.0]]], dtype=torch.float64))
    with case.kernel_only():
        assert_same(constant.context(), asked.context())


@over(CALLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_dtype_is_kept_and_low_precision_is_close(case: Call, dtype: torch.dtype) -> None:
    low = question(case.pair, dtype=dtype).having(
        mask=draws(1)(3, 5) > -1, bias=draws(2, dtype)(2, 3, 5)
    )
    exact = question(case.pair).having(
        query=low.query.double(),
        key=low.key.double(),
        value=low.value.double(),
        bias=low.bias.double(),
        mask=low.mask,
        score=_in_double(low),
    )
    with case.kernel_only():
        context = low.context()
    assert context.dtype == dtype
    # Scores up to 10 are rounded to the dtype; a weight moves by as much as its score does.
    torch.testing.assert_close(
        context.double(), exact.context(), rtol=0, atol=20 * torch.finfo(dtype).eps
    )
    assert low.weights().dtype == dtype


def _in_double(asked: Question) -> object:
    score = asked.score
    if not hasattr(score, "keywords"):
        return score
    bound = {
        name: value.double() if isinstance(value, Tensor) else value
        for name, value in score.keywords.items()
    }
    return type(score)(score.func, **bound)


@over(CALLS)
def test_same_question_same_answer_and_nothing_else_changed(case: Call) -> None:
    asked = question(case.pair, dtype=torch.float32).having(mask=draws(1)(3, 5) > -1)
    before = {name: leaf.detach().clone() for name, leaf in asked.leaves.items()}
    with case.kernel_only():
        first, second = asked.context(), asked.context()
        of_first, of_second = asked.gradients(), asked.gradients()
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(of_first, of_second, rtol=0, atol=0)
    torch.testing.assert_close(
        {name: leaf.detach() for name, leaf in asked.leaves.items()}, before, rtol=0, atol=0
    )


@over([case for case in CALLS if case.pair.normalizer.differentiable])
def test_gradients_are_exact(case: Call) -> None:
    mask = torch.tensor([[True, True, False], [False, False, False]])
    asked = question(case.pair, query_len=2, key_len=3, value_dim=2)
    asked = asked.having(mask=mask, bias=leaf(draws(3)(2, 3)))

    def context(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        return asked.having(query=query, key=key, value=value, bias=bias).context()

    with case.kernel_only():
        inputs = [asked.query, asked.key, asked.value, asked.bias]
        assert torch.autograd.gradcheck(context, inputs, fast_mode=True)


def test_far_apart_scores_are_exact() -> None:
    query, key = torch.tensor([[100.0]]), torch.tensor([[100.0], [99.99], [-100.0]])
    value = torch.eye(3)
    for kernel in ("inner_product", "reference"):
        with kernels.only(kernel):
            context = kernels.attention(query, key, value)
        gap = (query @ key.T)[0].double()
        wanted = (gap - gap.max()).softmax(-1)
        torch.testing.assert_close(context[0].double(), wanted, rtol=1e-5, atol=1e-12)
