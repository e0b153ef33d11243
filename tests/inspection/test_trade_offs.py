"""The picture to choose by names every system, and says which no other beats."""

import itertools
import random
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

from regard.inspection.figures import trade_offs
from regard.inspection.figures.trade_offs import TradeOff, draw, unbeaten


def drawn(name: str, bleu: float, step_ms: float, **others: float) -> TradeOff:
    return TradeOff(name, float(bleu), float(step_ms), others)


def names_in(axes: Axes) -> list[Text]:
    return [text for text in axes.texts if text.get_text()]


def test_the_unbeaten_are_those_that_no_other_betters_as_fast() -> None:
    fast, good, best = drawn("fast", 30, 100), drawn("good", 35, 150), drawn("best", 36, 300)
    slow, as_fast, as_good = drawn("slow", 35, 200), drawn("as fast", 29, 100), drawn("x", 36, 301)
    for order in itertools.permutations([fast, good, best, slow, as_fast, as_good]):
        assert unbeaten(order) == [fast, good, best]


def test_every_system_has_a_point_of_its_own() -> None:
    systems = [drawn("a", 30, 100), drawn("b", 35, 150), drawn("c", 20, 120)]
    points, *_ = draw(systems).axes
    markers = [line for line in points.lines if line.get_marker() == "o"]
    places = {(line.get_xdata()[0], line.get_ydata()[0]): line for line in markers}
    assert set(places) == {(each.step_ms, each.bleu) for each in systems}
    filled = {place for place, line in places.items() if line.get_markerfacecolor() != "white"}
    assert filled == {(100, 30), (150, 35)}


@pytest.mark.parametrize("seed", range(5))
def test_names_cover_neither_each_other_nor_a_point(seed: int) -> None:
    rng = random.Random(seed)
    names = [f"variant_{'x' * rng.randrange(8)}{number}" for number in range(15)]
    systems = [drawn(name, rng.gauss(38, 0.5), rng.gauss(200, 40)) for name in names]
    systems[0] = systems[0]._replace(bleu=31.0)
    figure = draw(systems)
    points = figure.axes[0]
    boxes = {text.get_text(): text.get_window_extent() for text in names_in(points)}
    assert set(boxes) == set(names)
    for (one, first), (other, second) in itertools.combinations(boxes.items(), 2):
        assert not first.overlaps(second), (one, other)
    for system in systems:
        x, y = points.transData.transform((system.step_ms, system.bleu))
        assert not [name for name, box in boxes.items() if box.contains(x, y)]
    frame = points.get_window_extent().padded(1)
    assert all(frame.contains(box.x0, box.y0) for box in boxes.values())
    assert all(frame.contains(box.x1, box.y1) for box in boxes.values())


def test_what_is_beside_stands_in_the_order_of_bleu() -> None:
    systems = [
        drawn("worse", 30, 100, perplexity=8.0, entropy=1.5),
        drawn("better", 35, 150, perplexity=6.0),
    ]
    _, perplexity, entropy = draw(systems).axes
    rows = {label.get_text(): label.get_position()[1] for label in perplexity.get_yticklabels()}
    assert rows["better"] == 0
    assert rows["worse"] == 1
    assert perplexity.yaxis_inverted()
    assert [text.get_text() for text in names_in(perplexity)] == ["6.00", "8.00"]
    assert [text.get_text() for text in names_in(entropy)] == ["1.50"]
    assert (perplexity.get_title("left"), entropy.get_title("left")) == ("perplexity", "entropy")


def test_one_system_is_drawn_too(tmp_path: Path) -> None:
    trade_offs.save([drawn("alone", 0.0, 100.0)], tmp_path / "alone.png")
    assert (tmp_path / "alone.png").read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [tmp_path / "alone.png"]


def test_a_name_is_no_formula() -> None:
    [name] = names_in(draw([drawn("a$b$c", 1.0, 1.0)]).axes[0])
    assert not name.get_parse_math()
