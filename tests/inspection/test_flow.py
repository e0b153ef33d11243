"""Flow charts of attention: every number is there, nothing covers anything, no text acts."""

from functools import partial
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from rich.cells import cell_len

from regard import masks, normalizers, scores
from regard.inspection.figures import flow_chart
from regard.inspection.layouts.drawing import Box, Line, Shape, Words
from regard.inspection.layouts.flow import lay_out
from regard.inspection.layouts.numerals import numerals
from regard.inspection.mechanism import Mechanism, mechanism_of
from regard.inspection.mechanism_example import example_of
from regard.inspection.palette import ON_DARK, ON_LIGHT
from regard.inspection.report.mechanism import MechanismExample, draw
from regard.inspection.terminal import Flow
from tests.drawing import draws
from tests.inspection.page import HOSTILE, Page
from tests.inspection.screen import console, printed

WORDS = ["the", "cat", "sat"]
LONG = [
    *WORDS,
    "internationalisation",
    "of",
    "very",
    "long",
    "words",
    "and",
    "all",
    "short",
    "ones",
]


def own() -> Mechanism:
    """Return attention by functions without a formula, whose boxes are low."""
    draw = draws(dtype=torch.float32)
    return mechanism_of(
        draw(1, 4),
        draw(12, 4),
        draw(12, 4),
        score=lambda query, key: query @ key.mT,
        mask=masks.Window(3, 0),
        normalizer=lambda numbers, mask=None: normalizers.softmax(numbers, mask),
    )


def uneven() -> Mechanism:
    """Return attention whose queries are narrower than its keys, and these than its values."""
    draw = draws(dtype=torch.float32)
    score = partial(scores.additive, query_weight=draw(3, 1), key_weight=draw(3, 7), energy=draw(3))
    return mechanism_of(draw(2, 1), draw(2, 7), draw(2, 12), score=score)


EXAMPLES = {
    "own": own,
    "uneven": uneven,
    "plain": lambda: example_of(WORDS, WORDS),
    "one": lambda: example_of(["a"], ["a"], width=1, normalizer="sparsemax"),
    "everything": lambda: example_of(
        WORDS, WORDS, score="additive", bias="alibi", mask=masks.Window(None, 0)
    ),
    "long": lambda: example_of(LONG, LONG[:2], bias="gaussian", mask=masks.Window(3, 1)),
    "tall": lambda: example_of(list("abcdefghijkl"), ["l"], bias="alibi", mask=masks.Window(3, 0)),
    "wide": lambda: example_of(LONG[:3], ["a"], width=16, score="concat"),
    "many queries": lambda: example_of(["a", "b"], LONG, mask=masks.Window(1, 0)),
    "empty row": lambda: example_of(["a"], ["b", "c"], mask=masks.Window(None, 0)),
}
every_example = pytest.mark.parametrize("example", EXAMPLES)


def drawn(example: str) -> Mechanism:
    return EXAMPLES[example]()


def matrices(mechanism: Mechanism) -> dict[str, torch.Tensor]:
    found = {
        "query": mechanism.query,
        "key": mechanism.key,
        "value": mechanism.value,
        "scores": mechanism.scores,
        "weights": mechanism.weights,
        "context": mechanism.context,
    }
    if mechanism.bias is not None:
        found |= {"bias": mechanism.bias, "scores + bias": mechanism.biased}
    return found


@every_example
def test_every_number_stands_in_a_cell_of_its_own(example: str) -> None:
    mechanism = drawn(example)
    items = lay_out(mechanism).items
    wanted = [
        text for each in matrices(mechanism).values() for row in numerals(each) for text in row
    ]
    if mechanism.mask is not None:
        wanted += ["✓" if allowed else "×" for row in mechanism.mask for allowed in row]
    # What is written right after the box that it stands in; those of the legend are lower.
    cells = [
        item.text
        for box, item in pairwise(items)
        if isinstance(item, Words) and isinstance(box, Box) and box.radius == 2 and box.height > 9
    ]
    assert sorted(cells) == sorted(wanted)


@every_example
def test_names_shapes_and_formulas_are_there(example: str) -> None:
    mechanism = drawn(example)
    texts = [item.text for item in lay_out(mechanism).items if isinstance(item, Words)]
    for name, matrix in matrices(mechanism).items():
        assert texts.count(name) == 1
        assert f"{len(matrix)} × {matrix.shape[1]}" in texts
    stages = {mechanism.score.name, mechanism.score.formula, mechanism.normalizer.formula}
    assert (stages - {""}) | {"weighted sum", "cᵢ = ∑ⱼ wᵢⱼ vⱼ"} <= set(texts)
    assert ("mask" in texts) == (mechanism.mask is not None)
    assert ("add the bias" in texts) == (mechanism.bias is not None)


@every_example
def test_nothing_covers_anything_else(example: str) -> None:
    figure = flow_chart.draw(drawn(example))
    FigureCanvasAgg(figure)
    [axes] = figure.axes
    texts = [
        (text.get_text(), text.get_window_extent())
        for text in axes.texts
        if text.get_rotation() == 0
    ]
    overlapping = [
        (first[0], second[0])
        for index, first in enumerate(texts)
        for second in texts[index + 1 :]
        if first[1].padded(-0.5).overlaps(second[1].padded(-0.5))
    ]
    assert overlapping == []
    sheet = figure.bbox
    for name, box in texts:
        assert sheet.x0 <= box.x0, name
        assert box.x1 <= sheet.x1, name
        assert sheet.y0 <= box.y0, name
        assert box.y1 <= sheet.y1, name


@every_example
def test_boxes_stand_apart_and_lines_run_between_them(example: str) -> None:
    items = lay_out(drawn(example)).items
    stages = [item for item in items if isinstance(item, Box) and item.radius == 7]
    cells = [item for item in items if isinstance(item, Box) and item.radius == 2]
    boxes = stages + cells
    for index, first in enumerate(boxes):
        for second in boxes[index + 1 :]:
            apart = (
                first.x + first.width <= second.x + 0.01
                or second.x + second.width <= first.x + 0.01
                or first.y + first.height <= second.y + 0.01
                or second.y + second.height <= first.y + 0.01
            )
            assert apart, (first, second)
    for heading in (item for item in items if isinstance(item, Words) and item.bold):
        above = [
            heading.y - cell.y - cell.height
            for cell in cells
            if cell.x - 1 <= heading.x <= cell.x + cell.width and cell.y < heading.y
        ]
        assert min(above, default=99) > 20, heading.text
    first = stages[0]
    entering = [
        item.points[0][0]
        for item in items
        if isinstance(item, Shape) and abs(item.points[0][1] - first.y) <= 1
    ]
    assert len(entering) == 2
    assert all(first.x < x < first.x + first.width for x in entering)
    for line in (item for item in items if isinstance(item, Line)):
        (x, y), (to_x, to_y) = line.points
        middle = (x + to_x) / 2, (y + to_y) / 2
        within = [
            box
            for box in boxes
            if box.x < middle[0] < box.x + box.width and box.y < middle[1] < box.y + box.height
        ]
        assert within == []
    assert len([item for item in items if isinstance(item, Line)]) >= 2 * len(stages) + 1


def test_colours_say_what_they_say_everywhere(tmp_path: Path) -> None:
    mechanism = example_of(WORDS, WORDS, normalizer="hardmax", mask=masks.Window(None, 0))
    flow_chart.save(mechanism, tmp_path / "flow.svg")
    svg = (tmp_path / "flow.svg").read_text("utf-8")
    assert ON_LIGHT[100] in svg
    assert ON_LIGHT[0] in svg
    weights = [
        item for item in lay_out(mechanism).items if isinstance(item, Words) and item.on is not None
    ]
    assert [item.on for item in weights] == [1, 0, 1, 1, 0, 0]
    assert all(item.text == ("1.0" if item.on else "0") for item in weights)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_the_same_flow_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        flow_chart.save(drawn("plain"), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == paths


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.pdf, \.png or \.svg"):
        flow_chart.save(drawn("plain"), tmp_path / "flow.gif")
    assert list(tmp_path.iterdir()) == []


HOSTILE_WORDS = ["$x$", r"$\frac{", "<b>", "&amp;", "\x1b[31m", "\n", HOSTILE]


def test_text_in_an_svg_is_text_and_acts_nowhere(tmp_path: Path) -> None:
    flow_chart.save(example_of(HOSTILE_WORDS, HOSTILE_WORDS), tmp_path / "a.svg")
    root = ET.parse(tmp_path / "a.svg")
    written = {part.text for part in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"$x$", r"$\frac{", "<b>", "&amp;", r"\x1b[31m", r"\n", "scaled_dot"} <= written


@pytest.mark.parametrize("words", [WORDS, HOSTILE_WORDS], ids=["plain", "hostile"])
def test_a_page_has_the_chart_as_svg_of_classes(words: list[str]) -> None:
    mechanism = example_of(words, words, mask=masks.Window(1, 0))
    part = draw(7, MechanismExample(mechanism))
    page = Page(part)
    assert page.open == []
    assert {tag for tag, _ in page.elements} == {"div", "svg", "rect", "text", "path", "polygon"}
    [region], [picture] = page.all("div"), page.all("svg")
    assert region["aria-labelledby"] == "example-7"
    assert region["tabindex"] == "0"
    assert picture["role"] == "img"
    assert "scored (scaled_dot)" in str(picture["aria-label"])
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name.startswith("on")}
    assert names.isdisjoint({"style", "href", "src", "xlink:href"})
    assert "url(" not in part
    drawing = lay_out(mechanism)
    assert [text for tag, text in page.texts if tag == "text"] == [
        item.text for item in drawing.items if isinstance(item, Words)
    ]
    boxes = [item for item in drawing.items if isinstance(item, Box)]
    assert len(page.all("rect")) == len(boxes)


def test_weights_on_a_page_have_the_classes_of_all_pictures() -> None:
    mechanism = example_of(WORDS, ["sat"])
    rects = [
        str(each.get("class")).split()[0]
        for each in Page(draw(1, MechanismExample(mechanism))).all("rect")
    ]
    wanted = [f"w{round(100 * float(weight))}" for weight in mechanism.weights[0]]
    assert [each for each in rects if each in wanted][: len(wanted)] == wanted


def test_the_description_says_who_looks_where() -> None:
    mechanism = example_of(["a", "b"], ["x"], score="dot", normalizer="hardmax")
    best = mechanism.keys[int(mechanism.weights[0].argmax())]
    assert lay_out(mechanism).description.endswith(f"context. x looks most at {best}, 1.00.")


def lines_of(mechanism: Mechanism, width: int = 100, colours: str | None = None) -> list[str]:
    return printed(Flow(mechanism), console(width, colours)).splitlines()


@every_example
@pytest.mark.parametrize("width", [24, 40, 80, 200])
def test_no_line_leaves_the_terminal_and_every_number_is_on_it(example: str, width: int) -> None:
    mechanism = drawn(example)
    lines = lines_of(mechanism, width)
    assert max(map(cell_len, lines)) <= width
    shown = " ".join(lines).replace("(", " ").replace(")", " ").split()
    for name, matrix in matrices(mechanism).items():
        for text in (text for row in numerals(matrix) for text in row):
            assert text in shown, name


def test_matrices_stand_beside_each_other_where_there_is_room() -> None:
    mechanism = drawn("plain")
    assert lines_of(mechanism)[0].split() == ["query", "3", "×", "4", "key", "3", "×", "4"]
    assert lines_of(mechanism, 30)[0].split() == ["query", "3", "×", "4"]


def test_what_may_not_be_attended_is_told_apart_without_colours() -> None:
    lines = lines_of(example_of(["a", "b"], ["a", "b"], mask=masks.Window(None, 0)))
    weights = next(index for index, line in enumerate(lines) if line.startswith("weights"))
    assert lines[weights + 2].split()[:3] == ["a", "1.00", "(0)"]
    assert any("yes   no" in line for line in lines)


def test_colours_of_the_terminal_are_those_of_the_scale() -> None:
    mechanism = example_of(["a", "b"], ["x"], normalizer="hardmax")
    shown = "\n".join(lines_of(mechanism, colours="truecolor"))
    for colour in (ON_DARK[0], ON_DARK[100]):
        assert "48;2;{};{};{}m".format(*bytes.fromhex(colour[1:])) in shown


def test_a_terminal_of_ascii_gets_ascii() -> None:
    mechanism = example_of(["猫", "a"], ["猫"], score="cosine", mask=masks.Window(0, 0))
    shown = printed(Flow(mechanism), console(encoding="ascii"))
    assert shown.isascii()
    assert r"\u732b" in shown


@pytest.mark.parametrize(
    "words", [HOSTILE_WORDS, ["我", "مرحبا", "👩‍🔬"]], ids=["hostile", "scripts"]
)
def test_no_token_acts_on_the_terminal(words: list[str]) -> None:
    shown = printed(Flow(example_of(words, words)), console(400))
    assert not {character for character in shown if ord(character) < 32} - {"\n"}
    assert "\u202e" not in shown
