import pytest
import torch

from regard.decoding.lengths import length_penalties
from regard.decoding.steps import best_tokens


def test_length_penalty_by_hand() -> None:
    penalties = length_penalties(7, 1.0, torch.device("cpu")).tolist()
    assert penalties[1:] == pytest.approx([1, 7 / 6, 8 / 6, 9 / 6, 10 / 6, 11 / 6, 2], abs=1e-6)
    assert length_penalties(7, 0.0, torch.device("cpu")).tolist() == [1.0] * 8
    assert length_penalties(7, 2.0, torch.device("cpu"))[7].item() == pytest.approx(4, abs=1e-6)


@pytest.mark.parametrize("num_levels", [1, 3, 1000])
def test_best_tokens_equal_a_stable_sort(num_levels: int) -> None:
    generator = torch.Generator().manual_seed(num_levels)
    log_probs = torch.randint(0, num_levels, (50, 400), generator=generator) / -8
    log_probs[:, ::7] = -torch.inf
    wanted = log_probs.sort(dim=1, descending=True, stable=True)
    values, tokens = best_tokens(log_probs, 20)
    torch.testing.assert_close(values, wanted.values[:, :20], rtol=0, atol=0)
    assert tokens.tolist() == wanted.indices[:, :20].tolist()


def test_best_tokens_of_a_small_vocabulary_are_all() -> None:
    values, tokens = best_tokens(torch.tensor([[-2.0, 0.0, -1.0]]), 8)
    assert tokens.tolist() == [[1, 2, 0]]
    assert values.tolist() == [[0.0, -1.0, -2.0]]
