"""`regard bench` measures what it says, shows it, and writes it down."""

from pathlib import Path

import pytest
import torch

from regard.bench.measuring import Case, measure, medians, peak_memory
from regard.bench.suites import SUITES, Sizes
from regard.cli.main import main

CPU = torch.device("cpu")

EQUAL = ("Regard", "as it is", "the same", "PyTorch's", "keys", "the package", "context")
"""How sides begin that compute one thing; Keras has an energy of its own, others other scores."""


@pytest.mark.parametrize("name", SUITES)
def test_sides_of_every_comparison_give_the_same(name: str) -> None:
    for case in SUITES[name](Sizes(32, CPU)):
        assert len(case.sides) > 1 or case.length is not None
        first, *others = (run() for side, run in case.sides.items() if side.startswith(EQUAL))
        for other in others:
            torch.testing.assert_close(_tensors(other), _tensors(first), rtol=1e-3, atol=1e-3)


def _tensors(found: object) -> list[torch.Tensor]:
    found = found if isinstance(found, tuple) else (found,)
    return [tensor.squeeze() for tensor in found if tensor is not None]


def test_peak_memory_is_what_is_held_at_once() -> None:
    def run() -> torch.Tensor:
        first = torch.ones(1000)
        second = first + 1
        del first
        third = second * 2
        return third[:1]

    assert 8000 <= peak_memory(run, CPU) < 8400


def test_sides_run_in_turn_and_their_medians_count() -> None:
    ran: list[str] = []
    seconds = medians([lambda: ran.append("a"), lambda: ran.append("b")], repeats=3, warmup=1)
    assert ran == list("abababab")
    assert len(seconds) == 2
    assert all(0 < took < 1 for took in seconds)


def test_no_round_begins_after_the_budget_but_the_first_three() -> None:
    ran: list[int] = []
    medians([lambda: ran.append(1)], repeats=1000, warmup=0, budget=0.0)
    assert len(ran) == 3


def test_ratios_are_to_the_first_side() -> None:
    vectors = torch.ones(300, 300)

    def three_times() -> None:
        for _ in range(3):
            vectors @ vectors

    case = Case("", {"once": lambda: vectors @ vectors, "three times": three_times})
    rows = measure(case, repeats=3, budget=9.0, device=CPU)
    assert rows[0].ratio == 1
    assert rows[1].ratio == rows[1].seconds / rows[0].seconds


def test_is_shown_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "growth", "step", "--shrink", "32", "--repeats", "1"]
    assert main([*words, "--device", "cpu", "--folder", str(tmp_path / "new")]) == 0
    printed = capsys.readouterr().out
    assert "as it is written" in printed
    written = (tmp_path / "new" / "bench.md").read_text("utf-8")
    assert written.count("| Regard |") == 7
    assert "![growth](growth.png)" in written
    assert (tmp_path / "new" / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_lengths_shrunk_to_the_same_are_measured_once(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "sparse", "--shrink", "1000000", "--repeats", "1", "--device", "cpu"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert [printed.count(f"{title}, 2 keys") for title in ("sparsemax", "entmax15")] == [1, 1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["additve"], "no comparison additve; there are additive, long"),
        (["--repeats", "0"], "--repeats and --shrink must be 1 or more, and --seconds above 0"),
        (["--seconds", "-1"], "--repeats and --shrink must be 1 or more, and --seconds above 0"),
        (["--folder", "/dev/null/here"], "--folder /dev/null/here cannot be made: Not a directory"),
        (["--device", "abacus"], "device abacus cannot be used here"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *words]) == 2
    assert capsys.readouterr().err.startswith(f"regard: {message}")
