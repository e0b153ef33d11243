"""Shares of branches learn at a rate of their own, stay on the simplex, and stand still at last."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from regard.data.encoding import collate
from regard.interfaces import BOS, EOS
from regard.recipes.translate.architectures import WeightedTransformerSettings
from regard.recipes.translate.transformer import make_transformer
from regard.training.settings import TrainingSettings
from regard.training.shares import ShareLearning, branches, shares_of
from regard.training.translation import TranslationTraining

BATCH = collate([([5, 6, EOS], [BOS, 7, 8, 9, EOS]), ([5, EOS], [BOS, 7, EOS])])
NUM_STEPS = 10


def training(learning: ShareLearning) -> TranslationTraining:
    chosen = WeightedTransformerSettings(
        embed_dim=8, num_layers=2, num_heads=2, feedforward_dim=8, dropout=0.0
    )
    torch.manual_seed(1)
    settings = TrainingSettings(epochs=1, warmup_steps=0)
    model = make_transformer(chosen, 10, 10, 16)
    return TranslationTraining(model, settings, num_batches=NUM_STEPS, shares=learning)


def shares_after_steps(module: TranslationTraining) -> list[Tensor]:
    """Take all steps as a trainer does; return the shares after each."""
    configured = module.configure_optimizers()
    optimizer, scheduler = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    shares = []
    for step in range(NUM_STEPS):
        optimizer.zero_grad()
        found = module.model.predictions(BATCH.source, BATCH.target)
        found.logits.logsumexp(-1).sum().backward()
        module.optimizer_step(0, step, optimizer, None)
        scheduler.step()
        shares.append(torch.cat([each.detach().clone() for each in shares_of(module.model)]))
    return shares


def test_there_is_one_branched_attention_in_each_layer() -> None:
    names = list(branches(training(ShareLearning(0.1, 0, 0.0)).model))
    assert names == [
        "encoder.layers.0.attention",
        "encoder.layers.1.attention",
        "decoder.layers.0.source_attention",
        "decoder.layers.1.source_attention",
    ]


def test_shares_stay_on_the_simplex_while_they_learn() -> None:
    steps = shares_after_steps(training(ShareLearning(0.5, 0, 0.0)))
    for before, after in pairwise(steps):
        assert not torch.equal(before, after)
    for shares in steps:
        torch.testing.assert_close(shares.view(-1, 2).sum(dim=1), torch.ones(8), rtol=0, atol=1e-6)
        assert shares.min().item() >= 0


def test_shares_stand_still_at_last() -> None:
    steps = shares_after_steps(training(ShareLearning(0.5, 0, 0.4)))
    assert not torch.equal(steps[4], steps[5])
    for shares in steps[6:]:
        assert torch.equal(shares, steps[5])


def test_no_weight_is_learnt_twice_or_not_at_all() -> None:
    module = training(ShareLearning(0.5, 0, 0.4))
    weights, shares = module.parameter_groups()
    learnt = [id(each) for each in (*weights.parameters, *shares.parameters)]
    assert sorted(learnt) == sorted(id(each) for each in module.parameters())


def test_their_rate_is_that_of_ahmed_and_others() -> None:
    """Section 3.3, for a width of 256 and 3 layers."""
    factor = ShareLearning(1.0, 400, 0.0).factor(num_steps=10_000)
    peak = (400 * 256 / 3) ** -0.5
    for step in (1, 100, 400, 5_000):
        wanted = (256 / 3) ** -0.5 * min(step**-0.5, step * 400**-1.5)
        assert peak * factor(step - 1) == pytest.approx(wanted, rel=1e-12)
