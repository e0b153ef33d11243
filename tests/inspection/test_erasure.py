"""What erasing does, against a table of what is predicted from every subset of a text."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from regard.inspection.measures.erasure import (
    SHARES,
    comprehensiveness,
    erase,
    falling_order,
    first_flip,
    kept_without,
    leave_one_out,
    random_orders,
    sufficiency,
)

NUM_TOKENS, NUM_CLASSES = 5, 3


class Table:
    """Predictions that have nothing to do with each other, one for each subset of the tokens."""

    def __init__(self, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        subsets = itertools.product((False, True), repeat=NUM_TOKENS)
        self.of: dict[tuple[bool, ...], list[float]] = {
            subset: (3 * torch.randn(NUM_CLASSES, generator=generator)).softmax(0).tolist()
            for subset in subsets
        }
        self.num_asked = 0

    def __call__(self, kept: Tensor) -> Tensor:
        self.num_asked += 1
        return torch.tensor([self.of[tuple(row)] for row in kept.tolist()])

    @property
    def whole(self) -> list[float]:
        return self.of[(True,) * NUM_TOKENS]

    @property
    def predicted(self) -> int:
        return self.whole.index(max(self.whole))

    def drop(self, kept: set[int]) -> float:
        found = self.of[tuple(at in kept for at in range(NUM_TOKENS))]
        return self.whole[self.predicted] - found[self.predicted]

    def flips(self, kept: set[int]) -> bool:
        found = self.of[tuple(at in kept for at in range(NUM_TOKENS))]
        return found.index(max(found)) != self.predicted


ORDERS = torch.tensor([[3, 1, 4, 0, 2], [0, 1, 2, 3, 4]])


def first(order: list[int], share: float) -> set[int]:
    return set(order[: max(1, math.ceil(share * len(order)))])


@pytest.mark.parametrize("seed", range(5))
def test_every_share_is_erased_and_kept_alone(seed: int) -> None:
    table = Table(seed)
    every = set(range(NUM_TOKENS))
    for order in ORDERS.tolist():
        one = torch.tensor(order)
        without = [table.drop(every - first(order, share)) for share in SHARES]
        alone = [table.drop(first(order, share)) for share in SHARES]
        needed, lacking = comprehensiveness(table, one), sufficiency(table, one)
        assert needed.item() == pytest.approx(sum(without) / len(SHARES), abs=1e-6)
        assert lacking.item() == pytest.approx(sum(alone) / len(SHARES), abs=1e-6)
        flips = [share for share in SHARES if table.flips(every - first(order, share))]
        assert first_flip(table, one).item() == pytest.approx(min(flips, default=1.0))


@pytest.mark.parametrize("measure", [comprehensiveness, sufficiency, first_flip])
def test_several_orders_are_asked_for_at_once(measure: type[comprehensiveness]) -> None:
    table = Table()
    together = measure(table, ORDERS)
    assert table.num_asked == 1
    assert together.tolist() == [measure(table, order).item() for order in ORDERS]


def test_every_token_is_left_out_alone() -> None:
    table = Table()
    found = leave_one_out(table, NUM_TOKENS)
    for at in range(NUM_TOKENS):
        kept = set(range(NUM_TOKENS)) - {at}
        assert found.drop[at].item() == pytest.approx(table.drop(kept), abs=1e-6)
        assert bool(found.flips[at]) == table.flips(kept)
        after = table.of[tuple(other in kept for other in range(NUM_TOKENS))]
        apart = sum(abs(one - other) for one, other in zip(table.whole, after, strict=True))
        assert found.change[at].item() == pytest.approx(apart / 2, abs=1e-6)


def test_what_is_kept_whole_is_as_it_was() -> None:
    found = erase(Table(), torch.ones(2, 3, NUM_TOKENS, dtype=torch.bool))
    assert found.drop.abs().max().item() == 0
    assert found.flips.shape == (2, 3)
    assert not bool(found.flips.any())


@given(st.integers(0, 30), st.integers(0, 99))
def test_shares_are_rounded_up_and_nest(num_tokens: int, seed: int) -> None:
    [order] = random_orders(num_tokens, 1, torch.Generator().manual_seed(seed))
    kept = kept_without(order)
    for share, row in zip(SHARES, kept.tolist(), strict=True):
        erased = {at for at, is_kept in enumerate(row) if not is_kept}
        assert erased == first(order.tolist(), share) if num_tokens else not erased
    assert bool((kept[1:] <= kept[:-1]).all())


def test_a_share_is_not_rounded_up_for_what_a_computer_adds() -> None:
    assert (~kept_without(torch.arange(100), [0.07, 0.29, 1.0])).sum(-1).tolist() == [7, 29, 100]


@given(st.lists(st.integers(-2, 2).map(float), max_size=12), st.integers(0, 99))
def test_an_order_falls_and_has_every_token(weights: list[float], seed: int) -> None:
    order = falling_order(torch.tensor(weights), torch.Generator().manual_seed(seed)).tolist()
    assert sorted(order) == list(range(len(weights)))
    assert [weights[at] for at in order] == sorted(weights, reverse=True)


def test_equal_weights_are_in_any_order() -> None:
    generator = torch.Generator().manual_seed(0)
    firsts = [falling_order(torch.ones(4), generator)[0].item() for _ in range(200)]
    assert {firsts.count(at) > 25 for at in range(4)} == {True}


def test_random_orders_are_even_and_repeat_with_their_generator() -> None:
    orders = random_orders(4, 2000, torch.Generator().manual_seed(1))
    assert torch.equal(orders, random_orders(4, 2000, torch.Generator().manual_seed(1)))
    assert not torch.equal(orders, random_orders(4, 2000, torch.Generator().manual_seed(2)))
    for place in range(4):
        counts = orders[:, place].bincount(minlength=4)
        assert counts.min() > 400


def test_a_text_without_a_token_can_be_asked_for() -> None:
    def predict(kept: Tensor) -> Tensor:
        return torch.tensor([0.25, 0.75]).expand(len(kept), 2)

    order = torch.zeros(0, dtype=torch.long)
    assert comprehensiveness(predict, order).item() == 0
    assert first_flip(predict, order).item() == 1
    assert leave_one_out(predict, 0).drop.shape == (0,)
