"""Variants are trained alike, each once, whatever happens to one of them."""

import dataclasses
import itertools
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from regard.data.files import DataError
from regard.data.parallel import ParallelText
from regard.data.splits import Splits
from regard.inspection.figures import side_by_side
from regard.interfaces import Pair
from regard.recipes.run import load_as
from regard.recipes.translate import compare
from regard.recipes.translate.compare import compare_translators
from regard.recipes.translate.comparison import Outcome
from regard.recipes.translate.comparison_files import write_comparison
from regard.recipes.translate.settings import TranslateSettings
from regard.recipes.translate.system import TranslationSystem
from regard.training.run_directory import RunDirectory, RunError
from regard.training.translation import TranslationTraining
from tests.toy_language import make_pairs, tiny, write_pairs

NAMES = ["plain", "hot", "near"]
TIMES = {"minutes": 0, "step_ms": 0}


class Compared(NamedTuple):
    """A finished comparison, and what was to be compared."""

    folder: Path
    shared: TranslateSettings
    variants: dict[str, TranslateSettings]
    outcomes: list[Outcome]
    said: list[str]


def variant(shared: TranslateSettings, group: str, **changes: Any) -> TranslateSettings:
    changed = dataclasses.replace(getattr(shared, group), **changes)
    return dataclasses.replace(shared, **{group: changed})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> TranslateSettings:
    folder, pairs = tmp_path_factory.mktemp("pairs"), make_pairs(140)
    files = {
        "train": write_pairs(folder / "train.tsv", pairs[:100]),
        "validation": write_pairs(folder / "validation.tsv", pairs[100:120]),
        "test": write_pairs(folder / "test.tsv", pairs[120:]),
    }
    return tiny(data=files, training={"epochs": 2})


@pytest.fixture(scope="module")
def compared(shared: TranslateSettings, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """Compare two that can be trained and, between them, one that diverges."""
    variants = {
        "plain": shared,
        "hot": variant(shared, "training", learning_rate=1e30),
        "near": variant(shared, "model", attention="local_p", half_width=2),
    }
    folder, said = tmp_path_factory.mktemp("compared") / "two", list[str]()
    outcomes = compare_translators(shared, variants, folder, report=said.append)
    return Compared(folder, shared, variants, outcomes, said)


@pytest.fixture
def copied(compared: Compared, tmp_path: Path) -> Path:
    """Copy the finished comparison, to go on with it."""
    return shutil.copytree(compared.folder, tmp_path / "copied")


def trained(said: list[str]) -> list[str]:
    """Return which variants were trained, by what was said."""
    return [line.partition(":")[0] for line in said if "pairs to learn from" in line]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_every_variant_is_a_run_of_its_own(compared: Compared) -> None:
    assert trained(compared.said) == NAMES
    for outcome in compared.outcomes:
        run = RunDirectory(compared.folder / outcome.name)
        assert run.metrics() == outcome.metrics
    for name in ("plain", "near"):
        system = load_as(TranslationSystem, compared.folder / name)
        assert [len(found) for found in system.translate(["ein haus", "hund"])] == [1, 1]


def test_every_variant_has_a_row(compared: Compared) -> None:
    assert {path.name for path in compared.folder.iterdir()} == {
        *NAMES,
        *(f"comparison.{suffix}" for suffix in ("json", "md", "png")),
        "alignments.png",
    }
    rows = json.loads((compared.folder / "comparison.json").read_text("utf-8"))
    assert list(rows) == NAMES
    assert rows["near"]["changes"] == {"model.attention": "local_p", "model.half_width": 2}
    assert rows["near"]["validation"] == compared.outcomes[2].metrics["validation"]
    lines = (compared.folder / "comparison.md").read_text("utf-8").splitlines()
    assert [line.split(" | ")[0] for line in lines if line.startswith("| ")] == [
        "| variant",
        "| plain",
        "| hot (diverged)",
        "| near",
    ]
    assert "validation BLEU | validation sacreBLEU | validation perplexity" in lines[0]
    assert "test BLEU" in lines[0]
    assert "- near: model.attention local_p, model.half_width 2" in lines
    for picture in ("comparison.png", "alignments.png"):
        assert f"]({picture})" in lines[-3] + lines[-1]
        assert (compared.folder / picture).read_bytes().startswith(b"\x89PNG")


def test_one_that_diverges_is_reported_and_does_not_stop_the_others(compared: Compared) -> None:
    plain, hot, near = compared.outcomes
    assert hot.diverged is not None
    assert hot.diverged.startswith("the loss is nan at or before batch 7 of epoch ")
    assert hot.diverged.endswith("; to train it again, delete its folder")
    assert hot.metrics == {}
    assert plain.diverged is near.diverged is None
    assert near.metrics["step_ms"] > 0
    rows = json.loads((compared.folder / "comparison.json").read_text("utf-8"))
    assert rows["hot"]["diverged"] == hot.diverged


def test_what_is_done_is_not_done_again(compared: Compared, copied: Path) -> None:
    before, said = files_of(copied), list[str]()
    again = compare_translators(compared.shared, compared.variants, copied, report=said.append)
    assert again == compared.outcomes
    assert trained(said) == []
    assert files_of(copied) == before


def test_more_variants_are_trained_alone(compared: Compared, copied: Path) -> None:
    variants = {
        "sparse": variant(compared.shared, "model", normalizer="sparsemax"),
        "near": compared.variants["near"],
    }
    said: list[str] = []
    found = compare_translators(compared.shared, variants, copied, report=said.append)
    assert trained(said) == ["sparse"]
    assert [outcome.name for outcome in found] == [*NAMES, "sparse"]
    assert found[:3] == compared.outcomes


def test_what_was_not_asked_for_is_not_forgotten(compared: Compared, copied: Path) -> None:
    before = files_of(copied)
    for name in ("near", "plain"):
        (copied / "alignments.png").write_bytes(before["alignments.png"])
        found = compare_translators(
            compared.shared, {name: compared.variants[name]}, copied, report=lambda line: None
        )
        assert found == compared.outcomes
        # Which is of those alone that were asked for.
        drawn = {"alignments.png": before["alignments.png"]}
        assert files_of(copied) | drawn == before
        assert files_of(copied) != before
    said: list[str] = []
    compare_translators(compared.shared, compared.variants, copied, report=said.append)
    assert trained(said) == []


@pytest.mark.parametrize("name", ["plain", "hot"])
def test_what_has_lost_its_run_directory_is_trained_again(
    compared: Compared, copied: Path, name: str
) -> None:
    shutil.rmtree(copied / name)
    others = [each for each in compared.outcomes if each.name != name]
    near, said = {"near": compared.variants["near"]}, list[str]()
    assert compare_translators(compared.shared, near, copied, report=said.append) == others
    found = compare_translators(
        compared.shared, {name: compared.variants[name]}, copied, report=said.append
    )
    assert trained(said) == [name]
    assert [each.name for each in found] == [*(each.name for each in others), name]


def test_another_process_may_train_other_variants_meanwhile(
    compared: Compared, copied: Path
) -> None:
    variants = {
        "sparse": variant(compared.shared, "model", normalizer="sparsemax"),
        "same": compared.shared,
    }
    said: list[str] = []

    def meanwhile(line: str) -> None:
        said.append(line)
        if trained(said) == ["sparse"] and not (copied / "same").exists():
            for name in ("same", "others"):
                shutil.copytree(copied / "plain", copied / name)
            write_comparison(copied, [compared.outcomes[0]._replace(name="others")])

    found = compare_translators(compared.shared, variants, copied, report=meanwhile)
    assert trained(said) == ["sparse"]
    assert [outcome.name for outcome in found] == [*NAMES, "others", "sparse", "same"]
    rows = json.loads((copied / "comparison.json").read_text("utf-8"))
    assert list(rows) == [outcome.name for outcome in found]


def test_a_table_is_of_one_budget(compared: Compared, copied: Path) -> None:
    longer = variant(compared.shared, "training", epochs=3)
    with pytest.raises(RunError, match=r"plain was begun with training\.epochs 2, not 3; compare"):
        compare_translators(longer, {"longer": longer}, copied)
    assert not (copied / "longer").exists()


class Stopped(Exception):  # noqa: N818
    """What ends a comparison in the middle."""


def stop_before(patched: pytest.MonkeyPatch, batch_number: int) -> None:
    """Stop before this batch, counted over all variants."""
    start, numbers = TranslationTraining.on_train_batch_start, itertools.count()

    def start_or_stop(self: TranslationTraining, batch: Any, batch_idx: int) -> None:
        if next(numbers) == batch_number:
            raise Stopped
        start(self, batch, batch_idx)

    patched.setattr(TranslationTraining, "on_train_batch_start", start_or_stop)


@pytest.mark.parametrize("batch_number", [0, 14 + 1, 14 + 10])
def test_what_was_interrupted_goes_on(
    compared: Compared, tmp_path: Path, batch_number: int
) -> None:
    variants = {name: compared.variants[name] for name in ("plain", "near")}
    folder, said = tmp_path / "folder", list[str]()
    with pytest.MonkeyPatch.context() as patched:
        stop_before(patched, batch_number)
        with pytest.raises(Stopped):
            compare_translators(compared.shared, variants, folder, report=said.append)
    table = folder / "comparison.md"
    assert ("| plain |" in table.read_text("utf-8")) if batch_number else not table.exists()
    said.clear()
    found = compare_translators(compared.shared, variants, folder, report=said.append)
    assert trained(said) == (["near"] if batch_number else ["plain", "near"])
    for outcome, whole in zip(found, compared.outcomes[::2], strict=True):
        assert outcome.name == whole.name
        assert {**outcome.metrics, **TIMES} == {**whole.metrics, **TIMES}


def test_other_settings_are_refused(compared: Compared) -> None:
    other = {"plain": variant(compared.shared, "training", seed=2)}
    with pytest.raises(RunError, match=r"plain was begun with training\.seed 1, not 2; compare"):
        compare_translators(compared.shared, other, compared.folder)
    elsewhere = variant(compared.shared, "data", train=Path("elsewhere.tsv"))
    with pytest.raises(RunError, match=r"begun with data\.train .*train\.tsv, not elsewhere\.tsv"):
        compare_translators(compared.shared, {"plain": elsewhere}, compared.folder)


def test_what_is_only_shown_may_differ(compared: Compared, copied: Path) -> None:
    shown = {"plain": variant(compared.shared, "training", progress=True)}
    said: list[str] = []
    compare_translators(compared.shared, shown, copied, report=said.append)
    assert trained(said) == []


def test_what_cannot_be_made_is_refused_before_anything_is_trained(
    shared: TranslateSettings, tmp_path: Path
) -> None:
    variants = {"plain": shared, "dot": variant(shared, "model", score="dot")}
    with pytest.raises(ValueError, match="variant dot: the dot score compares vectors of one"):
        compare_translators(shared, variants, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_run_is_no_comparison(compared: Compared) -> None:
    with pytest.raises(RunError, match="plain is a run, not a comparison; choose another --run"):
        compare_translators(compared.shared, compared.variants, compared.folder / "plain")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"plain": 1}',
        '{"plain": {}}',
        '{"plain": {"changes": {}}}',
        '{"plain": {"changes": {}, "validation": 3}}',
    ],
)
def test_a_damaged_comparison_is_named(
    shared: TranslateSettings, tmp_path: Path, content: str
) -> None:
    (tmp_path / "comparison.json").write_text(content, "utf-8")
    with pytest.raises(RunError, match=r"comparison\.json is damaged"):
        compare_translators(shared, {"plain": shared}, tmp_path)


def test_alignments_are_judged_by_known_links(
    compared: Compared, copied: Path, tmp_path: Path
) -> None:
    links, pairs = tmp_path / "links", make_pairs(140)[100:120]
    counts = [len(pair.source.split()) for pair in pairs]
    lines = [" ".join(f"{word}-{word}" for word in range(count)) for count in counts]
    links.write_text("\n".join(lines) + "\n", "utf-8")
    asked = {name: compared.variants[name] for name in ("plain", "hot")}
    plain, hot, near = compare_translators(
        compared.shared, asked, copied, links=links, report=lambda line: None
    )
    for judged in (plain, near):
        assert 0 <= judged.metrics["validation"]["alignment_error_rate"] <= 100
    assert hot == compared.outcomes[1]
    assert "validation AER" in (copied / "comparison.md").read_text("utf-8")
    kept = RunDirectory(copied / "plain").metrics()
    assert kept == compared.outcomes[0].metrics, "a run keeps what its training measured"
    before = files_of(copied)
    asked["near"] = compared.variants["near"]
    again = compare_translators(compared.shared, asked, copied, report=lambda line: None)
    assert again == [plain, hot, near], "what was judged once stays judged"
    assert files_of(copied) | {"alignments.png": before["alignments.png"]} == before


def test_links_that_do_not_fit_are_refused_before_anything_is_trained(
    shared: TranslateSettings, tmp_path: Path
) -> None:
    links = tmp_path / "links"
    links.write_text("0-0\n", "utf-8")
    with pytest.raises(DataError, match="links has 1 lines, but there are 20 pairs"):
        compare_translators(shared, {"plain": shared}, tmp_path / "new", links=links)
    assert not (tmp_path / "new").exists()


def drawn_for(
    monkeypatch: pytest.MonkeyPatch, compared: Compared, folder: Path, pairs: list[Pair]
) -> list[list[str]]:
    """Return the source tokens of what is drawn of two, if these are the validation pairs."""
    drawn: list[list[str]] = []

    def note(systems: Any, path: Path) -> None:
        assert (list(systems), path.name) == (["near", "plain"], "alignments.png")
        drawn.extend(each.source for each in systems["near"])

    text = ParallelText(pairs, 0)
    monkeypatch.setattr(compare, "load_splits", lambda settings: Splits(text, text, text))
    monkeypatch.setattr(side_by_side, "save", note)
    asked = {name: compared.variants[name] for name in ("near", "hot", "plain")}
    compare_translators(compared.shared, asked, folder, report=lambda line: None)
    return drawn


def test_what_is_short_in_tokens_is_drawn(
    compared: Compared, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_word, short = Pair("我" + ".!" * 9, "a house"), Pair("ein haus", "a house")
    pairs = [one_word, Pair(*one_word[::-1]), Pair("haus", " "), short]
    assert drawn_for(monkeypatch, compared, copied, pairs) == [["ein", "haus"]]


def test_a_comparison_without_short_sentences_succeeds(
    compared: Compared, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [Pair("haus " * 17, "house " * 17), Pair("haus", " ")]
    assert drawn_for(monkeypatch, compared, copied, pairs) == []
