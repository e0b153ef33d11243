"""What a program takes and gives is known by name, and what cannot be one is refused by name."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from regard import nn as layers
from regard.exporting import (
    FORMATS,
    ExportError,
    Format,
    Port,
    Program,
    classifier_program,
    describe,
    translator_programs,
    write_program,
)
from regard.exporting.files import largest_difference
from regard.exporting.programs import Tensors
from regard.interfaces import Tokens
from regard.models import RecurrentClassifier
from tests.drawing import VOCAB
from tests.model_cases import SIZES, translator

pytestmark = pytest.mark.compiled


class Branching(layers.Pooling):
    """A pooling that looks at its numbers to decide what to do."""

    def forward(self, sequence: Tensor, lengths: Tensor | None = None) -> Tensor:
        return sequence[:, 0] if sequence.sum() > 0 else sequence[:, -1]

    def weights(self, sequence: Tensor, lengths: Tensor | None = None) -> Tensor:
        return sequence[:, :1, :1].transpose(1, 2)


class Unheard(layers.Pooling):
    """A pooling by an operator that ONNX does not have."""

    def forward(self, sequence: Tensor, lengths: Tensor | None = None) -> Tensor:
        return torch.special.bessel_j0(sequence.sum(dim=1))


class Spelling(NamedTuple):
    """A state that nobody knows."""

    written: Tensor


class Spelled(nn.Module):
    """A decoder with such a state."""

    def start(self, source: Tokens) -> Spelling:
        return Spelling(source.ids)

    def step(self, state: Spelling, token: Tensor) -> tuple[Tensor, Spelling]:
        return torch.zeros(len(token), VOCAB), state

    def reorder(self, state: Spelling, index: Tensor) -> Spelling:
        return state

    def alignment(self, state: Spelling) -> Tensor:
        return state.written.float()


class Giving(nn.Module):
    """A module that gives the same whatever it takes."""

    def __init__(self, results: Tensors) -> None:
        super().__init__()
        self.results = results

    def forward(self, tensors: Tensors) -> Tensors:
        return self.results


def reading(pooling: layers.Pooling) -> Program:
    model = RecurrentClassifier(**SIZES, hidden_dim=4, pooling=pooling)
    return classifier_program(model.eval(), vocab=VOCAB)


def test_what_goes_in_and_out_has_names_and_axes() -> None:
    described = describe(reading(layers.MeanPooling(8)), FORMATS["onnx"])
    assert described == {
        "file": "classifier.onnx",
        "inputs": [
            Port("ids", "int64", ("batch", "length"))._asdict(),
            Port("lengths", "int64", ("batch",))._asdict(),
        ],
        "outputs": [Port("logits", "float32", ("batch", 3))._asdict()],
        "carried": {},
    }


def test_the_step_takes_what_the_encoder_gives() -> None:
    model = translator(layers.CoverageAttention(6, 12, 5), decoder=layers.LuongDecoder).eval()
    encoder, step = (
        describe(program, FORMATS["torch"])
        for program in translator_programs(model, source_vocab=VOCAB)
    )
    token, *state = step["inputs"]
    assert token == Port("token", "int64", ("batch",))._asdict()
    assert state == encoder["outputs"]
    shapes = {port["name"]: port["axes"] for port in state}
    assert shapes == {
        "memory_key": ("batch", "length", 5),
        "memory_value": ("batch", "length", 12),
        "memory_mask": ("batch", 1, "length"),
        "state_0": ("batch", 6),
        "before": ("batch", "length"),
        "fed": ("batch", 6),
    }
    written = {port["name"]: port["axes"] for port in step["outputs"]}
    assert written.pop("log_probs") == ("batch", VOCAB)
    assert written.pop("alignment") == ("batch", "length")
    assert step["carried"] == {f"next_{name}": name for name in ("state_0", "before", "fed")}
    assert written == {new: shapes[old] for new, old in step["carried"].items()}


def test_a_torch_file_has_only_the_weights_it_needs(tmp_path: Path) -> None:
    programs = translator_programs(translator().eval(), source_vocab=VOCAB)
    kept: list[set[str]] = []
    for program in programs:
        path = tmp_path / f"{program.name}.pt2"
        FORMATS["torch"].write(program, path)
        loaded = torch.export.load(path)
        assert not any(weight.requires_grad for weight in loaded.parameters())
        kept.append({name.removeprefix("model.") for name, _ in loaded.named_parameters()})
    of_encoder, of_step = kept
    everything = {name for name, _ in translator().named_parameters()}
    assert of_encoder | of_step == everything
    assert not of_encoder & of_step
    assert "source_embedding.weight" in of_encoder
    assert "output.weight" in of_step


@pytest.mark.parametrize("to", FORMATS)
def test_the_part_that_cannot_be_exported_is_named(
    to: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ExportError) as refused:
        write_program(reading(Branching(8, 8)), tmp_path, FORMATS[to])
    said = str(refused.value)
    assert said.startswith(
        "the classifier cannot be exported: pooling (Branching): Could not guard"
    )
    assert "\n" not in said
    assert capfd.readouterr() == ("", "")


def test_an_operator_that_onnx_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"^the classifier cannot .* No ONNX function .*bessel"):
        write_program(reading(Unheard(8, 8)), tmp_path, FORMATS["onnx"])


def test_states_that_nobody_knows_are_refused() -> None:
    known = r"its state is a Spelling; known are DecoderState"
    with pytest.raises(ExportError, match=f"^Spelled cannot be exported: {known}"):
        translator_programs(Spelled().eval(), source_vocab=VOCAB)


def test_only_models_that_classify_or_translate_are_programs() -> None:
    with pytest.raises(TypeError, match="Linear does not classify"):
        classifier_program(nn.Linear(2, 2), vocab=VOCAB)
    with pytest.raises(TypeError, match="Linear does not decode step by step"):
        translator_programs(nn.Linear(2, 2), source_vocab=VOCAB)


def test_a_model_in_training_is_refused() -> None:
    model = translator()
    with pytest.raises(ValueError, match=r"^RecurrentTranslator is in training; call eval\(\)"):
        translator_programs(model, source_vocab=VOCAB)
    with pytest.raises(ValueError, match="is in training"):
        classifier_program(RecurrentClassifier(**SIZES, hidden_dim=4), vocab=VOCAB)


@pytest.mark.parametrize("shift", [1e-3, torch.nan])
def test_a_file_that_gives_something_else_is_refused(shift: float, tmp_path: Path) -> None:
    program = reading(layers.MeanPooling(8))

    def run(_: Path, tensors: Tensors) -> Tensors:
        result: Any = program.module(tensors)
        return {name: tensor + shift for name, tensor in result.items()}

    astray = Format(".none", (), lambda program, path: None, run)
    with pytest.raises(ExportError, match=r"^the classifier cannot be exported: logits differs "):
        write_program(program, tmp_path, astray)


def test_a_difference_is_found_between_others(tmp_path: Path) -> None:
    results = {name: torch.zeros(2) for name in ("first", "second", "third")}
    program = Program("reader", Giving(results), ({}, {}), {})
    found = results | {"second": torch.tensor([0.0, torch.nan])}
    astray = Format(".none", (), lambda program, path: None, lambda path, tensors: found)
    with pytest.raises(ExportError, match=r"^the reader cannot be exported: second differs from"):
        write_program(program, tmp_path, astray)


def test_a_file_that_cannot_be_run_is_refused_in_one_line(tmp_path: Path) -> None:
    def run(_path: Path, _tensors: Tensors) -> Tensors:
        raise RuntimeError("no such shape\nat node 5")

    program = Program("reader", Giving({}), ({}, {}), {})
    failing = Format(".none", (), lambda program, path: None, run)
    said = "^the reader cannot be exported: run from the file, it fails: no such shape$"
    with pytest.raises(ExportError, match=said):
        write_program(program, tmp_path, failing)


@pytest.mark.parametrize(
    ("wanted", "found", "difference"),
    [
        (torch.zeros(2, 0), torch.zeros(2, 0), 0.0),
        (torch.zeros(2, 0), torch.zeros(2, 1), torch.inf),
        (torch.zeros(2), torch.zeros(2, 2), torch.inf),
        (torch.zeros(2), torch.tensor([0.0, torch.nan]), torch.inf),
        (torch.tensor([0.5, 1.0]), torch.tensor([0.75, 1.125]), 0.25),
        (torch.tensor([4.0, -8.0]), torch.tensor([5.0, -8.0]), 0.25),
    ],
)
def test_differences_are_the_largest(wanted: Tensor, found: Tensor, difference: float) -> None:
    assert largest_difference(wanted, found) == difference
