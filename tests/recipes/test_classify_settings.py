import dataclasses
from typing import Any

import pytest

from regard.data.files import DataError
from regard.data.tokenizers import Tokenizer
from regard.recipes.classify.parts import load_splits
from regard.recipes.classify.settings import (
    READERS,
    RECIPES,
    ClassificationTrainingSettings,
    ClassifySettings,
    ConvolutionalSettings,
    DataSettings,
    HierarchicalSettings,
    NgramSettings,
    RecurrentSettings,
    TransformerSettings,
    VocabularySettings,
)


@pytest.mark.parametrize(
    ("group", "settings", "name", "value", "wanted"),
    [
        ("data", DataSettings, "max_len", 0, "at least 1"),
        ("data", DataSettings, "fold", -1, "at least 0"),
        ("vocabulary", VocabularySettings, "size", 4, "at least 5"),
        ("vocabulary", VocabularySettings, "min_frequency", 0, "at least 1"),
        ("model", NgramSettings, "longest", 0, "at least 1"),
        ("model", NgramSettings, "min_texts", 0, "at least 1"),
        ("model", NgramSettings, "dropout", 1.0, "at least 0 and below 1"),
        ("model", RecurrentSettings, "hidden_dim", 0, "at least 1"),
        ("model", RecurrentSettings, "attention_dim", 0, "at least 1"),
        ("model", ConvolutionalSettings, "channels", 0, "at least 1"),
        ("model", ConvolutionalSettings, "widths", (), "numbers from 1 upwards"),
        ("model", ConvolutionalSettings, "widths", (3, 0), "numbers from 1 upwards"),
        ("model", HierarchicalSettings, "embed_dim", 0, "at least 1"),
        ("model", TransformerSettings, "num_heads", 0, "at least 1"),
        ("model", TransformerSettings, "dropout", -0.1, "at least 0 and below 1"),
        ("training", ClassificationTrainingSettings, "epochs", 0, "at least 1"),
    ],
)
def test_a_number_out_of_range_is_refused(
    group: str, settings: type[Any], name: str, value: Any, wanted: str
) -> None:
    with pytest.raises(ValueError, match="must be") as error:
        settings(**{name: value})
    assert str(error.value) == f"{group}.{name} must be {wanted}; got {value}"


@pytest.mark.parametrize("kind", ["words", "bpe"])
def test_the_smallest_size_is_the_smallest_that_a_vocabulary_can_do_with(kind: Any) -> None:
    smallest = {"words": 5, "bpe": 262}[kind]
    assert VocabularySettings(kind=kind, size=smallest).size == smallest
    learn = {"words": Tokenizer.words, "bpe": Tokenizer.bpe}[kind]
    assert learn(["ab ab"], vocab_size=smallest).vocab_size <= smallest
    with pytest.raises(ValueError, match=f"at least {smallest}"):
        learn(["ab ab"], vocab_size=smallest - 1)
    with pytest.raises(ValueError, match=rf"vocabulary\.size must be at least {smallest}"):
        VocabularySettings(kind=kind, size=smallest - 1)


def test_every_reader_has_a_recipe_of_its_name() -> None:
    assert all(isinstance(recipe, ClassifySettings) for recipe in RECIPES.values())
    assert set(RECIPES) == {*READERS, "article"}
    for name, kind in READERS.items():
        assert isinstance(RECIPES[name].model, kind)


def test_the_article_has_the_sizes_that_were_published() -> None:
    article = RECIPES["article"]
    assert (article.vocabulary.size, article.data.max_len) == (10_000, 250)
    assert article.data.keep == "both"  # which is ours
    expected = RecurrentSettings(
        embed_dim=100, hidden_dim=150, cell="gru", pooling="attention", attention_dim=50
    )
    assert dataclasses.replace(article.model, dropout=expected.dropout) == expected


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pooling": "max", "normalizer": "sparsemax"}, "model.normalizer goes with model.pooling"),
        ({"pooling": "mean", "attention_dim": 8}, "model.attention_dim goes with model.pooling"),
        ({"pooling": "attention", "num_heads": 2}, "model.num_heads goes with model.pooling"),
    ],
    ids=str,
)
def test_a_setting_that_would_do_nothing_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RecurrentSettings(**changes)


def test_heads_divide_what_they_share() -> None:
    with pytest.raises(ValueError, match="num_heads must divide the width of the states, 10; got"):
        RecurrentSettings(pooling="multi_head", hidden_dim=5)
    alone = RecurrentSettings(pooling="multi_head", hidden_dim=4, bidirectional=False)
    assert alone.hidden_dim % alone.num_heads == 0
    with pytest.raises(ValueError, match=r"num_heads must divide model\.embed_dim, 10; got 4"):
        TransformerSettings(embed_dim=10)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fold": 3}, "data.fold goes with data.name mr"),
        ({"label": "stars"}, "data.text, data.label and data.separator go with data.train"),
    ],
    ids=str,
)
def test_a_choice_that_the_data_lack_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        load_splits(DataSettings(**changes))


def test_names_are_words() -> None:
    with pytest.raises(ValueError, match=r"vocabulary\.names goes with vocabulary\.kind words"):
        VocabularySettings(kind="bpe", names=False)
