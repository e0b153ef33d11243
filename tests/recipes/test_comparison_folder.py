"""What the folder of a comparison, which processes may share, is checked for beforehand."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from regard.recipes.alone import locked
from regard.recipes.fitting import as_json
from regard.recipes.translate.compare import compare_translators
from regard.recipes.translate.settings import TranslateSettings
from regard.training.run_directory import RunDirectory, RunError
from tests.toy_language import tiny


@pytest.fixture
def shared() -> TranslateSettings:
    """Return settings whose data are nowhere, since nothing is to be trained."""
    return tiny(data={"train": Path("nowhere.tsv")})


@pytest.fixture
def begun(shared: TranslateSettings, tmp_path: Path) -> RunDirectory:
    """Begin to train a variant."""
    run = RunDirectory(tmp_path / "plain")
    kept = {"system": "translate", "architecture": "recurrent", "settings": as_json(shared)}
    run.create(kept, lambda folder: None)
    return run


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("names", [["plain"], ["more", "plain"]])
def test_what_another_process_trains_is_refused_before_anything_is_trained(
    begun: RunDirectory, shared: TranslateSettings, names: list[str]
) -> None:
    said: list[str] = []
    with locked(begun.path), pytest.raises(RunError) as refusal:
        compare_translators(
            shared, dict.fromkeys(names, shared), begun.path.parent, report=said.append
        )
    assert str(refusal.value) == (
        f"{begun.path} is being trained by another process; wait until that has ended, or leave "
        "plain out of --variants"
    )
    assert said == []
    assert written(begun.path.parent) == ["plain", "plain/config.json"]


def test_what_another_process_has_begun_to_train_meanwhile_is_refused_when_reached(
    begun: RunDirectory, shared: TranslateSettings
) -> None:
    with ExitStack() as meanwhile:

        def begin(line: str) -> None:
            assert line == "plain (1 of 1)"
            meanwhile.enter_context(locked(begun.path))

        with pytest.raises(RunError, match="plain is being trained by another process; wait until"):
            compare_translators(shared, {"plain": shared}, begun.path.parent, report=begin)
    assert written(begun.path.parent) == ["plain", "plain/config.json"]


def test_what_cannot_be_the_folder_is_refused_at_once(
    shared: TranslateSettings, tmp_path: Path
) -> None:
    (tmp_path / "pairs.tsv").touch()
    said: list[str] = []
    with pytest.raises(RunError, match=r"pairs\.tsv is a file; choose another --run"):
        compare_translators(shared, {"plain": shared}, tmp_path / "pairs.tsv", report=said.append)
    assert said == []
    assert written(tmp_path) == ["pairs.tsv"]
