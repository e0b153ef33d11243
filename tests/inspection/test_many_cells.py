"""Many weights in a vector picture are one image with a dot for each; letters stay letters."""

import base64
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET

import torch
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from torch import Tensor

from regard.inspection.alignment import Alignment
from regard.inspection.figures import heads, plots
from regard.inspection.head_weights import HeadWeights
from regard.inspection.palette import ON_LIGHT, percent

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"


def images(path: Path) -> list[Tensor]:
    """Return the images of a picture: `row column channel`, each from 0 to 1."""
    found = ET.parse(path).iter(f"{SVG}image")
    kept = [base64.b64decode(each.get(HREF, "").partition(",")[2]) for each in found]
    return [torch.tensor(imread(BytesIO(each), format="png")) for each in kept]


def words(number: int) -> list[str]:
    return [f"word{at}" for at in range(number)]


def weights(*size: int) -> Tensor:
    return torch.rand(*size, generator=torch.Generator().manual_seed(0))


def test_a_large_matrix_is_an_image_with_the_colour_of_each_weight(tmp_path: Path) -> None:
    drawn = weights(90, 130)
    path = tmp_path / "matrix.svg"
    plots.save(Alignment(drawn, words(130), words(90)), path)
    [dots] = [each for each in images(path) if each.shape[:2] == (90, 130)]
    expected = [[to_rgb(ON_LIGHT[percent(float(each))]) for each in row] for row in drawn]
    # A weight between two colours may be drawn in either.
    off = (dots[..., :3] - torch.tensor(expected)).abs().amax(dim=-1)
    assert float(off.max()) < 0.06
    root = ET.parse(path).getroot()
    texts = {"".join(each.itertext()) for each in root.iter(f"{SVG}text")}
    assert {"word0", "word89", "word129"} <= texts
    assert len(list(root.iter(f"{SVG}path"))) < 500


def test_a_small_matrix_has_an_outline_around_each_weight(tmp_path: Path) -> None:
    path = tmp_path / "matrix.svg"
    plots.save(Alignment(weights(20, 30), words(30), words(20)), path)
    assert not [each for each in images(path) if each.shape[:2] == (20, 30)]
    assert len(list(ET.parse(path).iter(f"{SVG}path"))) >= 600


def test_a_large_matrix_for_print_has_a_dot_for_each_weight(tmp_path: Path) -> None:
    path = tmp_path / "matrix.pdf"
    plots.save(Alignment(weights(123, 321), words(321), words(123)), path)
    content = path.read_bytes()
    assert b"/Width 321 /" in content.replace(b"\n", b" ")
    assert b"/Height 123 /" in content.replace(b"\n", b" ")


def test_of_many_heads_what_may_not_be_attended_stays_blank(tmp_path: Path) -> None:
    mask = torch.ones(150, 150).tril().bool()
    layer = weights(2, 150, 150) * mask
    path = tmp_path / "heads.svg"
    heads.save([HeadWeights("self", [layer], words(150), words(150), mask)], path)
    drawn = [each for each in images(path) if each.shape[:2] == (150, 150)]
    assert len(drawn) == 2
    for dots in drawn:
        assert torch.equal(dots[..., 3] > 0, mask)
