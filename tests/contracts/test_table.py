"""The table of cases is complete: what is public has a row, every row is about what is public."""

from types import ModuleType
from typing import Any

import pytest

from regard import biases, kernels, masks, models, monotonic, nn, normalizers, rotary, scores
from regard.kernels import local
from tests.cases import (
    BIASES,
    LOCAL,
    MASKS,
    NORMALIZERS,
    NOT_MECHANISMS,
    PROJECTIONS,
    SCORES,
    public_name,
)
from tests.layer_cases import LAYERS
from tests.matcher_cases import MATCHERS
from tests.model_cases import CLASSIFIERS, DECODERS, LANGUAGE_MODELS
from tests.score_cases import SCORE_MODULES

TABLES = {
    "scores": (SCORES, [scores]),
    "score modules": (SCORE_MODULES, [nn]),
    "normalizers": (NORMALIZERS, [normalizers, nn]),
    "masks": (MASKS, [masks]),
    "biases": (BIASES, [biases]),
    "local": (LOCAL, [local]),
    "projections": (PROJECTIONS, [scores, rotary]),
    "layers": (LAYERS, [nn]),
    "decoders": (DECODERS, [models]),
    "language models": (LANGUAGE_MODELS, [models]),
    "classifiers": (CLASSIFIERS, [models]),
    "matchers": (MATCHERS, [models]),
}
MODULES = [scores, normalizers, masks, biases, local, monotonic, rotary, nn, models]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_name_has_a_row(module: ModuleType) -> None:
    in_the_table = {public_name(row) for rows, _ in TABLES.values() for row in rows}
    assert set(module.__all__) - NOT_MECHANISMS - in_the_table == set()


@pytest.mark.parametrize("table", TABLES)
def test_every_row_is_about_a_public_name(table: str) -> None:
    rows, modules = TABLES[table]
    public = {name for module in modules for name in module.__all__}
    assert {public_name(row) for row in rows} - public == set()


@pytest.mark.parametrize("table", TABLES)
def test_rows_have_names_of_their_own(table: str) -> None:
    ids: list[Any] = [row.id for row in TABLES[table][0]]
    assert len(ids) == len(set(ids))


def test_what_is_no_mechanism_is_public() -> None:
    public = {name for module in MODULES for name in module.__all__}
    assert NOT_MECHANISMS - public == set()


def test_kernels_offer_the_verbs_only() -> None:
    verbs = ["attention", "attention_weights", "explain", "only", "weights_on_demand"]
    assert kernels.__all__ == ["Weights", *verbs]
