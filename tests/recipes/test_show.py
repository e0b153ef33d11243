"""`regard.show` draws weights, records, drawings and systems, in letters and as a page."""

import html
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import regard
from regard.functional.scores import scaled_dot
from regard.inspection.alignment import Alignment
from regard.inspection.head_weights import HeadWeights
from regard.inspection.mechanism import mechanism_of
from regard.inspection.record import Record
from regard.inspection.report import Example, HeadsExample, MechanismExample, TextExample
from regard.inspection.shading import ShadedText
from regard.recipes.show import examples_of, show
from tests.recipes.test_heads import TEXT, translator

WEIGHTS = torch.tensor([[0.75, 0.25], [0.0, 1.0]])
TEXTS = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(0))


class Stack(nn.Module):
    """Two layers that attend, the second from the first two positions alone."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = (nn.MultiheadAttention(8, 2, batch_first=True) for _ in range(2))

    def forward(self, text: Tensor) -> Tensor:
        read = self.one(text, text, text)[0]
        asked: Tensor = self.two(read[:, :2], read, read)[0]
        return asked


def recorded() -> Record:
    model = Stack()
    with torch.no_grad(), regard.record(model) as seen:
        model(TEXTS)
    return seen


def test_weights_stand_beside_their_tokens() -> None:
    [example] = show(WEIGHTS, source=["le", "chat"], target=["the", "cat"]).examples
    assert isinstance(example, Example)
    assert (example.alignment.source, example.alignment.target) == (["le", "chat"], ["the", "cat"])
    assert torch.equal(example.alignment.weights, WEIGHTS)


def test_the_tokens_of_the_columns_name_as_many_rows() -> None:
    [example] = show(WEIGHTS, source=["a", "b"]).examples
    assert isinstance(example, Example)
    assert example.alignment.target == ["a", "b"]


def test_positions_are_numbered_where_there_are_no_tokens() -> None:
    [example] = show(torch.full((2, 3, 4), 0.25)).examples
    assert isinstance(example, HeadsExample)
    [attention] = example.attentions
    assert (attention.query, attention.key) == (["0", "1", "2"], ["0", "1", "2", "3"])
    assert attention.layers[0].shape == (2, 3, 4)


def test_a_record_is_drawn_layer_by_layer_of_its_first_text() -> None:
    seen = recorded()
    one, two = show(seen, source=list("abcd")).examples
    assert isinstance(one, HeadsExample)
    assert isinstance(two, HeadsExample)
    assert [each.attentions[0].name for each in (one, two)] == ["one", "two"]
    assert two.attentions[0].query == ["0", "1"]
    assert torch.equal(one.attentions[0].layers[0], seen["one"].weights()[0])
    [alone] = show(seen["two"]).examples
    assert isinstance(alone, HeadsExample)
    assert torch.equal(alone.attentions[0].layers[0], seen["two"].weights()[0])


def test_a_record_of_nothing_has_nothing_to_draw() -> None:
    with regard.record(Stack()) as seen:
        pass
    with pytest.raises(ValueError, match="no layer was called while it was recorded"):
        show(seen)


@pytest.mark.parametrize(
    ("what", "kind", "said"),
    [
        (Alignment(WEIGHTS, ["le", "chat"], ["the", "cat"]), Example, "cat"),
        (HeadWeights("reading", [WEIGHTS[None]], ["a", "b"], ["a", "b"]), HeadsExample, "reading"),
        (ShadedText("a film", [(0, 1), (2, 6)], torch.tensor([0.2, 0.8])), TextExample, "film"),
        (
            mechanism_of(WEIGHTS, WEIGHTS, WEIGHTS, score=scaled_dot),
            MechanismExample,
            "softmax",
        ),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_drawings_are_drawn_in_letters_and_as_a_page(what: Any, kind: type, said: str) -> None:
    shown = show(what)
    assert [type(example) for example in shown.examples] == [kind]
    assert said in repr(shown)
    assert said in html.unescape(shown._repr_html_())


def test_a_translator_is_drawn_with_all_its_heads() -> None:
    system = translator()
    alignment, heads = show(system, TEXT).examples
    assert isinstance(alignment, Example)
    assert alignment.source == TEXT
    assert isinstance(heads, HeadsExample)
    assert len(heads.attentions) == 3


def test_a_notebook_gets_a_page_that_reaches_nothing_outside_its_frame() -> None:
    hostile = '"></iframe><script>alert(1)</script>'
    written = show(WEIGHTS, source=[hostile, "b"], title=hostile)._repr_html_()
    assert re.fullmatch(
        r'<iframe srcdoc="[^"]*" title="[^"<>]*" sandbox="[^"]*"[^<>]*></iframe>', written
    )
    assert "allow-same-origin" not in written


def test_a_page_is_saved(tmp_path: Path) -> None:
    shown = show(WEIGHTS, title="My weights")
    shown.save(tmp_path / "page.html")
    assert "My weights" in (tmp_path / "page.html").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"ends in \.html; got .*page\.png"):
        shown.save(tmp_path / "page.png")
    assert not (tmp_path / "page.png").exists()


@pytest.mark.parametrize(
    ("what", "texts", "error", "message"),
    [
        (3, (), TypeError, "a record, something to draw, a trained system .*; got int"),
        ([], (), TypeError, "got list"),
        (WEIGHTS, ("a text",), TypeError, "a Tensor reads no texts; name its tokens by source="),
        (
            WEIGHTS[0],
            (),
            ValueError,
            r"\(target, source\) or \(heads, target, source\); got \(2,\)",
        ),
        (WEIGHTS * 3, (), ValueError, "must lie in 0…1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    what: Any, texts: tuple[str, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        show(what, *texts)


def test_tokens_are_not_given_twice() -> None:
    for what in (translator(), Alignment(WEIGHTS, ["a", "b"], ["c", "d"])):
        with pytest.raises(TypeError, match="has tokens of its own: leave out source="):
            show(what, source=["x", "y"])


def test_an_empty_batch_has_nothing_to_draw() -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad(), regard.record(layer) as seen:
        layer(TEXTS[:0], TEXTS[:0], TEXTS[:0])
    with pytest.raises(ValueError, match="was called with an empty batch"):
        show(seen)


def test_a_text_is_a_str() -> None:
    texts: Any = [["ein haus"]]
    # Where types are checked while tests run, it is said before.
    with pytest.raises(TypeError, match=r"str"):
        show(translator(), *texts)


def test_a_system_needs_a_text() -> None:
    with pytest.raises(ValueError, match="give a text to look into"):
        examples_of(translator(), [])
