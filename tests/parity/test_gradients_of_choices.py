"""Attention that reads one key is trained by the gradient of what is expected of its choices.

Two queries read in turn from three keys, the second being what the first has found, so that the
first choice matters for both words. All nine ways to choose are written out.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from regard.interfaces import Choices
from regard.nn import Attention, BilinearScore, HardAttention, StraightThroughGumbel
from regard.training.reinforce import Reinforce
from tests.drawing import draws

KEYS = draws(1)(3, 2)
FIRST = draws(2)(2)
WORDS = draws(3)(2, 2)  # how likely each word is, of what is read
ROWS, REPEATS = 64, 400


def log_prob_of(word: int, context: Tensor) -> Tensor:
    """Return the logarithm of the probability of a word: not linear in what is read."""
    return -torch.nn.functional.softplus(-4 * context @ WORDS[word])


def score() -> BilinearScore:
    torch.manual_seed(4)
    return BilinearScore(2, 2).double()


def exact(scored: BilinearScore) -> Tensor:
    """Return the gradient of the mean loss of a word, over all choices as they are drawn."""

    def likely(query: Tensor) -> Tensor:
        return (query @ scored.weight @ KEYS.T).softmax(dim=-1)

    expected = torch.zeros((), dtype=torch.float64)
    for first, second in product(range(3), repeat=2):
        probability = likely(FIRST)[first] * likely(KEYS[first])[second]
        log_probs = log_prob_of(0, KEYS[first]) + log_prob_of(1, KEYS[second])
        expected = expected - probability * log_probs / 2
    return torch.autograd.grad(expected, scored.learnt)[0]


def read_twice(attention: Any) -> tuple[Tensor, Any]:
    """Return the log-probabilities of both words, for many rows alike, and the memory behind."""
    keys = KEYS.expand(ROWS, 3, 2)
    memory = attention.memory(keys, keys)
    first, memory = attention.read(FIRST.expand(ROWS, 1, 2), memory)
    second, memory = attention.read(first, memory)
    both = log_prob_of(0, first.squeeze(1)), log_prob_of(1, second.squeeze(1))
    return torch.stack(both, dim=1), memory


def softly(attention: HardAttention, first: Tensor) -> Tensor:
    """Return the log-probabilities of both words from what their draws are expected to find."""
    found = []
    for query in (FIRST.expand_as(first), first):
        likely = (query @ attention.score.weight @ KEYS.T).softmax(dim=-1)
        found.append(likely @ KEYS)
    return torch.stack([log_prob_of(word, context) for word, context in enumerate(found)], dim=1)


def reinforced(attention: HardAttention, training: Reinforce) -> Tensor:
    log_probs, memory = read_twice(attention)
    choices = attention.choices(memory)
    assert isinstance(choices, Choices)
    lengths, words = torch.full((ROWS,), 2), torch.arange(2).repeat(ROWS)
    return -log_probs.mean() + training(log_probs.flatten(), words, lengths, choices)


def sampled(scored: BilinearScore, loss: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
    """Return the mean of many gradients of a loss, and its standard error."""
    gradients = torch.stack([torch.autograd.grad(loss(), scored.learnt)[0] for _ in range(REPEATS)])
    return gradients.mean(dim=0), gradients.std(dim=0) / REPEATS**0.5


def with_baseline(baseline: float, **options: Any) -> Reinforce:
    """Return a training that takes each of two words to be usually so likely, and stays so."""
    training = Reinforce(2, entropy_bonus=0.0, **options).double().eval()
    training.number.fill_(10.0)
    training.total.fill_(10.0 * baseline)
    return training


@pytest.mark.parametrize("baseline", [0.0, -0.7])
def test_reinforce_is_unbiased(baseline: float) -> None:
    scored = score()
    attention = HardAttention(scored, soft_share=0.0)
    training = with_baseline(baseline, discount=1.0)
    mean, error = sampled(scored, lambda: reinforced(attention, training))
    wanted = exact(scored)
    assert wanted.abs().min().item() > 10 * error.max().item()  # a wrong one would be seen
    assert ((mean - wanted).abs() <= 3 * error).all()


def test_less_what_is_expected_it_is_the_same_on_average_and_steadier() -> None:
    """Where a choice answers for one word, what that was expected to be is no choice's doing."""
    scored = score()
    attention = HardAttention(scored, soft_share=0.0)
    training = with_baseline(0.0, discount=0.0)

    def gain(*, less: bool) -> Tensor:
        keys = KEYS.expand(ROWS, 3, 2)
        first, memory = attention.read(FIRST.expand(ROWS, 1, 2), attention.memory(keys, keys))
        second, memory = attention.read(first, memory)
        drawn = log_prob_of(0, first.squeeze(1)), log_prob_of(1, second.squeeze(1))
        rewards = torch.stack(drawn, dim=1).detach()
        if less:
            rewards = rewards - softly(attention, first.squeeze(1)).detach()
        choices = attention.choices(memory)
        assert choices is not None
        lengths, words = torch.full((ROWS,), 2), torch.arange(2).repeat(ROWS)
        return training(rewards.flatten(), words, lengths, choices)

    plain, error = sampled(scored, lambda: gain(less=False))
    steady, smaller = sampled(scored, lambda: gain(less=True))
    assert ((plain - steady).abs() <= 3 * (error**2 + smaller**2).sqrt()).all()
    assert (smaller < 0.8 * error).all()


@pytest.mark.parametrize("discount", [0.0, 0.5])
def test_a_choice_answers_less_for_words_further_on(discount: float) -> None:
    """The word predicted from it counts in full, the next one discounted, no earlier one."""
    scored = score()
    attention = HardAttention(scored, soft_share=0.0)
    training = with_baseline(-0.7, discount=discount)
    mean, error = sampled(scored, lambda: reinforced(attention, training))
    wanted = torch.zeros((), dtype=torch.float64)
    for first, second in product(range(3), repeat=2):
        likely = (FIRST @ scored.weight @ KEYS.T).softmax(dim=-1)[first]
        likely_then = (KEYS[first] @ scored.weight @ KEYS.T).softmax(dim=-1)[second]
        words = log_prob_of(0, KEYS[first]), log_prob_of(1, KEYS[second])
        answered = (words[0] + discount * words[1]) * likely.log() + words[1] * likely_then.log()
        wanted = wanted - (likely * likely_then).detach() * answered / 2
    gradient = torch.autograd.grad(wanted, scored.learnt)[0]
    assert ((mean - gradient).abs() <= 3 * error).all()
    assert ((mean - exact(scored)).abs() > 3 * error).any()


def test_the_baseline_is_what_each_word_has_lately_had() -> None:
    training = Reinforce(3)
    choices = Choices(torch.zeros(2, 2), torch.zeros(2, 2))
    lengths, words = torch.tensor([2, 1]), torch.tensor([0, 1, 0])
    for _ in range(400):
        training(torch.tensor([-1.0, -4.0, -1.0]), words, lengths, choices)
    seen, seldom, never = training.baseline(torch.arange(3)).tolist()
    assert seen == pytest.approx(-1.0, abs=0.1)
    assert seldom == pytest.approx(-4.0, abs=0.3)
    assert never == pytest.approx(-2.0, abs=0.01)  # the mean of the others
    for _ in range(400):
        training(torch.tensor([-3.0, -4.0, -3.0]), words, lengths, choices)
    assert training.baseline(torch.tensor([0])).item() == pytest.approx(-3.0, abs=0.1)


def test_moving_baselines_make_it_steadier() -> None:
    scored = score()
    attention = HardAttention(scored, soft_share=0.0)
    moving = Reinforce(2, entropy_bonus=0.0).double()
    for _ in range(30):
        reinforced(attention, moving)
    _, steady = sampled(scored, lambda: reinforced(attention, moving))
    _, unsteady = sampled(scored, lambda: reinforced(attention, with_baseline(0.0)))
    assert (steady < 0.8 * unsteady).all()


def test_the_entropy_is_rewarded() -> None:
    scored = score()
    attention = HardAttention(scored, soft_share=0.0)
    log_probs, memory = read_twice(attention)
    choices = attention.choices(memory)
    assert choices is not None
    lengths = torch.tensor([2, 1] * (ROWS // 2))
    real = torch.arange(2) < lengths.unsqueeze(1)
    words = torch.arange(2).expand(ROWS, 2)[real]
    with_bonus, without = (
        Reinforce(2, entropy_bonus=bonus).double()(log_probs[real], words, lengths, choices)
        for bonus in (0.3, 0.0)
    )
    wanted = -0.3 * choices.entropy[real].mean()
    torch.testing.assert_close(with_bonus - without, wanted, rtol=1e-9, atol=1e-12)
    likely = (FIRST @ scored.weight @ KEYS.T).softmax(dim=-1)
    entropy = -(likely * likely.log()).sum()
    torch.testing.assert_close(choices.entropy[0, 0], entropy, rtol=1e-6, atol=1e-7)


def test_straight_through_gumbel_points_the_same_way_with_a_bias() -> None:
    scored = score()
    attention = Attention(scored, StraightThroughGumbel())
    mean, error = sampled(scored, lambda: -read_twice(attention)[0].mean())
    wanted = exact(scored)
    cosine = torch.cosine_similarity(mean.flatten(), wanted.flatten(), dim=0).item()
    assert cosine > 0.99
    assert (mean.norm() / wanted.norm()).item() == pytest.approx(0.65, abs=0.1)
    assert ((mean - wanted).abs() > 3 * error).any()


def test_what_is_read_softly_has_no_choices() -> None:
    attention = HardAttention(score(), soft_share=1.0)
    log_probs, memory = read_twice(attention)
    assert attention.choices(memory) is None
    wanted = read_twice(Attention(attention.score))[0]
    torch.testing.assert_close(log_probs, wanted, rtol=1e-9, atol=1e-12)


def test_a_memory_of_training_is_not_read_otherwise() -> None:
    attention = HardAttention(score(), soft_share=0.0)
    keys = KEYS.expand(ROWS, 3, 2)
    memory = attention.memory(keys, keys)
    with pytest.raises(ValueError, match="made in training cannot be read otherwise"):
        attention.eval().read(FIRST.expand(ROWS, 1, 2), memory)
