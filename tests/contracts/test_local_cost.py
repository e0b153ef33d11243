"""What attention around a centre costs, and how it may be run."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from regard import kernels, scores
from regard.kernels import local
from regard.kernels.local import reading
from tests.cases import LOCAL, LocalCase, over
from tests.contracts.test_local import DAMPED, DOT, Way, answers, by_every_way, centres
from tests.drawing import draws
from tests.questions import Question, leaf, question


def way_of(asked: Question, half_width: int) -> str:
    """Return which way is chosen for a question."""
    chosen: list[str] = []
    choose = reading._way

    def seen(*given: object) -> Way | None:
        way = choose(*given)  # type: ignore[arg-type]
        chosen.append(way.__name__ if way else "definition")
        return way

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_way", seen)
        case = DAMPED
        centre = torch.zeros(asked.query.shape[:-1])
        case.attend(
            asked.query, asked.key, asked.value, centre, half_width=half_width, score=asked.score
        )
    [way] = chosen
    return way


@pytest.mark.parametrize(
    ("sizes", "half_width", "way"),
    [
        ((1000, 1000), 10, "in_blocks"),
        ((1, 5000), 10, "one_by_one"),
        ((4, 5000), 10, "one_by_one"),
        ((1000, 5000), 10, "in_blocks"),
        ((160, 160), 10, "definition"),
        ((1, 500), 10, "definition"),
        ((1000, 1000), 100, "definition"),
        ((0, 1000), 10, "definition"),
        ((1000, 0), 10, "definition"),
    ],
    ids=str,
)
def test_way_is_chosen_by_size(sizes: tuple[int, int], half_width: int, way: str) -> None:
    asked = question(DOT, (), query_len=sizes[0], key_len=sizes[1], dtype=torch.float32)
    assert way_of(asked, half_width) == way


def test_only_the_reference_is_the_definition() -> None:
    asked = question(DOT, (), query_len=500, key_len=500)
    assert way_of(asked, 4) == "in_blocks"
    with kernels.only("reference"):
        assert way_of(asked, 4) == "definition"


def test_scores_that_know_positions_take_the_definition() -> None:
    score = partial(scores.location, weight=draws()(500, 4))
    asked = question(DOT, (), query_len=500, key_len=500).having(score=score)
    assert way_of(asked, 4) == "definition"
    context = local.attention(
        asked.query, asked.key, asked.value, torch.zeros(500), half_width=4, score=score
    )
    wanted = scores.location(asked.query, asked.key[:5], weight=draws()(500, 4)).softmax(dim=-1)
    torch.testing.assert_close(context, wanted @ asked.value[:5], rtol=1e-9, atol=1e-9)


def test_values_with_leading_axes_of_their_own_take_the_definition() -> None:
    asked = question(DOT, (), query_len=500, key_len=500)
    assert way_of(asked.having(value=leaf(draws()(2, 500, 3))), 4) == "definition"


def test_one_query_looks_at_no_other_keys() -> None:
    key = torch.full((2, 5000, 4), torch.nan)
    key[:, 2990:3012] = draws(dtype=torch.float32)(2, 22, 4)
    query, centre = draws(1, torch.float32)(2, 1, 4), torch.tensor([[3000.0], [3000.4]])
    context = local.damped_attention(query, key, key, centre, half_width=10)
    assert context.isfinite().all()


@pytest.mark.parametrize("length", [1024, 4096])
@over(LOCAL)
def test_nothing_of_the_size_of_query_and_key_is_kept(case: LocalCase, length: int) -> None:
    kept: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.untyped_storage().nbytes() // tensor.element_size())
        return tensor

    asked = question(DOT, (1,), query_len=length, key_len=length)
    centre = centres(1, length, key_len=length)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        case.attend(asked.query, asked.key, asked.value, centre, half_width=8)
    # Chunks are half empty at worst, and as wide as two blocks of 16 keys.
    assert 0 < max(kept) <= 3 * length * 32


# How it may be run.


@by_every_way
def test_same_question_same_answer(way: Way) -> None:
    asked = question(DOT, query_len=200, key_len=200)
    centre = leaf(torch.full((2, 200), 77.7, dtype=torch.float64))  # all read the same keys
    first, second = (answers(asked, centre, DAMPED, way) for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@by_every_way
def test_elements_know_nothing_of_each_other(way: Way) -> None:
    asked = question(DOT, (3,), query_len=40, key_len=30)
    centre, order = centres(3, 40, key_len=30), torch.tensor([2, 0, 1])
    moved = asked.having(
        query=leaf(asked.query[order]),
        key=leaf(asked.key[order]),
        value=leaf(asked.value[order]),
    )
    for ours, theirs in zip(
        answers(moved, leaf(centre[order]), DAMPED, way)[:1],
        answers(asked, centre, DAMPED, way)[:1],
        strict=True,
    ):
        assert ours is not None
        assert theirs is not None
        torch.testing.assert_close(ours, theirs[order], rtol=1e-12, atol=1e-12)


@by_every_way
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@over(LOCAL)
def test_half_precision_finds_far_positions(case: LocalCase, dtype: torch.dtype, way: Way) -> None:
    query, key, value = (draws(seed, dtype)(2, 3000, 8) for seed in range(3))
    centre = 2900 + draws(7, torch.float32)(2, 3000)
    given = {"half_width": 3}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_way", lambda *_: way)
        context = case.attend(query, key, value, centre, **given)
    exact = case.attend(query.double(), key.double(), value.double(), centre, **given)
    assert context.dtype == dtype
    torch.testing.assert_close(context.double(), exact, rtol=0, atol=8 * torch.finfo(dtype).eps)


@by_every_way
def test_maps_over_another_axis(way: Way) -> None:
    key = draws()(2, 45, 4)

    def attend(query: Tensor, centre: Tensor) -> Tensor:
        return local.damped_attention(query, key, key, centre, half_width=3)

    several = draws(1)(3, 2, 40, 4), centres(3, 2, 40, key_len=45).detach()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_way", lambda *_: way)
        mapped = torch.func.vmap(attend)(*several)
        expected = torch.stack([attend(*one) for one in zip(*several, strict=True)])
    torch.testing.assert_close(mapped, expected, rtol=1e-12, atol=1e-12)


class Attend(nn.Module):
    """Local attention that leaves out padding."""

    def forward(self, query: Tensor, key: Tensor, centre: Tensor, mask: Tensor) -> Tensor:
        return local.damped_attention(query, key, key, centre, half_width=3, mask=mask)


def inputs(batch: int, query_len: int, key_len: int) -> tuple[Tensor, ...]:
    mask = draws(2)(batch, 1, key_len) > 0
    centre = centres(batch, query_len, key_len=key_len)
    return leaf(draws()(batch, query_len, 4)), draws(1)(batch, key_len, 4), centre, mask


@pytest.mark.compiled
@pytest.mark.parametrize("query_len", [1, 60])
def test_one_graph_serves_all_lengths(query_len: int) -> None:
    torch.compiler.reset()
    graphs_before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    compiled = torch.compile(Attend(), fullgraph=True, dynamic=True, backend="aot_eager")
    for batch, key_len in [(2, 80), (3, 90), (5, 200)]:
        given = inputs(batch, query_len, key_len)
        context, wanted = compiled(*given), Attend()(*given)
        torch.testing.assert_close(context, wanted, rtol=1e-9, atol=1e-9)
        of_compiled, of_eager = (
            torch.autograd.grad(result.square().sum(), given[2]) for result in (context, wanted)
        )
        torch.testing.assert_close(of_compiled, of_eager, rtol=1e-9, atol=1e-9)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] - graphs_before == 1


@pytest.mark.compiled
def test_an_exported_program_serves_all_lengths() -> None:
    batch, length, keys = (torch.export.Dim(name, max=4096) for name in ("batch", "query", "key"))
    axes = {0: batch, 1: length}, {0: batch, 1: keys}, {0: batch, 1: length}, {0: batch, 2: keys}
    example = tuple(tensor.detach() for tensor in inputs(2, 70, 80))
    exported = torch.export.export(Attend(), example, dynamic_shapes=axes).module()
    for sizes in [(33, 64), (300, 200)]:
        given = inputs(3, *sizes)
        torch.testing.assert_close(exported(*given), Attend()(*given), rtol=1e-9, atol=1e-9)
