"""Exported, every model gives what it gives in Python, for any number of texts and length."""

from pathlib import Path
from typing import Any

import pytest
import torch

from regard.exporting import (
    FORMATS,
    classifier_program,
    matcher_program,
    traced,
    translator_programs,
    write_program,
)
from regard.interfaces import BOS
from tests.cases import over
from tests.drawing import VOCAB
from tests.exporting.texts import texts, texts_for
from tests.matcher_cases import MATCHERS, MatcherCase, convolutional
from tests.model_cases import ATTENTIONS, CLASSIFIERS, DECODERS, ClassifierCase, DecoderCase

# Runtime type checks fix the sizes of an exported program, so these run without them.
pytestmark = pytest.mark.compiled

RIGHT_LENGTHS = [[3, 0, 2, 0], [4], [0, 9], [0, 0], [2, 3, 8, 1, 4, 0, 1]]

EXACT = {"rtol": 1e-5, "atol": 1e-5}

# Normalizers are exported with every score in contracts/test_exported.py; readouts are exported in
# LAYERS; and every attention is tried with one decoder.
PLAIN = (
    *("gru", "deep", "dot", *ATTENTIONS, "luong", "luong_deep"),
    *(f"transformer_{name}" for name in ("plain", "post", "learned", "rotary", "shared_keys")),
    *(
        f"transformer_{name}"
        for name in ("window", "weighted", "additive", "location", "sparsemax")
    ),
)
SYSTEMS = [case for case in MATCHERS if case.stands_for_its_system]
TRANSLATORS = [case for case in DECODERS if case.id in PLAIN]


def made(case: ClassifierCase | MatcherCase | DecoderCase) -> Any:
    return case.make().eval()


@over(CLASSIFIERS)
def test_an_exported_classifier_is_the_classifier(case: ClassifierCase) -> None:
    model = made(case)
    classify = traced(classifier_program(model, vocab=VOCAB)).module()
    for text in texts_for(case.id):
        with torch.no_grad():
            found, wanted = classify(text._asdict()), model(text)
        torch.testing.assert_close(found["logits"], wanted, **EXACT)


@over(SYSTEMS)
def test_an_exported_matcher_is_the_matcher(case: MatcherCase) -> None:
    model = made(case)
    match = traced(matcher_program(model, vocab=VOCAB, num_features=2)).module()
    for right_lengths, left in zip(RIGHT_LENGTHS, texts_for("matcher"), strict=True):
        right = texts(right_lengths, seed=len(right_lengths))
        features = torch.arange(2.0 * len(right_lengths)).view(-1, 2)
        tensors = {"left_ids": left.ids, "left_lengths": left.lengths, "features": features}
        tensors |= {"right_ids": right.ids, "right_lengths": right.lengths}
        with torch.no_grad():
            found, wanted = match(tensors), model(left, right, features)
            matrix = model.matrix(left, right)
        torch.testing.assert_close(found["logits"], wanted, **EXACT)
        torch.testing.assert_close(found["matrix"], matrix, **EXACT)


@over(SYSTEMS)
def test_an_onnx_file_is_the_matcher(case: MatcherCase, tmp_path: Path) -> None:
    program = matcher_program(made(case), vocab=VOCAB, num_features=2)
    assert write_program(program, tmp_path, FORMATS["onnx"]) < 1e-5


def test_features_that_a_matcher_does_not_know_are_no_input() -> None:
    program = matcher_program(convolutional("bcnn", num_features=0).eval(), vocab=9, num_features=0)
    assert all("features" not in example for example in program.examples)
    assert "features" not in program.module(program.examples[0])


@over(TRANSLATORS)
def test_an_exported_translator_is_the_translator(case: DecoderCase) -> None:
    model = made(case)
    programs = translator_programs(model, source_vocab=VOCAB)
    read, write = (traced(program).module() for program in programs)
    for source in texts_for(case.id):
        token = torch.full(source.lengths.shape, BOS)
        with torch.no_grad():
            state, tensors = model.start(source), read(source._asdict())
            for _ in range(3):
                log_probs, state = model.step(state, token)
                found = write({"token": token, **tensors})
                torch.testing.assert_close(found["log_probs"], log_probs, **EXACT)
                torch.testing.assert_close(found["alignment"], model.alignment(state), **EXACT)
                renewed = programs.step.carried.items()
                tensors |= {name: found[new] for new, name in renewed}
                token = log_probs.argmax(dim=-1)


# Of all models, what has the most that is ONNX's own, and sizes that are in the data.
@over([case for case in CLASSIFIERS if case.id == "HierarchicalClassifier_lstm"])
def test_an_onnx_file_is_the_classifier(case: ClassifierCase, tmp_path: Path) -> None:
    model, path = made(case), tmp_path / "classifier.onnx"
    FORMATS["onnx"].write(classifier_program(model, vocab=VOCAB), path)
    for text in texts_for(case.id):
        with torch.no_grad():
            wanted = model(text)
        found = FORMATS["onnx"].run(path, text._asdict())
        torch.testing.assert_close(found["logits"], wanted, **EXACT)


def test_the_tables_have_what_is_tried() -> None:
    assert {case.id for case in TRANSLATORS} == set(PLAIN)
