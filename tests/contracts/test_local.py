"""Attention around a centre: what its definition says, however it is computed, and how cheaply."""

from collections.abc import Callable
from functools import partial

import jaxtyping
import pytest
import torch
from torch import Tensor

from regard import biases, masks, normalizers
from regard.functional.masks import Window
from regard.kernels import local
from regard.kernels.local import reading
from regard.kernels.local.around import Around, in_blocks, one_by_one
from tests.cases import LOCAL, LocalCase, over
from tests.drawing import draws
from tests.questions import PAIRS, Pair, Question, leaf, question

Way = Callable[[Around], Tensor]

WAYS = [one_by_one, in_blocks]
SIZES = [(70, 70), (1, 100), (5, 64), (100, 3), (33, 65), (1, 1)]
CUT = [pair for pair in PAIRS if pair.score.comparison is not None]
DOT = next(pair for pair in PAIRS if pair.id == "scaled_dot-softmax")
SPARSE = next(pair for pair in PAIRS if pair.id == "scaled_dot-sparsemax")
DAMPED = next(case for case in LOCAL if case.id == "damped_attention")
TOLERANCE = 1e-9

by_every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


def centres(*shape: int, key_len: int, seed: int = 7) -> Tensor:
    """Draw centres within the keys and a little beyond; the first of each are whole numbers."""
    drawn = draws(seed)(*shape).mul(1.2).sigmoid() * (key_len + 6) - 3
    drawn[..., :2] = drawn[..., :2].round()
    return leaf(drawn)


def answers(
    asked: Question, centre: Tensor, case: LocalCase, way: Way | None, half_width: int = 3
) -> list[Tensor | None]:
    """Return context and gradients, computed in a certain way; None: by the definition."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_way", lambda *_: way)
        context = case.attend(
            asked.query,
            asked.key,
            asked.value,
            centre,
            half_width=half_width,
            score=asked.score,
            mask=asked.mask,
            normalizer=asked.normalizer,
        )
    cotangent = draws(9, context.dtype)(*context.shape)
    inputs = [centre, *asked.leaves.values()]
    return [context, *torch.autograd.grad(context, inputs, cotangent, allow_unused=True)]


def assert_same_as_definition(
    asked: Question, centre: Tensor, case: LocalCase, way: Way, half_width: int = 3
) -> None:
    """Compare context and gradients; a gradient that is missing is a gradient of 0."""
    found, wanted = (answers(asked, centre, case, one, half_width) for one in (way, None))
    for ours, theirs in zip(found, wanted, strict=True):
        if ours is None or theirs is None:
            assert all(one is None or one.abs().sum().item() == 0 for one in (ours, theirs))
        else:
            torch.testing.assert_close(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE)


@by_every_way
@pytest.mark.parametrize("half_width", [1, 4, 50])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@over(LOCAL)
def test_fast_is_the_definition_at_any_length(
    case: LocalCase, sizes: tuple[int, int], half_width: int, way: Way
) -> None:
    query_len, key_len = sizes
    asked = question(DOT, query_len=query_len, key_len=key_len)
    centre = centres(2, query_len, key_len=key_len)
    assert_same_as_definition(asked, centre, case, way, half_width)


@by_every_way
@over(CUT)
def test_fast_is_the_definition_for_every_score_and_normalizer(case: Pair, way: Way) -> None:
    asked = question(case, query_len=40, key_len=30)
    asked = asked.having(mask=masks.padding(torch.tensor([30, 4]), 30))
    for kind in LOCAL:
        assert_same_as_definition(asked, centres(2, 40, key_len=30), kind, way)


def masks_within(batch: tuple[int, ...]) -> dict[str, Tensor | Window]:
    full = draws(3)(*batch, 40, 30) > 0
    full[..., 3, :] = False
    return {
        "full": full,
        "queries and keys": full.reshape(-1, 40, 30)[0],
        "keys": full.reshape(-1, 30)[0],
        "keys of each": full[..., -1:, :],
        "queries of each": full[..., :, :1],
        "nothing": torch.zeros(1, 1, dtype=torch.bool),
        "causal": Window(None, 0),
        "window": Window(3, None),
        "window and more": Window(9, 2, full[..., -1:, :]),
    }


@by_every_way
@pytest.mark.parametrize("batch", [(), (2,), (2, 3), (2, 1, 3)], ids=str)
@pytest.mark.parametrize("mask", masks_within(()))
@over([DOT, SPARSE])
def test_fast_is_the_definition_under_every_mask(
    case: Pair, mask: str, batch: tuple[int, ...], way: Way
) -> None:
    asked = question(case, batch, query_len=40, key_len=30).having(mask=masks_within(batch)[mask])
    for kind in LOCAL:
        assert_same_as_definition(asked, centres(*batch, 40, key_len=30), kind, way)


@by_every_way
@pytest.mark.parametrize(
    "where", ["same", "ends", "outside", "falling", "whole numbers", "edges of blocks"]
)
@over(LOCAL)
def test_fast_is_the_definition_wherever_centres_are(case: LocalCase, where: str, way: Way) -> None:
    asked = question(DOT, query_len=70, key_len=70)
    rising = torch.arange(70.0, dtype=torch.float64)
    centre = {
        "same": torch.full((70,), 20.25),
        "ends": torch.where(rising < 9, 0.25, 68.75),
        "outside": 1e4 * (rising - 35),
        "falling": 69.3 - rising,
        "whole numbers": rising.flip(0),
        "edges of blocks": 16 * (rising % 5) + 3,
    }[where]
    assert_same_as_definition(asked, leaf(centre.double().expand(2, 70)), case, way)


@by_every_way
def test_centres_may_be_counted(way: Way) -> None:
    asked = question(DOT, query_len=40, key_len=60)
    window = Window(4, 4)
    case = LOCAL[0]
    from_the_end = torch.arange(20, 60)
    found = partial(case.attend, asked.query, asked.key, asked.value, half_width=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_way", lambda *_: way)
        context = found(from_the_end)
    torch.testing.assert_close(
        context, asked.having(mask=window).context(), rtol=TOLERANCE, atol=TOLERANCE
    )


@by_every_way
def test_leading_axes_broadcast(way: Way) -> None:
    asked = question(DOT, (3, 1), query_len=40, key_len=30)
    several = asked.having(query=leaf(draws(5)(3, 4, 40, asked.query.shape[-1])))
    for shape in [(3, 4, 40), (4, 40), (3, 1, 40), (40,), (3, 4, 1)]:
        centre = centres(*shape, key_len=30)
        assert_same_as_definition(several, centre, DAMPED, way)
    one = asked.having(key=leaf(asked.key[:1]), value=leaf(asked.value[:1]))
    assert_same_as_definition(one, centres(3, 1, 40, key_len=30), DAMPED, way)


@by_every_way
def test_inputs_need_not_be_contiguous(way: Way) -> None:
    asked = question(DOT, query_len=40, key_len=30)
    strided = asked.having(
        query=leaf(asked.query.mT.contiguous()).mT,
        key=leaf(asked.key.transpose(0, 1).contiguous()).transpose(0, 1),
        value=leaf(asked.value.mT.contiguous()).mT,
    )
    centre = centres(40, 2, key_len=30).mT
    for ours, theirs in zip(
        answers(strided, centre, DAMPED, way), answers(asked, centre, DAMPED, None), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE)


@by_every_way
@pytest.mark.parametrize("shape", [(3, 1, 1), (40, 1)], ids=str)
def test_normalizer_may_know_which_head_and_query_is_which(
    shape: tuple[int, ...], way: Way
) -> None:
    alpha = 1.2 + draws(3)(*shape).sigmoid()
    asked = question(DOT, (2, 3), query_len=40, key_len=30).having(
        normalizer=partial(normalizers.entmax, alpha=alpha)
    )
    assert_same_as_definition(asked, centres(2, 3, 40, key_len=30), DAMPED, way)


@by_every_way
@over(LOCAL)
def test_gradients_are_exact(case: LocalCase, way: Way) -> None:
    asked = question(DOT, query_len=6, key_len=9, value_dim=2)
    centre = leaf(draws(7)(2, 6).sigmoid() * 9)

    def context(query: Tensor, key: Tensor, value: Tensor, centre: Tensor) -> Tensor:
        return case.attend(query, key, value, centre, half_width=2)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_way", lambda *_: way)
        inputs = [asked.query, asked.key, asked.value, centre]
        assert torch.autograd.gradcheck(context, inputs)


@over([case for case in LOCAL if case.weakens])
def test_centre_moves_towards_what_is_wanted(case: LocalCase) -> None:
    query, key = torch.zeros(1, 2), torch.zeros(9, 2)
    value, centre = torch.arange(9.0).unsqueeze(-1), leaf(torch.tensor([4.3]))
    [of_biased] = torch.autograd.grad(case.attend(query, key, value, centre, half_width=3), centre)
    assert of_biased.item() > 0


# What the weights are.


@over(LOCAL)
def test_context_is_what_the_weights_read(case: LocalCase) -> None:
    asked = question(DOT, query_len=300, key_len=300)
    mask = masks.padding(torch.tensor([300, 100]), 300)
    centre = centres(2, 300, key_len=300)
    weights = case.weigh(asked.query, asked.key, centre, half_width=5, mask=mask)
    context = case.attend(asked.query, asked.key, asked.value, centre, half_width=5, mask=mask)
    torch.testing.assert_close(context, weights @ asked.value, rtol=TOLERANCE, atol=TOLERANCE)


@over(LOCAL)
def test_weights_are_within_reach(case: LocalCase) -> None:
    query, key = draws(1)(2, 30, 4), draws(2)(2, 40, 4)
    centre = centres(2, 30, key_len=40)
    weights = case.weigh(query, key, centre, half_width=4)
    near = (torch.arange(40) - centre.unsqueeze(-1)).abs() <= 4
    assert weights[~near].abs().sum().item() == 0
    assert (weights[near] > 0).all()
    sums = weights.sum(dim=-1)
    some = near.any(dim=-1)
    assert sums[~some].abs().sum().item() == 0
    if case.sums_to_one:
        torch.testing.assert_close(sums[some], torch.ones_like(sums[some]), rtol=1e-9, atol=0)
    else:
        assert (sums[some] < 1).all()


def test_biased_weights_are_damped_weights_made_to_sum_to_one() -> None:
    query, key, centre = draws(1)(2, 30, 4), draws(2)(2, 40, 4), centres(2, 30, key_len=34)
    damped = local.damped_attention_weights(query, key, centre, half_width=4)
    biased = local.biased_attention_weights(query, key, centre, half_width=4)
    torch.testing.assert_close(biased, damped / damped.sum(-1, keepdim=True), rtol=1e-9, atol=1e-12)


def test_damped_weights_are_the_weights_times_the_gaussian() -> None:
    query, key, centre = draws(1)(30, 4), draws(2)(40, 4), centres(30, key_len=40)
    plain = local.attention_weights(query, key, centre, half_width=4)
    damped = local.damped_attention_weights(query, key, centre, half_width=4)
    gaussian = biases.gaussian(centre, 40, deviation=2.0).exp()
    torch.testing.assert_close(damped, plain * gaussian, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@over(LOCAL)
def test_centres_in_half_precision_are_where_they_say(case: LocalCase, dtype: torch.dtype) -> None:
    query, key = draws(1)(3, 4), draws(2)(3000, 4)
    centre = torch.tensor([301.0, 2000.0, 2992.0]).to(dtype)
    weights = case.weigh(query, key, centre, half_width=3)
    exact = case.weigh(query, key, centre.double(), half_width=3)
    torch.testing.assert_close(weights, exact, rtol=1e-6, atol=1e-6)


def test_what_does_not_fit_a_predicted_centre_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    query, weight = torch.zeros(2, 7, 3), torch.zeros(5, 3)
    with pytest.raises(ValueError, match=r"energy must have .* 5 hidden units .* \(4,\)"):
        local.predicted_centre(query, torch.tensor(9), weight=weight, energy=torch.zeros(4))
    with pytest.raises(ValueError, match=r"lengths must broadcast to \(2,\).* got shape \(3,\)"):
        local.predicted_centre(query, torch.ones(3).long(), weight=weight, energy=torch.zeros(5))


@over(LOCAL)
def test_centre_that_is_a_truth_is_refused(
    case: LocalCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    query, centre = torch.zeros(7, 3), torch.ones(7, dtype=torch.bool)
    for given in (
        lambda: case.attend(query, query, query, centre, half_width=1),
        lambda: case.weigh(query, query, centre, half_width=1),
    ):
        with pytest.raises(TypeError, match=r"centre must have real numbers.* torch\.bool"):
            given()
