"""The layers of ABCNN are the equations of Yin et al. 2016, written as loops over positions."""

import pytest
import torch
from torch import Tensor

from regard.functional.matching import coverage, match, similarities, total_average, window_average
from regard.functional.scores import cosine, distance
from regard.nn import AttentionMaps, ColumnWeights, DotScore, PairConvolution
from tests.drawing import draws

WIDTH, FEATURES, WINDOW = 4, 3, 3
LENGTHS = torch.tensor([5, 2, 1]), torch.tensor([3, 6, 1])


@pytest.fixture
def texts() -> tuple[Tensor, Tensor]:
    draw = draws()
    return draw(3, 5, WIDTH), draw(3, 6, WIDTH)


def distances(left: Tensor, right: Tensor) -> Tensor:
    """Return the attention matrix of two texts without padding."""
    matrix = torch.zeros(len(left), len(right), dtype=left.dtype)
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            squares = sum((one[d] - other[d]) ** 2 for d in range(len(one)))
            matrix[i, j] = 1 / (1 + squares**0.5)
    return matrix


def maps_of(layer: AttentionMaps, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    matrix = distances(left, right)
    of_left, of_right = torch.zeros_like(left), torch.zeros_like(right)
    for i in range(len(left)):
        for j in range(len(right)):
            of_left[i] += matrix[i, j] * layer.of_right[j]
            of_right[j] += matrix[i, j] * layer.of_left[i]
    return of_left, of_right


def convolved(layer: PairConvolution, text: Tensor) -> Tensor:
    """Return tanh(W c + b) of every n-gram, with zeros around the text."""
    convolution = layer.convolution.convolution
    zeros = text.new_zeros(WINDOW - 1, text.shape[1])
    padded = torch.cat([zeros, text, zeros])
    columns = []
    for start in range(len(text) + WINDOW - 1):
        column = convolution.bias.clone()
        for step in range(WINDOW):
            column = column + convolution.weight[:, :, step] @ padded[start + step]
        columns.append(column.tanh())
    return torch.stack(columns)


def pooled(columns: Tensor, weights: Tensor | None) -> Tensor:
    windows = []
    for start in range(len(columns) - WINDOW + 1):
        window = torch.zeros_like(columns[0])
        for at in range(start, start + WINDOW):
            window += columns[at] / WINDOW if weights is None else weights[at] * columns[at]
        windows.append(window)
    return torch.stack(windows)


def block(*, before: bool, after: bool) -> PairConvolution:
    torch.manual_seed(1)
    return PairConvolution(
        WIDTH,
        FEATURES,
        WINDOW,
        maps=AttentionMaps(WIDTH, 8) if before else None,
        weighs=ColumnWeights() if after else None,
    ).double()


@pytest.mark.parametrize("after", [False, True], ids=["plain", "weighed"])
@pytest.mark.parametrize("before", [False, True], ids=["alone", "maps"])
def test_a_block_is_its_equations(texts: tuple[Tensor, Tensor], before: bool, after: bool) -> None:
    layer = block(before=before, after=after)
    windows, averages = layer(texts, LENGTHS)
    for row in range(3):
        pair = [text[row, : lengths[row]] for text, lengths in zip(texts, LENGTHS, strict=True)]
        if before:
            known = maps_of(layer.maps, *pair)
            pair = [torch.cat(both, dim=-1) for both in zip(pair, known, strict=True)]
        columns = [convolved(layer, text) for text in pair]
        matrix = distances(*columns)
        counted = [matrix.sum(1), matrix.sum(0)] if after else [None, None]
        for side in range(2):
            length = int(LENGTHS[side][row])
            torch.testing.assert_close(
                windows[side][row, :length], pooled(columns[side], counted[side])
            )
            assert windows[side][row, length:].abs().sum() == 0
            weights = torch.ones(len(columns[side])) if counted[side] is None else counted[side]
            wanted = (weights.unsqueeze(1) * columns[side]).sum(0) / weights.sum()
            torch.testing.assert_close(averages[side][row], wanted)


def test_texts_in_swapped_order_have_the_transposed_matrix(texts: tuple[Tensor, Tensor]) -> None:
    left, right = texts
    for layer in (AttentionMaps(WIDTH, 8), ColumnWeights(), ColumnWeights(score=DotScore())):
        matrix = layer.weights(left, right)
        torch.testing.assert_close(layer.weights(right, left), matrix.mT, rtol=0, atol=0)
    torch.testing.assert_close(
        match(left, right, score=cosine), match(right, left, score=cosine).mT
    )


def test_equal_vectors_have_finite_gradients() -> None:
    text = torch.ones(1, 3, WIDTH, dtype=torch.double, requires_grad=True)
    layer = block(before=True, after=True)
    (left, right), averages = layer((text, text), (torch.tensor([3]), torch.tensor([3])))
    (left.sum() + right.sum() + averages[0].sum()).backward()
    assert text.grad is not None
    assert text.grad.isfinite().all()


def test_averages_are_those_of_loops() -> None:
    draw = draws()
    columns, weights = draw(2, 5, WIDTH), draw(2, 5).abs()
    mask = torch.arange(5) < torch.tensor([[5], [0]])
    for row, number in enumerate([5, 0]):
        total, share = torch.zeros(WIDTH, dtype=torch.double), torch.zeros(1, dtype=torch.double)
        for at in range(number):
            total += weights[row, at] * columns[row, at]
            share += weights[row, at]
        expected = total / share if number else total
        torch.testing.assert_close(total_average(columns, mask, weights)[row], expected)
    for row in range(2):
        found = window_average(columns, 2, weights)[row, 1]
        first, second = weights[row, 1] * columns[row, 1], weights[row, 2] * columns[row, 2]
        torch.testing.assert_close(found, first + second)


def test_vectors_are_alike_by_their_angle_and_their_distance() -> None:
    left, right = draws()(2, 4, WIDTH), draws(1)(2, 4, WIDTH)
    found = similarities(left, right)
    for row, at in ((0, 0), (1, 3)):
        one, other = left[row, at], right[row, at]
        cosine = (one @ other) / ((one @ one) * (other @ other)).sqrt()
        closeness = 1 / (1 + ((one - other) ** 2).sum().sqrt())
        torch.testing.assert_close(found[row, at], torch.stack([cosine, closeness]))


def test_coverage_is_that_of_loops() -> None:
    left, right = draws()(2, 3, WIDTH), draws(1)(2, 4, WIDTH)
    weights = draws(2)(2, 3).abs()
    mask = torch.ones(2, 3, 4, dtype=torch.bool)
    mask[0, :, 3] = False
    mask[1, 2] = False
    weights[1, 2] = 0
    found = coverage(left, right, mask, weights)
    for row, (num_left, num_right) in enumerate([(3, 3), (2, 4)]):
        covered = missing = torch.zeros((), dtype=torch.double)
        for i in range(num_left):
            one = left[row, i] / left[row, i].norm()
            best = max(one @ right[row, j] / right[row, j].norm() for j in range(num_right))
            covered = covered + weights[row, i] * best
            missing = missing + weights[row, i] * (1 - best)
        wanted = torch.stack([covered / weights[row, :num_left].sum(), missing])
        torch.testing.assert_close(found[row], wanted)


def test_nothing_is_covered_by_an_empty_text() -> None:
    found = coverage(torch.ones(3, 2), torch.zeros(0, 2), torch.ones(3, 0).bool(), torch.ones(3))
    assert found.tolist() == [0, 3]
    found = coverage(torch.zeros(0, 2), torch.ones(3, 2), torch.ones(0, 3).bool(), torch.ones(0))
    assert found.tolist() == [0, 0]


def test_the_gradients_of_vectors_alike_and_of_none_are_finite() -> None:
    left = torch.tensor([[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    right = torch.tensor([[1.0, 2.0], [1.0, 0.0], [0.0, 0.0]])
    found = similarities(left, right)
    torch.testing.assert_close(found, torch.tensor([[1.0, 1.0], [0.0, 0.5], [0.0, 1.0]]))
    (gradient,) = torch.autograd.grad(found.sum(), left)
    assert gradient.abs().max() < 2
    assert gradient[0].abs().max() < 1e-6


def test_masked_positions_do_not_match(texts: tuple[Tensor, Tensor]) -> None:
    left, right = texts
    mask = torch.ones(3, 5, 6, dtype=torch.bool)
    mask[:, 1] = False
    found = match(left, right, mask)
    assert found[:, 1].abs().sum() == 0
    torch.testing.assert_close(found[:, 2:], distance(left, right)[:, 2:], rtol=0, atol=0)


@pytest.mark.parametrize("window", [0, 7])
def test_a_window_that_does_not_fit_is_refused(window: int) -> None:
    with pytest.raises(ValueError, match=r"window must lie in 1…6, for 5 columns; got"):
        window_average(torch.zeros(5, 2), window)


def test_a_text_longer_than_the_maps_is_refused(texts: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(ValueError, match="a text has 6 positions, more than max_len, 5"):
        AttentionMaps(WIDTH, 5).double()(*texts)
