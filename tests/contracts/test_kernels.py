"""A kernel gives what the reference gives, forward and backward, or says why it does not."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import regard
from regard import kernels, normalizers, scores
from regard.kernels.dispatch import TABLE
from tests.cases import NORMALIZERS, SCORES, NormalizerCase, ScoreCase, over
from tests.drawing import draws
from tests.questions import CALLS, FAST_CALLS, PAIRS, Call, Question, leaf, question

ONE_OF_EACH = {call.kernel: call for call in reversed(FAST_CALLS)}

BATCHES: list[tuple[int, ...]] = [(), (2,), (2, 3), (2, 3, 2), (2, 1, 3, 2)]

TOLERANCE = {
    torch.float64: 1e-10,
    torch.float32: 1e-5,
    torch.bfloat16: 0.1,  # gradients up to 10, and scores rounded before the softmax or not
    torch.float16: 0.02,
}


def assert_same_as_reference(asked: Question, kernel: str) -> None:
    """Compare context and gradients of a kernel with those of the reference."""
    answers = []
    cotangent = draws(9, asked.query.dtype)(*asked.context().shape)
    for name in (kernel, "reference"):
        with kernels.only(name):
            context = asked.context()
            answers.append((context, asked.gradients_of(context, cotangent)))
    (context, gradients), (wanted, wanted_gradients) = answers
    tolerance = TOLERANCE[asked.query.dtype]
    torch.testing.assert_close(context, wanted, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(gradients, wanted_gradients, rtol=tolerance, atol=tolerance)


def masks_of(batch: tuple[int, ...], query_len: int, key_len: int) -> dict[str, Tensor | None]:
    """Masks in the shapes that callers give them, some with rows that may attend nothing."""
    full = draws(3)(*batch, query_len, key_len) > -0.3
    full[..., 0, :] = False
    return {
        "none": None,
        "full": full,
        "queries and keys": full.reshape(-1, query_len, key_len)[0],
        "keys": torch.arange(key_len) < key_len - 1,
        "keys of each": full[..., -1:, :],
        "queries of each": full[..., :, :1],
        "nothing": torch.zeros(1, 1, dtype=torch.bool),
    }


@pytest.mark.parametrize("batch", BATCHES, ids=str)
@pytest.mark.parametrize("mask", masks_of((), 1, 1))
@pytest.mark.parametrize("biased", ["no bias", "bias", "bias of keys"])
@over([ONE_OF_EACH["inner_product"], ONE_OF_EACH["tanh_energy"]])
def test_fast_is_the_reference_whatever_mask_and_bias(
    case: Call, batch: tuple[int, ...], mask: str, biased: str
) -> None:
    asked = question(case.pair, batch, query_len=3, key_len=5, value_dim=2)
    bias = {
        "no bias": None,
        "bias": leaf(draws(4)(*batch, 3, 5)),
        "bias of keys": leaf(draws(4)(5)),
    }[biased]
    asked = asked.having(mask=masks_of(batch, 3, 5)[mask], bias=bias)
    assert_same_as_reference(asked, case.kernel)


@over(FAST_CALLS)
@pytest.mark.parametrize(
    ("query_len", "key_len", "value_dim"), [(1, 1, 1), (1, 7, 4), (6, 2, 4), (4, 4, 9)]
)
def test_fast_is_the_reference_whatever_the_sizes(
    case: Call, query_len: int, key_len: int, value_dim: int
) -> None:
    asked = question(case.pair, query_len=query_len, key_len=key_len, value_dim=value_dim)
    assert_same_as_reference(asked, case.kernel)
    mask = draws(3)(query_len, key_len) > -0.3
    assert_same_as_reference(asked.having(mask=mask), case.kernel)


@over(FAST_CALLS)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_fast_is_the_reference_in_every_dtype(case: Call, dtype: torch.dtype) -> None:
    asked = question(case.pair, (2, 3), dtype=dtype).having(
        mask=draws(3)(3, 5) > -0.3, bias=leaf(draws(4, dtype)(2, 1, 3, 5))
    )
    assert_same_as_reference(asked, case.kernel)


@over(FAST_CALLS)
def test_shared_keys_and_values_broadcast(case: Call) -> None:
    asked = question(case.pair, (2, 1))
    asked = asked.having(query=leaf(draws(5)(2, 4, 3, case.pair.score.query_dim)))
    assert asked.context().shape == (2, 4, 3, 6)
    assert_same_as_reference(asked, case.kernel)
    assert_same_as_reference(asked.having(mask=draws(3)(2, 1, 3, 5) > -0.3), case.kernel)


@over(FAST_CALLS)
def test_values_may_have_leading_axes_of_their_own(case: Call) -> None:
    asked = question(case.pair, ()).having(value=leaf(draws(5)(4, 5, 2)))
    assert asked.context().shape == (4, 3, 2)
    assert_same_as_reference(asked.having(mask=draws(3)(3, 5) > -0.3), case.kernel)


def test_grouped_queries_are_the_reference() -> None:
    layer = regard.nn.MultiHeadAttention(12, 6, num_kv_heads=2).double()
    query, memory = leaf(draws()(2, 3, 12)), leaf(draws(1)(2, 5, 12))
    mask, bias = draws(2)(2, 3, 5) > -0.3, draws(3)(6, 3, 5)
    answers = []
    for kernel in ("inner_product", "reference"):
        with kernels.only(kernel):
            context = layer(query, memory, memory, mask=mask, bias=bias)
        inputs = [query, memory, *layer.parameters()]
        answers.append([context, *torch.autograd.grad(context.square().sum(), inputs)])
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("batch", "mask", "given"),
    [
        ((2, 3), (4, 5), (1, 1, 4, 5)),
        ((2, 3), (2, 1, 1, 5), (2, 1, 1, 5)),
        ((2,), (4, 5), (1, 1, 4, 5)),
        ((2,), (2, 1, 5), (2, 1, 1, 5)),
        ((2, 3, 6), (6, 4, 5), (1, 6, 4, 5)),
        ((2, 3, 6), (3, 1, 4, 5), (6, 1, 4, 5)),
    ],
    ids=str,
)
def test_mask_for_all_alike_is_not_copied(
    batch: tuple[int, ...],
    mask: tuple[int, ...],
    given: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shapes: list[torch.Size] = []
    fused = F.scaled_dot_product_attention

    def seen(query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Tensor:
        shapes.append(options["attn_mask"].shape)
        return fused(query, key, value, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", seen)
    question(PAIRS[0], batch, query_len=4).having(mask=draws(3)(*mask) > 0).context()
    assert shapes == [given]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_the_bias_of_half_precision_queries_is_not_rounded(dtype: torch.dtype) -> None:
    query, key, value = (draws(seed, dtype=dtype)(1, 64, 8) for seed in range(3))
    # Large, so that rounding it would move the weights; its differences are small.
    bias = 300 + 2 * draws(3, dtype=torch.float32)(1, 64, 64)
    with kernels.only("inner_product"):
        fused = regard.attention(query, key, value, bias=bias)
    scores = query.double() @ key.double().mT / 8**0.5 + bias.double()
    exact = scores.softmax(-1) @ value.double()
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(fused.double(), exact, rtol=2 * eps, atol=4 * eps)


def test_narrower_bias_of_wider_queries() -> None:
    query = draws()(2, 5, 4)
    bias = draws(1, torch.float32)(5, 5)
    with kernels.only("inner_product"):
        fused = regard.attention(query, query, query, bias=bias)
    with kernels.only("reference"):
        wanted = regard.attention(query, query, query, bias=bias)
    torch.testing.assert_close(fused, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("autocast", [False, True])
def test_few_keys_are_learnt_from_in_float32_on_a_cpu(dtype: torch.dtype, autocast: bool) -> None:
    """Faster there, and nothing is rounded but what comes in and goes out."""
    tensors = [draws(seed, dtype=dtype)(2, 3, 20, 8).requires_grad_() for seed in range(3)]
    with kernels.only("inner_product"), torch.autocast("cpu", dtype, enabled=autocast):
        found = regard.attention(*tensors)
    exact = [tensor.detach().double().requires_grad_() for tensor in tensors]
    with kernels.only("reference"):
        wanted = regard.attention(*exact)
    assert found.dtype == dtype
    rounded = {"rtol": 0.6 * torch.finfo(dtype).eps, "atol": 1e-6}
    torch.testing.assert_close(found.double(), wanted, **rounded)
    weight = draws(4, dtype=dtype)(*found.shape)
    gradients = torch.autograd.grad(found, tensors, weight)
    expected = torch.autograd.grad(wanted, exact, weight.double())
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one.double(), other, **rounded)


def test_autocast_leaves_double_precision_alone() -> None:
    tensors = [draws(seed)(2, 20, 8).requires_grad_() for seed in range(3)]
    with kernels.only("inner_product"), torch.autocast("cpu", torch.bfloat16):
        found = regard.attention(*tensors)
    with kernels.only("reference"):
        wanted = regard.attention(*tensors)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)


def explained(*tensors: Tensor, **options: Any) -> dict[str, str]:
    """Return what is said of each kernel."""
    said = kernels.explain(*tensors, **options).splitlines()
    return dict(line.split(": ", maxsplit=1) for line in said)


ON_CPU = "it is for GPUs that PyTorch calls cuda; these tensors are on the cpu"

INNER_PRODUCTS = [case for case in SCORES if case.comparison in ("inner_product", "scaled_dot")]


@over(INNER_PRODUCTS)
def test_inner_products_with_softmax_run_fused(case: ScoreCase) -> None:
    query, key, score = draws()(3, case.query_dim), draws()(5, case.key_dim), case.bind(draws())
    other = f"it compares by tanh_energy; this score compares by {case.comparison}"
    assert explained(query, key, key, score=score) == {
        "windowed": "it takes a window",
        "inner_product": "runs",
        "tanh_energy_softmax": other,
        "tanh_energy": other,
        "reference": "not needed",
    }


@over([case for case in SCORES if case not in INNER_PRODUCTS])
def test_other_scores_are_explained(case: ScoreCase) -> None:
    query, key, score = draws()(3, case.query_dim), draws()(5, case.key_dim), case.bind(draws())
    compared = f"this score compares by {case.comparison or case.id}"
    is_tanh = case.comparison == "tanh_energy"
    other = f"it compares by tanh_energy; {compared}"
    assert explained(query, key, key, score=score) == {
        "windowed": "it takes a window",
        "inner_product": f"it compares by inner_product; {compared}",
        "tanh_energy_softmax": ON_CPU if is_tanh else other,
        "tanh_energy": "so small a call is not worth its preparation" if is_tanh else other,
        "reference": "runs",
    }


@pytest.mark.parametrize(
    ("query_len", "key_len", "verdict"),
    [
        (64, 64, "runs"),
        (64, 63, "so small a call is not worth its preparation"),
        (1, 4096, "runs"),
        (4096, 1, "runs"),
    ],
)
def test_tanh_energy_runs_where_it_is_worth_it(query_len: int, key_len: int, verdict: str) -> None:
    query, key = torch.zeros(query_len, 64), torch.zeros(key_len, 64)
    score = partial(scores.tanh_energy, energy=torch.zeros(64))
    assert explained(query, key, key, score=score)["tanh_energy"] == verdict


def test_tanh_energy_leaves_steps_in_training_to_the_definition() -> None:
    vectors, score = torch.zeros(4096, 64), partial(scores.tanh_energy, energy=leaf(torch.ones(64)))
    trained = explained(vectors[:1], vectors, vectors, score=score)
    assert trained["tanh_energy"].startswith("with one query or one key, keeping what")
    with torch.no_grad():
        decoded = explained(vectors[:1], vectors, vectors, score=score)
    assert decoded["tanh_energy"] == "runs"


@over([case for case in NORMALIZERS if case.id != "softmax"])
def test_other_normalizers_are_explained(case: NormalizerCase) -> None:
    vectors = draws(dtype=torch.float32)(3, 4)
    said = explained(vectors, vectors, vectors, normalizer=case.make())
    assert said["inner_product"] == "it normalises by softmax only"
    assert said["reference"] == "runs"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_a_decoding_step_in_half_precision_is_explained(dtype: torch.dtype) -> None:
    step, memory = draws(dtype=dtype)(2, 1, 4), draws(1, dtype=dtype)(2, 5, 4)
    said = explained(step, memory, memory)
    assert (
        said["inner_product"] == "one query is read sooner without it on a CPU, in half precision"
    )
    assert said["reference"] == "runs"
    assert explained(memory, memory, memory)["inner_product"] == "runs"
    assert explained(step.float(), memory.float(), memory.float())["inner_product"] == "runs"


def test_mixed_dtypes_are_explained() -> None:
    vectors = draws()(3, 4)
    assert explained(vectors, vectors, vectors.float())["inner_product"] == (
        "query, key, value differ: torch.float64, torch.float64, torch.float32"
    )
    score = partial(scores.tanh_energy, energy=torch.zeros(4))
    said = explained(vectors, vectors, vectors, score=score)
    assert said["tanh_energy"] == "query, key and energy differ in precision"


def test_score_of_ones_own_is_taken_by_the_reference() -> None:
    def fixed(query: Tensor, key: Tensor) -> Tensor:
        return torch.zeros(len(query), len(key))

    vectors = draws(dtype=torch.float32)(3, 4)
    assert "this score compares by fixed" in kernels.explain(vectors, vectors, vectors, score=fixed)
    context = regard.attention(vectors, vectors, vectors, score=fixed)
    torch.testing.assert_close(context, vectors.mean(0).expand(3, 4), rtol=1e-6, atol=1e-6)


def test_explain_sees_what_only_forces() -> None:
    vectors = draws()(3, 4)
    with kernels.only("reference"):
        assert explained(vectors, vectors, vectors) == {
            "windowed": "set aside by only('reference')",
            "inner_product": "set aside by only('reference')",
            "tanh_energy_softmax": "set aside by only('reference')",
            "tanh_energy": "set aside by only('reference')",
            "reference": "runs",
        }
    with kernels.only("inner_product"):
        said = explained(vectors, vectors, vectors, normalizer=regard.normalizers.sparsemax)
    assert said["inner_product"] == "it normalises by softmax only"
    assert said["reference"] == "set aside by only('inner_product')"


def test_only_is_lifted_afterwards_and_nests() -> None:
    vectors = draws()(3, 4)
    with kernels.only("reference"):
        with kernels.only("inner_product"):
            assert "inner_product: runs" in kernels.explain(vectors, vectors, vectors)
        assert "reference: runs" in kernels.explain(vectors, vectors, vectors)
    with pytest.raises(RuntimeError, match="stop"), kernels.only("reference"):
        raise RuntimeError("stop")
    assert "inner_product: runs" in kernels.explain(vectors, vectors, vectors)


def test_only_knows_the_kernels() -> None:
    with (
        pytest.raises(ValueError, match="no kernel 'fast'; there are windowed, inner_product"),
        kernels.only("fast"),
    ):
        pass


def test_kernel_that_refuses_is_not_replaced() -> None:
    vectors = draws()(3, 4)
    with (
        kernels.only("inner_product"),
        pytest.raises(ValueError, match="'inner_product' may run, and it refuses: it normalises"),
    ):
        regard.attention(vectors, vectors, vectors, normalizer=normalizers.sparsemax)
    with (
        kernels.only("inner_product"),
        pytest.raises(ValueError, match="it refuses: it compares by inner_product; this score"),
    ):
        regard.attention(vectors, vectors, vectors, score=scores.distance)


def test_reference_is_the_last_of_the_table_and_refuses_nothing() -> None:
    assert TABLE[-1].name == "reference"
    assert len({kernel.name for kernel in TABLE}) == len(TABLE)
    assert {call.pair for call in CALLS if call.kernel == "reference"} == set(PAIRS)
