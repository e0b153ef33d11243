"""Transformers that translate: whatever the settings choose is built, and learns."""

from dataclasses import replace
from typing import Any, get_args

import pytest
import torch

from regard.data.tokenizers import Tokenizer
from regard.decoding import Beam
from regard.interfaces import EOS
from regard.models import TransformerTranslator
from regard.nn import BranchedAttention
from regard.recipes.choices import NormalizerName, ScoreName
from regard.recipes.translate.architectures import (
    TransformerSettings,
    WeightedTransformerSettings,
)
from regard.recipes.translate.model import make_model
from regard.recipes.translate.settings import DataSettings, TranslateSettings
from regard.recipes.translate.system import TranslationSystem
from tests.recipes.learning import loss_before_and_after_a_step
from tests.toy_language import tiny

SIZES: dict[str, Any] = {"embed_dim": 16, "num_layers": 2, "num_heads": 2, "feedforward_dim": 24}
ATTENTIONS = ["encoder", "decoder", "source"]


def small(
    kind: type[TransformerSettings] = TransformerSettings, **changes: Any
) -> TranslateSettings:
    return replace(tiny(), model=kind(**{**SIZES, "dropout": 0.0, **changes}))


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("score", get_args(ScoreName))
def test_every_score_learns_in_every_attention(score: str, attention: str) -> None:
    before, after = loss_before_and_after_a_step(small(**{f"{attention}_score": score}))
    assert after < before


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("normalizer", get_args(NormalizerName))
def test_every_normalizer_learns_in_every_attention(normalizer: str, attention: str) -> None:
    before, after = loss_before_and_after_a_step(small(**{f"{attention}_normalizer": normalizer}))
    assert after < before


@pytest.mark.parametrize(
    "changes",
    [
        {"norm": "pre"},
        {"positions": "learned"},
        {"positions": "rotary", "reach": 2},
        {"num_kv_heads": 1},
        {"tied": False},
        {"aligned_by": 0},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [TransformerSettings, WeightedTransformerSettings])
def test_every_shape_of_the_model_learns(
    kind: type[TransformerSettings], changes: dict[str, Any]
) -> None:
    before, after = loss_before_and_after_a_step(small(kind, **changes))
    assert after < before


@pytest.mark.parametrize("beam_size", [1, 3])
def test_learned_positions_reach_as_far_as_decoding_does(beam_size: int) -> None:
    tokenizer = Tokenizer.characters(["abcd"])
    settings = replace(small(positions="learned"), data=DataSettings(max_len=3))
    model = make_model(settings, tokenizer.vocab_size, tokenizer.vocab_size)
    with torch.no_grad():
        model.output.bias[EOS] = -1e4  # so that it goes on for as long as it may
    system = TranslationSystem(model, tokenizer, tokenizer, max_len=settings.data.max_len)
    [[best, *_]] = system.translate(["abcdabcd"], Beam(beam_size=beam_size))
    assert len(best.target_tokens) == 2 * (3 + 1) + 10
    assert best.num_cut == 5


def test_one_vocabulary_may_have_one_embedding() -> None:
    settings = small(tied=True)
    shared = replace(
        settings,
        vocabulary=replace(settings.vocabulary, shared=True),
        model=replace(settings.model, shared=True),
    )
    model = make_model(shared, 20, 20)
    assert isinstance(model, TransformerTranslator)
    assert model.source_embedding.weight is model.target_embedding.weight is model.output.weight
    before, after = loss_before_and_after_a_step(shared)
    assert after < before
    with pytest.raises(ValueError, match=r"need one vocabulary: set vocabulary\.shared"):
        replace(settings, model=replace(settings.model, shared=True))


def test_branches_stand_where_the_paper_has_them() -> None:
    model = make_model(small(WeightedTransformerSettings), 20, 20)
    names = [name for name, part in model.named_modules() if isinstance(part, BranchedAttention)]
    assert names == [
        *(f"encoder.layers.{layer}.attention" for layer in range(2)),
        *(f"decoder.layers.{layer}.source_attention" for layer in range(2)),
    ]


def test_weighted_and_plain_have_as_many_parameters() -> None:
    plain, weighted = (
        sum(part.numel() for part in make_model(small(kind), 20, 20).parameters())
        for kind in (TransformerSettings, WeightedTransformerSettings)
    )
    # A norm less in each of four layers, and no bias of the output; two shares for each head.
    assert weighted == plain - 4 * (2 * 16 + 16) + 4 * 2 * 2


def test_embeddings_are_drawn_such_that_their_scale_makes_them_of_deviation_one() -> None:
    torch.manual_seed(0)
    model = make_model(small(embed_dim=64), 2_000, 2_000)
    assert isinstance(model, TransformerTranslator)
    deviation = (model.scale * model.source_embedding.weight).std().item()
    assert deviation == pytest.approx(1, abs=0.02)
