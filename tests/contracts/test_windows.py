"""A window that is cut out in chunks: any length, any mask, and nothing as large as query x key."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

import regard
from regard import kernels, masks, normalizers
from regard.functional.masks import Window
from regard.interfaces import Normalizer
from regard.kernels import windowed
from regard.nn import Entmax
from regard.nn.attention import dropped
from tests.cases import over
from tests.contracts.test_kernels import assert_same_as_reference
from tests.drawing import draws
from tests.questions import PAIRS, Pair, Question, leaf, question

SIZES = [(70, 70), (1, 100), (5, 64), (64, 5), (33, 65), (129, 200), (1, 1), (32, 32)]
WINDOWS = [(0, 0), (3, 2), (40, 0), (0, 7), (300, 300)]

CUT = [pair for pair in PAIRS if pair.score.comparison is not None]
DOT = next(pair for pair in PAIRS if pair.id == "scaled_dot-softmax")
SPARSE = next(pair for pair in PAIRS if pair.id == "scaled_dot-sparsemax")


def asked_within(
    pair: Pair, window: Window, sizes: tuple[int, int] = (70, 80), batch: tuple[int, ...] = (2,)
) -> Question:
    return question(pair, batch, query_len=sizes[0], key_len=sizes[1]).having(mask=window)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("bounds", WINDOWS, ids=str)
@over([DOT, SPARSE])
def test_window_is_the_reference_at_any_length(
    case: Pair, bounds: tuple[int, int], sizes: tuple[int, int]
) -> None:
    assert_same_as_reference(asked_within(case, Window(*bounds), sizes), "windowed")


@over(CUT)
def test_window_is_the_reference_for_every_score_and_normalizer(case: Pair) -> None:
    padded = masks.padding(torch.tensor([80, 30]), 80)  # 30: some may attend nothing
    assert_same_as_reference(asked_within(case, Window(5, 4, padded)), "windowed")


@pytest.mark.parametrize("sizes", [(70, 70), (129, 200), (300, 5), (65, 64)], ids=str)
@pytest.mark.parametrize("bounds", [(0, 0), (3, 2), (12, 0), (0, 12)], ids=str)
@pytest.mark.parametrize("mask", ["full", "keys of each", "queries of each", "nothing"])
def test_slabs_one_after_the_other_are_the_reference(
    bounds: tuple[int, int], sizes: tuple[int, int], mask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windowed, "SLAB", 1)
    window = Window(*bounds, masks_within((2,), *sizes)[mask])
    asked = asked_within(DOT, window, sizes)
    assert_same_as_reference(asked, "windowed")
    for shape in [(2, *sizes), sizes[1:], (sizes[0], 1), (1,)]:
        assert_same_as_reference(asked.having(bias=leaf(draws(4)(*shape))), "windowed")


def masks_within(batch: tuple[int, ...], query_len: int, key_len: int) -> dict[str, Tensor]:
    full = draws(3)(*batch, query_len, key_len) > 0
    return {
        "full": full,
        "queries and keys": full.reshape(-1, query_len, key_len)[0],
        "keys": full.reshape(-1, key_len)[0],
        "keys of each": full[..., -1:, :],
        "queries of each": full[..., :, :1],
        "nothing": torch.zeros(1, 1, dtype=torch.bool),
    }


@pytest.mark.parametrize("batch", [(), (2,), (2, 3), (2, 1, 3)], ids=str)
@pytest.mark.parametrize("mask", masks_within((), 1, 1))
@pytest.mark.parametrize("biased", [False, True])
@over([DOT, SPARSE])
def test_window_may_have_a_mask_and_a_bias(
    case: Pair, batch: tuple[int, ...], mask: str, biased: bool
) -> None:
    window = Window(3, 30, masks_within(batch, 40, 45)[mask])
    asked = asked_within(case, window, (40, 45), batch)
    for shape in [(*batch, 40, 45), (45,), (40, 1)] if biased else []:
        assert_same_as_reference(asked.having(bias=leaf(draws(4)(*shape))), "windowed")
    assert_same_as_reference(asked, "windowed")


def test_window_is_the_mask_that_it_stands_for() -> None:
    asked = asked_within(DOT, Window(6, 3))
    spelt_out = asked.having(mask=masks.window(70, 80, before=6, after=3))
    with kernels.only("windowed"):
        context = asked.context()
    torch.testing.assert_close(context, spelt_out.context(), rtol=1e-10, atol=1e-10)


def test_keys_that_are_masked_might_as_well_not_be_there() -> None:
    kept = 57
    asked = asked_within(DOT, Window(6, 3, torch.arange(80) < kept))
    cut_off = asked.having(
        query=leaf(asked.query[:, : kept - 10]),
        key=leaf(asked.key[:, :kept]),
        value=leaf(asked.value[:, :kept]),
        mask=Window(6, 3),
    )
    with kernels.only("windowed"):
        context = asked.context()
        torch.testing.assert_close(
            context[:, : kept - 10], cut_off.context(), rtol=1e-10, atol=1e-10
        )
        [of_key] = torch.autograd.grad(context.sum(), asked.key)
    assert context[:, kept - 10 + 6 :].abs().sum().item() == 0
    assert of_key[:, kept:].abs().sum().item() == 0


def test_window_of_one_reads_what_stands_at_the_query() -> None:
    asked = asked_within(DOT, Window(0, 0), (70, 80))
    with kernels.only("windowed"):
        torch.testing.assert_close(asked.context(), asked.value[:, 10:], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("groups", [1, 2, 3])
@over(CUT[:2] + [pair for pair in CUT if pair.id == "additive-softmax"] + [SPARSE])
def test_queries_may_share_keys(case: Pair, groups: int) -> None:
    asked = asked_within(case, Window(3, 2), (40, 45), (2, 3, 1)).having(
        query=leaf(draws(5)(2, 3, groups, 40, case.score.query_dim))
    )
    assert_same_as_reference(asked, "windowed")
    for shape in [(2, 3, groups, 40, 45), (groups, 1, 45), (3, 1, 1, 1)]:
        assert_same_as_reference(asked.having(bias=leaf(draws(4)(*shape))), "windowed")
    each = Window(3, 2, draws(3)(2, 1, groups, 1, 45) > 0)
    assert_same_as_reference(asked.having(mask=each), "windowed")


def test_queries_may_share_keys_or_values_alone() -> None:
    asked = asked_within(DOT, Window(3, 2), (40, 45), (2, 1)).having(
        query=leaf(draws(5)(2, 3, 40, 4))
    )
    assert_same_as_reference(asked.having(key=leaf(draws(6)(2, 3, 45, 4))), "windowed")
    assert_same_as_reference(asked.having(value=leaf(draws(6)(2, 3, 45, 2))), "windowed")


def test_values_may_have_leading_axes_of_their_own() -> None:
    asked = asked_within(DOT, Window(3, 2), (40, 45), ()).having(value=leaf(draws(5)(4, 45, 2)))
    assert_same_as_reference(asked, "windowed")


def test_inputs_need_not_be_contiguous() -> None:
    asked = asked_within(DOT, Window(3, 2))
    strided = asked.having(
        query=leaf(asked.query.mT.contiguous()).mT,
        key=leaf(asked.key.mT.contiguous()).mT,
        value=asked.value.flip(1).flip(1),
    )
    with kernels.only("windowed"):
        torch.testing.assert_close(strided.context(), asked.context(), rtol=1e-12, atol=1e-12)


def test_layer_with_fewer_heads_of_keys_attends_within_a_window() -> None:
    layer = regard.nn.MultiHeadAttention(12, 6, num_kv_heads=2).double()
    text = leaf(draws()(2, 70, 12))
    window = Window(4, 4, masks.padding(torch.tensor([70, 40]), 70))
    answers = []
    for kernel in ("windowed", "reference"):
        with kernels.only(kernel):
            context = layer(text, text, text, mask=window)
        answers.append([context, *torch.autograd.grad(context.square().sum(), [text])])
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-10, atol=1e-10)


# What a normalizer is shown.


@pytest.mark.parametrize("shape", [(3, 1, 1), (70, 1), (2, 1, 1, 1)], ids=str)
def test_normalizer_may_know_which_head_and_query_is_which(shape: tuple[int, ...]) -> None:
    alpha = leaf(1.2 + draws(3)(*shape).sigmoid())
    asked = asked_within(SPARSE, Window(5, 4), (70, 80), (2, 3)).having(
        normalizer=partial(normalizers.entmax, alpha=alpha)
    )
    answers = []
    for kernel in ("windowed", "reference"):
        with kernels.only(kernel):
            context = asked.context()
        answers.append([context, *torch.autograd.grad(context.square().sum(), alpha)])
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-9, atol=1e-9)


def test_normalizer_with_parameters_for_heads_learns() -> None:
    layer = Entmax(3).double()
    asked = asked_within(SPARSE, Window(5, 4), batch=(2, 3)).having(normalizer=layer)
    assert_same_as_reference(asked, "windowed")


def test_weights_are_dropped_within_the_window() -> None:
    asked = asked_within(SPARSE, Window(2, 2)).having(
        query=leaf(draws()(2, 4000, 4)),
        key=leaf(draws(1)(2, 4000, 4)),
        value=torch.ones(2, 4000, 1).double(),
        normalizer=dropped(normalizers.softmax, nn.Dropout(0.5)),
    )
    with kernels.only("windowed"):
        context = asked.context()
    assert context.mean().item() == pytest.approx(1, abs=0.05)
    assert (context == 0).any()
    assert (context > 1.5).any()


# How it may be run.


def test_same_question_same_answer() -> None:
    asked = asked_within(DOT, Window(30, 30), (300, 300)).having(bias=leaf(draws(4)(300)))
    with kernels.only("windowed"):
        first, second = asked.gradients(), asked.gradients()
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_gradients_are_exact() -> None:
    asked = asked_within(DOT, Window(2, 1), (36, 37), (1,))

    def context(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return asked.having(query=query, key=key, value=value).context()

    with kernels.only("windowed"):
        inputs = [asked.query, asked.key, asked.value]
        assert torch.autograd.gradcheck(context, inputs, fast_mode=True)


@pytest.mark.parametrize("normalizer", [normalizers.softmax, normalizers.sparsemax])
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_maps_over_another_axis(normalizer: Normalizer) -> None:
    key = draws()(2, 45, 4)

    def attend(query: Tensor) -> Tensor:
        return regard.attention(query, key, key, mask=Window(3, 2), normalizer=normalizer)

    several = draws(1)(3, 2, 40, 4)
    with kernels.only("windowed"):
        mapped = torch.func.vmap(attend)(several)
        expected = torch.stack([attend(one) for one in several])
    torch.testing.assert_close(mapped, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_close(dtype: torch.dtype) -> None:
    vectors = draws(dtype=dtype)(2, 70, 8)
    with kernels.only("windowed"):
        context = regard.attention(vectors, vectors, vectors, mask=Window(5, 5))
    exact = regard.attention(*[vectors.double()] * 3, mask=Window(5, 5))
    assert context.dtype == dtype
    torch.testing.assert_close(context.double(), exact, rtol=0, atol=8 * torch.finfo(dtype).eps)


def test_autocast_is_heeded() -> None:
    vectors = draws(dtype=torch.float32)(2, 70, 8)
    with kernels.only("windowed"):
        wanted = regard.attention(vectors, vectors, vectors, mask=Window(5, 5))
        with torch.autocast("cpu", torch.bfloat16):
            context = regard.attention(vectors, vectors, vectors, mask=Window(5, 5))
    torch.testing.assert_close(context.float(), wanted, rtol=0, atol=0.05)


class Attend(nn.Module):
    """Attention within a window that leaves out padding."""

    def forward(self, query: Tensor, key: Tensor, mask: Tensor) -> Tensor:
        return regard.attention(query, key, key, mask=Window(5, 4, mask))


@pytest.mark.compiled
def test_one_graph_serves_all_lengths() -> None:
    torch.compiler.reset()
    graphs_before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    compiled = torch.compile(Attend(), fullgraph=True, dynamic=True, backend="aot_eager")
    for batch, query_len, key_len in [(2, 70, 80), (3, 40, 90), (5, 200, 300)]:
        query, key = leaf(draws()(batch, query_len, 4)), draws(1)(batch, key_len, 4)
        mask = draws(2)(batch, 1, key_len) > 0
        context, wanted = compiled(query, key, mask), Attend()(query, key, mask)
        torch.testing.assert_close(context, wanted, rtol=1e-9, atol=1e-9)
        of_compiled, of_eager = (
            torch.autograd.grad(result.square().sum(), query) for result in (context, wanted)
        )
        torch.testing.assert_close(of_compiled, of_eager, rtol=1e-9, atol=1e-9)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] - graphs_before == 1


@pytest.mark.compiled
def test_an_exported_program_serves_all_lengths() -> None:
    batch, length, keys = (torch.export.Dim(name, max=4096) for name in ("batch", "query", "key"))
    example = draws()(2, 70, 4), draws(1)(2, 80, 4), torch.ones(2, 1, 80, dtype=torch.bool)
    axes = {0: batch, 1: length}, {0: batch, 1: keys}, {0: batch, 2: keys}
    exported = torch.export.export(Attend(), example, dynamic_shapes=axes).module()
    for query_len, key_len in [(33, 64), (300, 200)]:
        query, key = draws()(3, query_len, 4), draws(1)(3, key_len, 4)
        mask = draws(2)(3, 1, key_len) > 0
        torch.testing.assert_close(
            exported(query, key, mask), Attend()(query, key, mask), rtol=1e-9, atol=1e-9
        )
