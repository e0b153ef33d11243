"""All heads in one picture: what is drawn where, beside which words, and in what files."""

import math
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from torch import Tensor

from regard.inspection.figures import heads
from regard.inspection.head_weights import HeadWeights
from regard.inspection.palette import ON_LIGHT

SOURCE, TARGET = ["ein", "mann", "mit", "hut", "."], ["a", "man", "with", "a", "big", "hat", "."]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).mul(2).softmax(-1)


def attentions(num_layers: int = 2, num_heads: int = 3) -> list[HeadWeights]:
    """Make what a translator has."""
    mask = torch.ones(len(TARGET), len(TARGET), dtype=torch.bool).tril()
    sides = [(SOURCE, SOURCE, None), (TARGET, TARGET, mask), (TARGET, SOURCE, None)]
    return [
        HeadWeights(
            name,
            [
                drawn(num_heads, len(query), len(key), seed=layer)
                * (1 if allowed is None else allowed)
                for layer in range(num_layers)
            ],
            query,
            key,
            allowed,
        )
        for name, (query, key, allowed) in zip(
            ("encoder self-attention", "decoder self-attention", "cross-attention"),
            sides,
            strict=True,
        )
    ]


def meshes(figure: Figure) -> dict[str, QuadMesh]:
    """Return the cells of each head by what is drawn there."""
    found = [part for part in figure.axes[0].collections if isinstance(part, QuadMesh)]
    return {str(part.get_label()): part for part in found}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_head_of_every_layer_has_its_weights() -> None:
    given = attentions()
    cells = meshes(heads.draw(given))
    assert len(cells) == 3 * 2 * 3
    for attention in given:
        for layer, weights in enumerate(attention.layers):
            for head, wanted in enumerate(weights):
                mesh = cells[f"{attention.name}, layer {layer}, head {head}"]
                assert mesh.get_clim() == (0, 1)
                shown = mesh.get_array()
                assert shown.shape == wanted.shape
                if attention.mask is None:
                    assert shown.count() == wanted.numel()
                else:
                    assert torch.equal(torch.tensor(shown.mask), ~attention.mask)
                found = torch.tensor(shown.filled(0), dtype=torch.float32)
                torch.testing.assert_close(found, wanted)


def test_layers_stand_below_each_other_and_heads_beside_each_other() -> None:
    cells = meshes(heads.draw(attentions()))
    for name in ("encoder self-attention", "decoder self-attention", "cross-attention"):
        frames = [
            [place(cells[f"{name}, layer {layer}, head {head}"]) for head in range(3)]
            for layer in range(2)
        ]
        for row in frames:
            assert row[0].x1 < row[1].x0 < row[1].x1 < row[2].x0
            assert row[0].y1 == row[1].y1 == row[2].y1
        assert frames[0][0].y1 < frames[1][0].y0  # y grows downwards
        assert frames[0][0].x0 == frames[1][0].x0
    encoder, decoder = (
        cells[f"{name} self-attention, layer 1, head 0"] for name in ("encoder", "decoder")
    )
    assert place(encoder).y1 < place(decoder).y0


def place(mesh: QuadMesh) -> Bbox:
    """Return where cells stand, in inches from the left and the top."""
    corners = mesh.get_coordinates().reshape(-1, 2)
    return Bbox([corners.min(axis=0), corners.max(axis=0)])


def test_tokens_stand_beside_their_cells() -> None:
    figure = heads.draw(attentions())
    frame = place(meshes(figure)["cross-attention, layer 0, head 0"])
    cell = frame.height / len(TARGET)
    assert frame.width / len(SOURCE) == pytest.approx(cell)
    beside = {
        round((text.get_position()[1] - frame.y0) / cell - 0.5, 3): text.get_text()
        for text in figure.axes[0].texts
        if text.get_position()[0] < frame.x0
        and frame.y0 < text.get_position()[1] < frame.y1
        and not text.get_text().startswith("layer")
    }
    assert beside == dict(enumerate(TARGET))
    above = {
        round((text.get_position()[0] - frame.x0) / cell - 0.5, 3): text.get_text()
        for text in figure.axes[0].texts
        if frame.x0 < text.get_position()[0] < frame.x1
        and 0 < frame.y0 - text.get_position()[1] < cell
    }
    assert above == dict(enumerate(SOURCE))


def test_everything_says_what_it_is() -> None:
    given = attentions()
    figure = heads.draw(given, "ein mann → a man")
    written = texts(figure)
    assert written[0] == "ein mann → a man"
    for attention in given:
        assert written.count(attention.name) == 1
    for number in range(3):
        assert written.count(f"head {number}") == 3
    assert written.count("layer 0") == written.count("layer 1") == 3
    assert written.count("layer 2") == 0
    assert any("mean entropy, in nats" in text for text in written)
    [_, scale] = figure.axes
    assert [label.get_text() for label in scale.get_yticklabels()] == ["0.0", "0.5", "1.0"]
    for attention in given:
        for weights in attention.layers:
            for head in weights.tolist():
                nats = [
                    -sum(w * math.log(w) for w in row if w) / sum(row) + math.log(sum(row))
                    for row in head
                ]
                assert f"{sum(nats) / len(nats):.2f}" in written


def overlaps(boxes: dict[str, Bbox]) -> list[tuple[str, str]]:
    return [
        (one, other)
        for (one, first), (other, second) in combinations(boxes.items(), 2)
        if first.padded(-0.5).overlaps(second.padded(-0.5))
    ]


# Whether a font has the characters or not, a box of some width is drawn.
@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
@pytest.mark.parametrize(
    "tokens",
    [SOURCE, ["<bos>"], ["w"], ["word"] * 40, list("東京は日本の首都です"), ["x" * 30, "gj"] * 4],
    ids=["sentence", "one", "short", "forty", "wide", "long"],
)
def test_nothing_covers_anything_else(tokens: list[str]) -> None:
    size = (len(tokens), len(tokens))
    given = [
        HeadWeights(name, [drawn(4, *size)] * 2, tokens, tokens)
        for name in ("encoder self-attention", "decoder self-attention")
    ]
    figure = heads.draw(given, "one → two")
    FigureCanvasAgg(figure)
    boxes = {
        f"{number} {text.get_text()}": text.get_window_extent()
        for number, text in enumerate(figure.axes[0].texts)
    }
    boxes |= {name: mesh.get_window_extent() for name, mesh in meshes(figure).items()}
    boxes["scale"] = figure.axes[1].get_window_extent()
    # These stand in one line, and must not run into each other.
    boxes |= {
        name: box.padded(3) for name, box in boxes.items() if name.endswith(("layer 0", "layer 1"))
    }
    assert overlaps(boxes) == []


def alone(length: int, *, num_layers: int = 1, num_heads: int = 2) -> HeadWeights:
    tokens = [f"w{number}" for number in range(length)]
    layers = [drawn(num_heads, length, length)] * num_layers
    return HeadWeights("self-attention", layers, tokens, tokens)


@pytest.mark.parametrize("length", [10, 40])
def test_tokens_are_named_where_names_can_be_read(length: int) -> None:
    figure = heads.draw([alone(length, num_layers=6, num_heads=16)])
    named = [text for text in figure.axes[0].texts if text.get_text() == "w1"]
    assert len(named) == 16 + 6
    assert min(text.get_fontsize() for text in named) >= 3.9
    assert max(figure.get_size_inches()) < 60


def test_a_long_text_has_cells_without_names() -> None:
    figure = heads.draw([alone(120)])
    assert "w1" not in texts(figure)
    [first, _] = meshes(figure).values()
    assert first.get_array().shape == (120, 120)
    assert max(figure.get_size_inches()) < 10


def test_of_a_very_long_text_nothing_large_is_lost() -> None:
    length = 1_201
    weights = torch.zeros(1, length, length)
    rows = torch.arange(0, length, 100)
    weights[0, rows, rows] = 0.75
    tokens = ["w"] * length
    mask = torch.ones(length, length, dtype=torch.bool).tril()
    figure = heads.draw([HeadWeights("self-attention", [weights], tokens, tokens, mask)])
    [mesh] = meshes(figure).values()
    shown = mesh.get_array()
    assert max(shown.shape) <= 400
    assert (shown.filled(0) == 0.75).sum() >= len(rows)
    assert shown.mask[0, -1]
    assert not shown.mask[-1, 0]
    assert not shown.mask.diagonal().any()


def test_colours_are_those_of_all_pictures(tmp_path: Path) -> None:
    weights = torch.tensor([[[1.0, 0.0], [0.3, 0.7]]])
    mask = torch.tensor([[True, False], [True, True]])
    given = [HeadWeights("self-attention", [weights], ["a", "b"], ["a", "b"], mask)]
    [mesh] = meshes(heads.draw(given)).values()
    colours = [bytes(mesh.cmap(weight, bytes=True)[:3]).hex() for weight in (0.0, 0.305, 1.0)]
    assert [f"#{colour}" for colour in colours] == [ON_LIGHT[0], ON_LIGHT[30], ON_LIGHT[100]]
    assert mesh.cmap(torch.nan)[3] == 0  # what may not be attended is not coloured at all
    heads.save(given, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("suffix", [".pdf", ".png", ".svg"])
def test_the_same_heads_give_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        heads.save(attentions(1), path, "a title")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == paths


def test_text_in_an_svg_is_text_and_acts_nowhere(tmp_path: Path) -> None:
    tokens = ["$x$", r"$\frac{", "<b>", "&amp;", "\x1b[31m", "\n", " "]
    weights = [torch.eye(len(tokens)).unsqueeze(0)]
    given = [HeadWeights("$self$\n", weights, tokens, tokens)]
    heads.save(given, tmp_path / "a.svg", "$title\x07$")
    root = ET.parse(tmp_path / "a.svg")
    written = [part.text for part in root.iter("{http://www.w3.org/2000/svg}text")]
    wanted = {"$x$", r"$\frac{", "<b>", "&amp;", r"\x1b[31m", r"\n", "␣", r"$self$\n"}
    assert wanted | {r"$title\x07$", "layer 0", "head 0", "0.00"} <= set(written)


def test_characters_no_font_has_are_warned_of(tmp_path: Path) -> None:
    given = [HeadWeights("self-attention", [torch.ones(1, 1, 1)], ["\U0003fffd"], ["a"])]
    with pytest.warns(UserWarning, match="no installed font has"):
        heads.save(given, tmp_path / "a.png")


def test_what_cannot_be_saved_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"must end in \.pdf, \.png or \.svg"):
        heads.save(attentions(1), tmp_path / "a.gif")

    def fail(_: Figure, path: Path, **__: object) -> None:
        path.write_bytes(b"half a picture")
        raise OSError("no space left")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="no space left"):
        heads.save(attentions(1), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_without_an_attention_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="no attention whose heads could be drawn"):
        heads.draw([])
