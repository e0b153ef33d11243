"""`regard export` writes a folder, whole or not at all, and none in the place of another."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from regard.cli.main import main
from tests.conftest import ToyRun

# Runtime type checks fix the sizes of an exported program, so these run without them.
pytestmark = pytest.mark.compiled

Refusal = Callable[[list[str]], str]


@pytest.mark.usefixtures("folder")
def test_a_translator_is_exported(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", run, "--to", "torch", "--output", "deep/out"]) == 0
    printed = capsys.readouterr()
    said = " ".join(printed.out.split())
    files = "encoder.pt2, export.json, step.pt2, tokenizer.source.json, tokenizer.target.json"
    assert said.startswith(f"wrote deep/out: {files} ")
    assert "what it gives is what the run gives; the largest difference is " in said
    assert printed.err == ""
    assert sorted(path.name for path in Path("deep/out").iterdir()) == files.split(", ")
    assert [path.name for path in Path("deep").iterdir()] == ["out"]
    description = json.loads(Path("deep/out/export.json").read_text("utf-8"))
    assert (description["system"], description["to"]) == ("translate", "torch")
    assert [program["file"] for program in description["programs"].values()] == [
        "encoder.pt2",
        "step.pt2",
    ]


def test_the_folder_is_the_runs_own_if_none_is_named(
    toy_classifier: ToyRun, refusal: Refusal
) -> None:
    shutil.copytree(toy_classifier.path, "copy")
    Path("copy/torch").mkdir()
    said = refusal(["export", "copy", "--to", "torch"])
    assert said == "copy/torch exists already: delete it, or choose another --output"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("export gone --to onnx", "there is no run directory gone"),
        ("export RUN --to onnx --output pairs.tsv", "pairs.tsv exists already: delete it, or ch"),
        ("export RUN --to paper", "argument --to: invalid choice: 'paper' (choose from 'torch', "),
        ("export RUN", "say with --to which kind of files: torch, onnx, ctr"),
        (
            "export RUN --to ctranslate2 --output out",
            "CTranslate2 runs Transformers; this is a RecurrentTranslator",
        ),
        ("export --to onnx", "the following arguments are required: run"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    words: str, answer: str, run: str, refusal: Refusal
) -> None:
    assert refusal([run if word == "RUN" else word for word in words.split()]).startswith(answer)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_a_missing_package_is_named(
    package: str, run: str, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    said = refusal(["export", run, "--to", "onnx", "--output", "out"])
    assert said == f"this needs {package}: pip install 'regard[export]'"


def test_a_part_that_cannot_be_exported_is_named(
    run: str, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regard.exporting.states.LAYOUTS", {})
    said = refusal(["export", run, "--to", "torch", "--output", "out"])
    assert said.startswith("RecurrentTranslator cannot be exported: its state is a DecoderState; ")
