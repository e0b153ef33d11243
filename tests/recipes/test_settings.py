from typing import Any

import pytest

from regard.data.tokenizers import Tokenizer
from regard.recipes.translate.architectures import (
    RecurrentSettings,
    TransformerSettings,
    WeightedTransformerSettings,
)
from regard.recipes.translate.settings import (
    RECIPES,
    DataSettings,
    DecodingSettings,
    TranslateSettings,
    TranslationTrainingSettings,
    VocabularySettings,
)

CHUNK = "at least 2 (for 1 there is model.attention monotonic)"


@pytest.mark.parametrize(
    ("group", "settings", "name", "value", "wanted"),
    [
        ("data", DataSettings, "max_len", 0, "at least 1"),
        ("vocabulary", VocabularySettings, "size", 261, "at least 262"),
        ("vocabulary", VocabularySettings, "min_frequency", 0, "at least 1"),
        ("model", RecurrentSettings, "embed_dim", 0, "at least 1"),
        ("model", RecurrentSettings, "hidden_dim", -1, "at least 1"),
        ("model", RecurrentSettings, "encoder_dim", 0, "at least 1"),
        ("model", RecurrentSettings, "num_layers", 0, "at least 1"),
        ("model", RecurrentSettings, "readout_dim", 0, "at least 1"),
        ("model", RecurrentSettings, "half_width", 0, "at least 1"),
        ("model", RecurrentSettings, "chunk_len", 0, CHUNK),
        ("model", RecurrentSettings, "chunk_len", 1, CHUNK),
        ("model", RecurrentSettings, "dropout", 1.0, "at least 0 and below 1"),
        ("model", RecurrentSettings, "dropout", -0.1, "at least 0 and below 1"),
        ("training", TranslationTrainingSettings, "teacher_forcing", -0.1, "from 0 to 1"),
        ("training", TranslationTrainingSettings, "teacher_forcing", 1.1, "from 0 to 1"),
        ("training", TranslationTrainingSettings, "epochs", 0, "at least 1"),
        ("decoding", DecodingSettings, "beam_size", 0, "at least 1"),
        ("decoding", DecodingSettings, "length_penalty", -0.5, "at least 0"),
    ],
)
def test_a_number_out_of_range_is_refused(
    group: str, settings: type[Any], name: str, value: Any, wanted: str
) -> None:
    with pytest.raises(ValueError, match="must be") as error:
        settings(**{name: value})
    assert str(error.value) == f"{group}.{name} must be {wanted}; got {value}"


def test_the_smallest_size_is_the_smallest_that_sub_words_can_do_with() -> None:
    smallest = VocabularySettings(kind="bpe", size=262).size
    assert Tokenizer.bpe(["ab ab"], vocab_size=smallest).vocab_size <= smallest
    with pytest.raises(ValueError, match="at least 262"):
        Tokenizer.bpe(["ab ab"], vocab_size=smallest - 1)


@pytest.mark.parametrize("kind", ["words", "characters"])
def test_other_vocabularies_have_no_size_to_check(kind: Any) -> None:
    assert VocabularySettings(kind=kind, size=1).size == 1


def test_every_recipe_is_a_choice_of_settings() -> None:
    assert set(RECIPES) == {"subwords", "transformer", "weighted", "words", "dates"}
    assert all(isinstance(recipe, TranslateSettings) for recipe in RECIPES.values())


@pytest.mark.parametrize(
    "changes",
    [
        {"half_width": 3},
        {"chunk_len": 3, "attention": "monotonic"},
        {"normalizer": "sparsemax", "attention": "chunkwise"},
        {"score": "dot", "attention": "coverage"},
        {"soft_share": 0.2},
        {"num_alternatives": 3, "attention": "hard"},
    ],
    ids=str,
)
def test_a_setting_that_would_do_nothing_is_refused(changes: dict[str, Any]) -> None:
    name = next(iter(changes))
    with pytest.raises(ValueError, match=rf"model\.{name} goes with model\.attention "):
        RecurrentSettings(**changes)


def test_a_readout_and_residuals_have_something_to_work_on() -> None:
    with pytest.raises(ValueError, match=r"model\.readout goes with model\.decoder bahdanau"):
        RecurrentSettings(readout="maxout", readout_dim=8, decoder="luong")
    with pytest.raises(ValueError, match=r"model\.readout is of a model\.readout_dim; set that"):
        RecurrentSettings(readout="maxout")
    with pytest.raises(ValueError, match=r"model\.residual is of a model\.num_layers or"):
        RecurrentSettings(residual=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_heads": 7}, r"model\.num_heads must divide model\.embed_dim, 256; got 7"),
        ({"num_kv_heads": 3}, r"model\.num_kv_heads must divide model\.num_heads, 8; got 3"),
        ({"num_layers": 0}, r"model\.num_layers must be at least 1; got 0"),
        ({"reach": -1}, r"model\.reach must be at least 0; got -1"),
        ({"aligned_by": 3}, r"model\.aligned_by is one of 3 layers; got 3"),
        (
            {"positions": "rotary", "embed_dim": 12, "num_heads": 4},
            r"rotary positions turn pairs of channels; of a model\.embed_dim of 12 each of 4 heads",
        ),
    ],
    ids=str,
)
def test_what_no_transformer_can_have_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransformerSettings(**changes)


def test_branches_share_the_feedforward_layer_evenly() -> None:
    with pytest.raises(ValueError, match=r"model\.num_heads must divide model\.feedforward_dim"):
        WeightedTransformerSettings(feedforward_dim=100)


def test_weights_are_averaged_in_one_way() -> None:
    with pytest.raises(ValueError, match="two ways to average; choose one"):
        TranslationTrainingSettings(ema=0.9, average_epochs=2)


def test_what_processes_share_is_not_averaged() -> None:
    with pytest.raises(ValueError, match="has no whole weights to average; use ddp"):
        TranslationTrainingSettings(ema=0.9, strategy="fsdp")
