"""`regard translate` with every way to search, and what it is told to keep to."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from regard.cli.main import main
from regard.recipes.translate.architectures import TransformerSettings
from regard.recipes.translate.train import train_translator
from regard.training.run_directory import RunDirectory
from tests.toy_language import make_pairs, tiny, write_pairs


@pytest.fixture(scope="module")
def of_52(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name a run of a Transformer that has learnt 52 positions: 2 * (20 + 1) + 10."""
    folder = tmp_path_factory.mktemp("learned")
    train = write_pairs(folder / "train.tsv", make_pairs(60))
    model = TransformerSettings(
        embed_dim=16, num_layers=1, num_heads=2, feedforward_dim=16, positions="learned"
    )
    settings = tiny(data={"train": train, "max_len": 20}, training={"epochs": 1})
    train_translator(replace(settings, model=model), RunDirectory(folder / "run"))
    return str(folder / "run")


def test_translate_begins_and_ends_as_it_is_told(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["translate", run, "ein haus", "ein mann", "--prefix", "red dog"]) == 0
    assert all(line.startswith("red dog") for line in capsys.readouterr().out.splitlines())
    assert main(["translate", run, "ein haus", "--min_len", "30"]) == 0
    assert len(capsys.readouterr().out.split()) >= 30
    assert main(["translate", run, "ein rot haus", "--max_len", "2"]) == 0
    assert capsys.readouterr().out == "a red\n"
    words = ["translate", run, "ein rot haus", "--samples", "3", "--min_len", "4", "--max_len", "5"]
    assert main(words) == 0
    printed = [line.split("\t")[1].split() for line in capsys.readouterr().out.splitlines()]
    assert len(printed) == 3
    assert {len(words) for words in printed} <= {4, 5}
    assert main(["translate", run, "ein haus", "--prefix", "qqqq"]) == 2
    assert "cannot begin with 'qqqq': a word is unknown" in capsys.readouterr().err


def test_translate_draws_samples(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["translate", run, "ein rot haus", "--samples", "40", "--temperature", "3"]
    printed = []
    for seed in ("1", "1", "2"):
        assert main([*words, "--seed", seed]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != printed[2]
    assert len(printed[0].splitlines()) == 40
    assert len({line.split("\t")[1] for line in printed[0].splitlines()}) > 5
    assert main([*words, "--top_k", "1"]) == 0
    assert {line.split("\t")[1] for line in capsys.readouterr().out.splitlines()} == {"a red house"}


def test_scores_stand_where_several_are_asked_for(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Groups that nothing keeps apart find the same, which is printed once.
    words = ["translate", run, "ein haus", "", "--beam", "2", "--num_best", "2", "--groups", "2"]
    assert main([*words, "--diversity", "0"]) == 0
    first, empty = capsys.readouterr().out.splitlines()
    assert first.split("\t")[1] == "a house"
    assert empty == "0.000\t"


def test_groups_of_a_beam_differ(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["translate", run, "ein rot haus", "--beam", "4", "--num_best", "4"]
    assert main([*words, "--groups", "4", "--diversity", "50"]) == 0
    firsts = [line.split("\t")[1].split()[0] for line in capsys.readouterr().out.splitlines()]
    assert len(set(firsts)) == 4


def test_translate_ranks_by_coverage(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["translate", run, "ein rot haus", "--num_best", "3"]
    assert main(words) == 0
    plain = capsys.readouterr().out
    assert main([*words, "--coverage_penalty", "5"]) == 0
    ranked = capsys.readouterr().out
    assert ranked != plain
    scores = [float(line.split("\t")[0]) for line in ranked.splitlines()]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--min_len", "52"], "min_len must be at most 51 here, since the model's positions"),
        (["--max_len", "53"], "max_len must be at most 52 here, since the model's positions"),
        (["--samples", "2", "--min_len", "80"], "min_len must be at most 51 here, since"),
        (["--prefix", "a " * 52], "a translation begins with 51 tokens at most, since the model's"),
    ],
)
def test_no_more_is_asked_for_than_positions_are_learnt(
    words: list[str], answer: str, of_52: str, refusal: Callable[[list[str]], str]
) -> None:
    assert refusal(["translate", of_52, "ein haus", *words]).startswith(answer)


def test_all_positions_that_are_learnt_can_be_written(
    of_52: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--min_len", "51", "--max_len", "52"], ["--prefix", "a " * 51]):
        assert main(["translate", of_52, "ein haus", *words]) == 0
        assert len(capsys.readouterr().out.split()) in (51, 52)
