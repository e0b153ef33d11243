"""What a window costs: which keys are looked at, in which chunks, and by which kernel."""

from functools import partial
from typing import Any

import jaxtyping
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import regard
from regard import kernels, normalizers, scores
from regard.functional.masks import Window
from regard.kernels import chunks, windowed
from regard.nn import Attention, LocationScore
from tests.contracts.test_kernels import explained
from tests.contracts.test_windows import DOT, asked_within
from tests.drawing import draws
from tests.questions import leaf


def kept_numbers(length: int, window: Window) -> int:
    """Return the largest number of numbers that a call keeps for its gradients."""
    kept: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.untyped_storage().nbytes() // tensor.element_size())
        return tensor

    asked = asked_within(DOT, window, (length, length), (1,))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        asked.context()
    return max(kept)


def test_nothing_of_the_size_of_query_and_key_is_kept() -> None:
    short, long = kept_numbers(1024, Window(8, 8)), kept_numbers(4096, Window(8, 8))
    assert long <= 4096 * (16 + chunks.SHORTEST)
    assert long <= 4.1 * short


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Size, torch.Size]]:
    """Keep the shapes of query and key that PyTorch's fused attention is given."""
    shapes: list[tuple[torch.Size, torch.Size]] = []
    fused = F.scaled_dot_product_attention

    def seen(query: Tensor, key: Tensor, value: Tensor, **options: object) -> Tensor:
        shapes.append((query.shape, key.shape))
        return fused(query, key, value, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(F, "scaled_dot_product_attention", seen)
    return shapes


def test_chunks_are_computed_by_the_kernel_that_fits(
    compared: list[tuple[torch.Size, torch.Size]],
) -> None:
    asked_within(DOT, Window(8, 8), (640, 640)).context()
    assert compared == [((2, 20, 32, 4), (2, 20, 48, 4))]


def test_a_step_looks_at_no_more_keys_than_the_window_has(
    compared: list[tuple[torch.Size, torch.Size]],
) -> None:
    asked_within(DOT, Window(8, 8), (1, 10_000), (2,)).context()
    assert compared == [((2, 1, 1, 4), (2, 1, 9, 4))]


def test_wide_window_looks_at_no_more_keys_than_there_are(
    compared: list[tuple[torch.Size, torch.Size]],
) -> None:
    with kernels.only("windowed"):
        asked_within(DOT, Window(5000, 5000), (70, 80), (2,)).context()
    assert compared == [((2, 1, 70, 4), (2, 1, 79 + 70 + 69, 4))]


def test_slabs_have_the_keys_around_them_alone(
    compared: list[tuple[torch.Size, torch.Size]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windowed, "SLAB", 2 * 128)
    asked_within(DOT, Window(8, 8), (300, 300)).context()
    of_four, of_two = ((2, 4, 32, 4), (2, 4, 48, 4)), ((2, 2, 32, 4), (2, 2, 48, 4))
    assert compared == [of_four, of_four, of_two]


def test_keys_that_are_shared_are_not_copied(
    compared: list[tuple[torch.Size, torch.Size]],
) -> None:
    asked = asked_within(DOT, Window(8, 8), (160, 160), (2, 3, 1))
    asked.having(query=leaf(draws(5)(2, 3, 4, 160, 4))).context()
    assert compared == [((6, 5, 4 * 32, 4), (6, 5, 48, 4))]


@pytest.mark.parametrize(
    ("sizes", "window", "verdict"),
    [
        ((4096, 4096), Window(64, 64), "runs"),
        ((512, 512), Window(8, 8), "runs"),
        ((256, 256), Window(64, 64), "the window is not much narrower than the keys"),
        ((4096, 4096), Window(3000, 0), "the window is not much narrower than the keys"),
        ((1, 4096), Window(8, 8), "so small a call is not worth its preparation"),
        ((4096, 4096), Window(None, 0), "the window has no bound on one side"),
        ((4096, 4096), Window(8, None), "the window has no bound on one side"),
        ((0, 4096), Window(8, 8), "there is nothing to cut into chunks"),
        ((4096, 0), Window(8, 8), "there is nothing to cut into chunks"),
    ],
    ids=str,
)
def test_windows_are_cut_out_where_it_is_worth_it(
    sizes: tuple[int, int], window: Window, verdict: str
) -> None:
    query, key = torch.zeros(sizes[0], 8), torch.zeros(sizes[1], 8)
    assert explained(query, key, key, mask=window)["windowed"] == verdict


@pytest.mark.parametrize("bounds", [(1.5, 1), (1, True), (torch.tensor(3), None)], ids=str)
def test_bounds_that_are_no_whole_numbers_are_refused(
    bounds: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    query = torch.zeros(4, 8)
    with pytest.raises(TypeError, match="before and after count keys, whole numbers or None"):
        regard.attention(query, query, query, mask=Window(*bounds))


def test_many_small_calls_are_worth_it_together() -> None:
    query, key = torch.zeros(8, 1, 8), torch.zeros(8, 4096, 8)
    assert explained(query, key, key, mask=Window(8, 8))["windowed"] == "runs"


def test_scores_that_know_positions_are_not_cut_out() -> None:
    attention = Attention(LocationScore(8, 4096))
    query, key = torch.zeros(4096, 8), torch.zeros(4096, 8)
    said = "scores by location may depend on where a key stands among all keys"
    for score in (attention.score, partial(scores.location, weight=torch.zeros(4096, 8))):
        assert explained(query, key, key, score=score, mask=Window(8, 8))["windowed"] == said


def test_window_with_other_scores_than_the_dot_product_runs_in_chunks() -> None:
    vectors = torch.zeros(2048, 8)
    score = partial(scores.tanh_energy, energy=torch.zeros(8))
    for options in ({"score": score}, {"normalizer": normalizers.sparsemax}):
        assert explained(vectors, vectors, vectors, mask=Window(8, 8), **options)["windowed"] == (
            "runs"
        )
