"""The drawing model takes what can be drawn, and says what is wrong with the rest."""

import pytest
import torch

from regard.inspection.alignment import Alignment


def test_rows_are_the_weights_as_plain_numbers() -> None:
    weights = torch.tensor([[0.25, 0.75], [1.0, 0.0]], dtype=torch.bfloat16, requires_grad=True)
    alignment = Alignment(weights, ["x", "y"], ["a", "b"])
    assert alignment.rows() == [[0.25, 0.75], [1.0, 0.0]]


def test_rounding_errors_are_drawn_as_the_weights_they_stand_for() -> None:
    alignment = Alignment(torch.tensor([[1.0001, -0.0001]]), ["x", "y"], ["a"])
    assert alignment.rows() == [[1.0, 0.0]]


@pytest.mark.parametrize(("num_target", "num_source"), [(0, 2), (2, 0), (0, 0)])
def test_nothing_to_draw_is_said_in_words(num_target: int, num_source: int) -> None:
    alignment = Alignment(
        torch.zeros(num_target, num_source), ["x"] * num_source, ["a"] * num_target
    )
    assert alignment.why_empty() == (
        f"nothing to draw: {num_target} target × {num_source} source tokens"
    )


def test_something_to_draw_needs_no_words() -> None:
    assert Alignment(torch.ones(1, 1), ["x"], ["a"]).why_empty() == ""


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((3, 2), "Did you swap source and target"),
        ((4, 2, 3), "one sentence and one head"),
        ((6,), "got"),
    ],
)
def test_weights_must_fit_the_tokens(shape: tuple[int, ...], hint: str) -> None:
    with pytest.raises(ValueError, match=r"shape \(target=2, source=3\).*" + hint):
        Alignment(torch.zeros(shape), ["x", "y", "z"], ["a", "b"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_must_be_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        Alignment(torch.tensor([[bad, 1.0]]), ["x", "y"], ["a"])


@pytest.mark.parametrize("scores", [[3.5, 0.2], [-1.0, 0.5]])
def test_scores_are_not_weights(scores: list[float]) -> None:
    with pytest.raises(ValueError, match=r"must lie in 0…1; got .*Normalise scores"):
        Alignment(torch.tensor([scores]), ["x", "y"], ["a"])


def test_weights_must_be_floating_point() -> None:
    with pytest.raises(TypeError, match=r"floating-point tensor; got torch\.int64"):
        Alignment(torch.ones(1, 1, dtype=torch.int64), ["x"], ["a"])


def test_tokens_must_be_texts() -> None:
    ids: list[str] = [7]  # type: ignore[list-item]
    with pytest.raises(TypeError):
        Alignment(torch.ones(1, 1), ids, ["a"])
