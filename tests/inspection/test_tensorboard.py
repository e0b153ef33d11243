"""Pictures in TensorBoard are read back from its files."""

from pathlib import Path

import pytest
import torch
from matplotlib.image import imread
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from regard.inspection.alignment import Alignment
from regard.inspection.figures.tensorboard import log_attention
from regard.inspection.head_weights import HeadWeights
from regard.inspection.mechanism_example import example_of
from regard.inspection.palette import ON_LIGHT
from tests.inspection.search_example import by_hand

WEIGHTS = torch.tensor([[1.0, 0.0], [0.0, 1.0]])

DRAWINGS = {
    "alignment": lambda: Alignment(WEIGHTS, ["a", "b"], ["x", "y"]),
    "heads": lambda: [HeadWeights("self-attention", [WEIGHTS.unsqueeze(0)], "ab", "ab")],
    "mechanism": lambda: example_of(["a", "b"], ["b"], normalizer="hardmax"),
    "search": by_hand,
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_pictures_are_read_back(name: str, tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        for step in (1, 5):
            log_attention(writer, f"attention/{name}", DRAWINGS[name](), step)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["images"] == [f"attention/{name}"]
    first, second = events.Images(f"attention/{name}")
    assert (first.step, second.step) == (1, 5)
    assert first.encoded_image_string == second.encoded_image_string
    (tmp_path / "picture.png").write_bytes(first.encoded_image_string)
    pixels = imread(tmp_path / "picture.png")[..., :3]
    assert pixels.shape[:2] == (first.height, first.width)
    assert min(first.height, first.width) > 90
    colours = {
        bytes(round(255 * float(channel)) for channel in pixel).hex()
        for pixel in pixels.reshape(-1, 3)
    }
    assert ON_LIGHT[100][1:] in colours


def test_tokens_no_font_has_do_not_stop_a_training(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        log_attention(writer, "a", Alignment(torch.ones(1, 1), ["\U0003fffd"], ["猫"]), 0)
    assert EventAccumulator(str(tmp_path)).Reload().Tags()["images"] == ["a"]
