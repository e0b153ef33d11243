"""The parts of a translator: whatever the settings choose is built, and learns."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pytest
from pyarrow import parquet

from regard.data.files import DataError
from regard.interfaces import Pair
from regard.recipes.choices import NORMALIZERS, SCORES
from regard.recipes.translate.architectures import AttentionName
from regard.recipes.translate.model import make_model
from regard.recipes.translate.parts import load_pairs, load_splits, make_tokenizers
from regard.recipes.translate.settings import DataSettings
from tests.recipes.learning import PAIRS, loss_before_and_after_a_step
from tests.toy_language import tiny, write_pairs


@pytest.mark.parametrize("score", SCORES)
def test_every_score_learns(score: str) -> None:
    before, after = loss_before_and_after_a_step(tiny(model={"score": score, "encoder_dim": 16}))
    assert after < before


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_every_normalizer_learns(normalizer: str) -> None:
    before, after = loss_before_and_after_a_step(tiny(model={"normalizer": normalizer}))
    assert after < before


@pytest.mark.parametrize("decoder", ["bahdanau", "luong"])
@pytest.mark.parametrize("attention", get_args(AttentionName))
def test_every_attention_learns(attention: str, decoder: str) -> None:
    chosen: dict[str, Any] = {"attention": attention, "decoder": decoder}
    if attention == "hard":
        chosen["soft_share"] = 0.999  # what is drawn takes more than a step, and another loss
    before, after = loss_before_and_after_a_step(tiny(model=chosen))
    assert after < before


@pytest.mark.parametrize(
    "changes",
    [
        {"cell": "lstm"},
        {"cell": "lstm", "num_layers": 2, "dropout": 0.1},
        {"num_layers": 3},
        {"encoder_dim": 7},
        {"readout_dim": 32, "tied": True},
        {"readout_dim": 20, "readout": "maxout"},
        {"decoder": "luong", "readout_dim": 32, "tied": True},
        {"num_layers": 2, "decoder_layers": 3, "residual": True},
    ],
    ids=str,
)
def test_every_shape_of_the_model_learns(changes: dict[str, Any]) -> None:
    before, after = loss_before_and_after_a_step(tiny(model=changes))
    assert after < before


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("kind", ["words", "bpe", "characters"])
def test_every_vocabulary_learns(kind: str, shared: bool) -> None:
    vocabulary = {"kind": kind, "size": 400, "shared": shared}
    before, after = loss_before_and_after_a_step(tiny(vocabulary=vocabulary))
    assert after < before


def test_a_shared_vocabulary_is_one_for_both_sides() -> None:
    source, target = make_tokenizers(tiny(vocabulary={"shared": True}).vocabulary, PAIRS)
    assert source is target
    assert source.tokens("haus house") == ["haus", "house"]


@pytest.mark.parametrize("score", ["dot", "scaled_dot", "cosine", "distance"])
def test_a_score_that_needs_equal_widths_says_so(score: str) -> None:
    with pytest.raises(ValueError, match=r"set model\.encoder_dim to half of"):
        make_model(tiny(model={"score": score, "encoder_dim": 32}), 10, 10)


def test_tied_embeddings_need_a_readout_of_their_width() -> None:
    with pytest.raises(
        ValueError, match="need a readout of the width of the embeddings, 32; got 7"
    ):
        make_model(tiny(model={"tied": True, "readout_dim": 7}), 10, 10)


def write_csv(path: Path, pairs: list[Pair]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("source", "target"), *pairs])


def write_json_lines(path: Path, pairs: list[Pair]) -> None:
    path.write_text("".join(json.dumps(pair._asdict()) + "\n" for pair in pairs), "utf-8")


def write_parquet(path: Path, pairs: list[Pair]) -> None:
    sources, targets = zip(*pairs, strict=True)
    parquet.write_table(pa.table({"source": sources, "target": targets}), path)


def write_aligned(path: Path, pairs: list[Pair]) -> None:
    for side in ("source", "target"):
        lines = "".join(f"{getattr(pair, side)}\n" for pair in pairs)
        path.with_name(f"{path.name}.{side}").write_text(lines, "utf-8")


def write_aligned_gzipped(path: Path, pairs: list[Pair]) -> None:
    write_aligned(path, pairs)
    for side in ("source", "target"):
        plain = path.with_name(f"{path.name}.{side}")
        plain.with_name(f"{plain.name}.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()


FORMATS: dict[str, Callable[[Path, list[Pair]], object]] = {
    "pairs.tsv": write_pairs,
    "PAIRS.TSV": write_pairs,
    "pairs.csv": write_csv,
    "pairs.jsonl": write_json_lines,
    "pairs.parquet": write_parquet,
    "pairs": write_aligned,
    "zipped": write_aligned_gzipped,
}


@pytest.mark.parametrize("name", FORMATS)
def test_ones_own_text_is_read_from_any_of_the_formats(tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name, PAIRS)
    splits = load_splits(DataSettings(train=tmp_path / name))
    assert sorted(splits.train.pairs + splits.validation.pairs) == sorted(PAIRS)
    assert splits.test.pairs == []
    assert load_pairs(tmp_path / name, DataSettings(train=tmp_path / name)) == PAIRS


def test_own_splits_are_kept_apart(tmp_path: Path) -> None:
    parts = {"train": PAIRS[:20], "validation": PAIRS[20:30], "test": PAIRS[30:]}
    paths = {name: write_pairs(tmp_path / f"{name}.tsv", pairs) for name, pairs in parts.items()}
    splits = load_splits(DataSettings(**paths))
    assert {name: getattr(splits, name).pairs for name in parts} == parts


def test_a_named_set_and_ones_own_text_do_not_mix(tmp_path: Path) -> None:
    train = write_pairs(tmp_path / "train.tsv", PAIRS)
    with pytest.raises(DataError, match=r"with data\.train, leave it out"):
        load_splits(DataSettings(train=train, folder=tmp_path))
    with pytest.raises(DataError, match=r"go with data\.train; it is not given"):
        load_splits(DataSettings(name="dates", test=train))
