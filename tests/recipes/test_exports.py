"""What is exported can be used by who has ONNX Runtime and tokenizers, and nothing of ours."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import regard
from regard.data.grades import Grades
from regard.data.labels import Labels
from regard.data.pair_features import PairFeatures, split_words
from regard.exporting import ExportError
from regard.recipes import exports
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.exports import export_run, export_system
from regard.recipes.match.system import MatchingSystem
from regard.recipes.translate.system import TranslationSystem
from tests.conftest import ToyRun
from tests.toy_language import WORDS
from tests.toy_pairs import make_questions
from tests.toy_reviews import make_reviews

pytestmark = pytest.mark.compiled

TRANSLATOR = """
    def translate(text):
        limit = description["max_len"]
        ids = [*source.encode(text, add_special_tokens=False).ids[:limit], special["<eos>"]]
        read = {"ids": np.array([ids]), "lengths": np.array([len(ids)])}
        names = [port["name"] for port in programs["encoder"]["outputs"]]
        state = dict(zip(names, encoder.run(names, read)))
        names = [port["name"] for port in programs["step"]["outputs"]]
        written, token = [], special["<bos>"]
        while len(written) < 2 * len(ids) + 10:
            found = dict(zip(names, step.run(names, {"token": np.array([token]), **state})))
            found["log_probs"][0, [special["<pad>"], special["<bos>"]]] = -np.inf
            token = int(found["log_probs"][0].argmax())
            if token == special["<eos>"]:
                break
            written.append(token)
            state |= {old: found[new] for new, old in programs["step"]["carried"].items()}
        return target.decode(written)

    source, target = (
        Tokenizer.from_file(description[f"{side}_tokenizer"]) for side in ("source", "target")
    )
    encoder, step = (InferenceSession(programs[name]["file"]) for name in ("encoder", "step"))
    print(json.dumps([translate(text) for text in texts]))
"""

CLASSIFIER = """
    def classify(text):
        limit = description["reading"]["max_len"]
        ids = tokenizer.encode(text, add_special_tokens=False).ids[:limit]
        [[[logit]]] = classifier.run(["logits"], {"ids": [ids], "lengths": [len(ids)]})
        return {description["logits"]["of"][0]: 1 / (1 + np.exp(-float(logit)))}

    tokenizer = Tokenizer.from_file(description["tokenizer"])
    classifier = InferenceSession(programs["classifier"]["file"])
    print(json.dumps([classify(text) for text in texts]))
"""

MATCHER = """
    def match(left, right, features):
        both = (tokenizer.encode(text, add_special_tokens=False).ids for text in (left, right))
        ids = [each[: description["reading"]["max_len"]] for each in both]
        inputs = {
            "left_ids": [ids[0]],
            "left_lengths": [len(ids[0])],
            "right_ids": [ids[1]],
            "right_lengths": [len(ids[1])],
            "features": np.array([features], dtype=np.float32),
        }
        [[[logit]], [matrix]] = matcher.run(["logits", "matrix"], inputs)
        return [1 / (1 + np.exp(-float(logit))), matrix.tolist()]

    tokenizer = Tokenizer.from_file(description["tokenizer"])
    matcher = InferenceSession(programs["matcher"]["file"])
    print(json.dumps([match(*pair) for pair in texts]))
"""

BEGINNING = """
    import json, sys

    for name in ("torch", "regard", "safetensors"):
        sys.modules[name] = None
    import numpy as np
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    description = json.load(open("export.json", encoding="utf-8"))
    programs, special = description["programs"], description["special_ids"]
    texts = json.load(sys.stdin)
"""


def run_elsewhere(program: str, folder: Path, texts: list[Any]) -> Any:
    """Run a program in a folder, in a process that knows neither PyTorch nor this package."""
    done = subprocess.run(
        [sys.executable, "-c", dedent(BEGINNING) + dedent(program)],
        cwd=folder,
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_stranger_translates_as_the_run_does(toy_run: ToyRun, tmp_path: Path) -> None:
    exported = export_run(toy_run.path, "onnx", tmp_path / "out")
    assert exported.difference < 1e-5
    tokenizers = ["tokenizer.source.json", "tokenizer.target.json"]
    assert exported.files == ["encoder.onnx", "export.json", "step.onnx", *tokenizers]
    texts = [*WORDS, "ein haus und ein hund", " ".join(WORDS), "haus " * 30, "rot"]
    wanted = [best.text for [best] in regard.load(toy_run.path).translate(texts)]
    assert run_elsewhere(TRANSLATOR, tmp_path / "out", texts) == wanted
    assert wanted[:2] == ["a", "house"]


def test_a_stranger_classifies_as_the_run_does(toy_classifier: ToyRun, tmp_path: Path) -> None:
    exported = export_run(toy_classifier.path, "onnx", tmp_path / "out")
    assert exported.files == ["classifier.onnx", "export.json", "tokenizer.json"]
    texts = [text for text, _ in make_reviews(20, seed=5)]
    found = run_elsewhere(CLASSIFIER, tmp_path / "out", texts)
    for probable, wanted in zip(
        found, regard.load(toy_classifier.path).classify(texts), strict=True
    ):
        assert probable == pytest.approx({"good": wanted.probabilities["good"]}, abs=1e-5)
    assert {probable["good"] > 0.5 for probable in found} == {True, False}


def test_a_stranger_matches_as_the_run_does(toy_matcher: ToyRun, tmp_path: Path) -> None:
    exported = export_run(toy_matcher.path, "onnx", tmp_path / "out")
    files = ["export.json", "features.json", "matcher.onnx", "tokenizer.json"]
    assert exported.files == files
    system = regard.load(toy_matcher.path)
    assert isinstance(system, MatchingSystem)
    rows = make_questions(10, seed=5)
    features = PairFeatures.load(tmp_path / "out" / "features.json")
    given = [
        (row.left, row.right, features.of(split_words(row.left), split_words(row.right)))
        for row in rows
    ]
    found = run_elsewhere(MATCHER, tmp_path / "out", given)
    for (probable, matrix), row in zip(found, rows, strict=True):
        look = system.look(row.left, row.right)
        assert probable == pytest.approx(look.match.probabilities["yes"], abs=1e-5)
        torch.testing.assert_close(torch.tensor(matrix), look.matrix, rtol=0, atol=1e-5)
    assert {probable > 0.5 for probable, _ in found} == {True, False}


def test_reloaded_torch_files_give_what_the_run_gives(
    toy_classifier: ToyRun, tmp_path: Path
) -> None:
    system = regard.load(toy_classifier.path)
    assert isinstance(system, ClassificationSystem)
    export_system(system, "torch", tmp_path / "out")
    classify: Any = torch.export.load(tmp_path / "out" / "classifier.pt2").module()
    ids = torch.tensor(system.encoder.encode(["a wonderful film"]))
    logits = classify({"ids": ids, "lengths": torch.tensor([ids.shape[1]])})["logits"]
    [wanted] = system.probabilities(ids.tolist())
    torch.testing.assert_close(logits.sigmoid()[0, 0], wanted[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (Labels(("no", "yes")), (("yes",), "sigmoid")),
        (Labels(("a", "b", "c")), (("a", "b", "c"), "softmax")),
        (Labels(("a", "b"), several=True), (("a", "b"), "sigmoid")),
    ],
)
def test_what_logits_stand_for_is_said(labels: Labels, said: tuple[tuple[str, ...], str]) -> None:
    about = exports._logits(labels)
    assert (about["of"], about["activation"]) == said
    assert about["labels"] == labels.names


def test_what_is_between_two_grades_is_said() -> None:
    assert exports._logits(Grades(1, 5)) == {"grades": [1, 5], "activation": "sigmoid"}


def test_a_failure_leaves_nothing(toy_run: ToyRun, tmp_path: Path) -> None:
    system = regard.load(toy_run.path)
    assert isinstance(system, TranslationSystem)
    system.model.train()
    with pytest.raises(ValueError, match="is in training"):
        export_system(system, "torch", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_system_without_programs_is_refused(tmp_path: Path) -> None:
    strange: Any = SimpleNamespace(model=torch.nn.Linear(1, 1))
    with pytest.raises(ExportError, match=r"^a Linear cannot be exported; classifiers, match"):
        export_system(strange, "torch", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_of_ones_own_is_refused(toy_classifier: ToyRun, tmp_path: Path) -> None:
    system: Any = regard.load(toy_classifier.path)
    system.encoder = SimpleNamespace(tokenizer=system.encoder.tokenizer)
    with pytest.raises(ExportError, match=r"^what a SimpleNamespace does cannot be exported"):
        export_system(system, "torch", tmp_path / "out")


def test_an_unknown_target_is_refused(toy_run: ToyRun, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no export to 'paper'; there is one to torch, onnx"):
        export_run(toy_run.path, "paper", tmp_path / "out")
