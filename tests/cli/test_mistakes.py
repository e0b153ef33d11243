"""What is typed wrongly is answered in one line that names the nearest, with exit code 2."""

from collections.abc import Callable
from pathlib import Path

import pytest

from regard.cli.main import COMMANDS

Refusal = Callable[[list[str]], str]
TRAIN = ["train", "translate", "--run", "new", "--data.train"]
NEED_A_RUN = ("classify", "translate", "evaluate", "export", "inspect")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("train translate --model.hiden_dim 3", "--model.hiden_dim; did you mean --model.hid"),
        ("train translate --modle.hidden_dim=3", "--modle.hidden_dim; did you mean --model.hid"),
        ("train translate --resumee", "--resumee; did you mean --resume?"),
        ("translate RUN --beem 2 ein", "--beem; did you mean --beam?"),
        ("evaluate RUN --spilt test", "--spilt; did you mean --split?"),
        ("inspect RUN ein --htlm a.html", "--htlm; did you mean --html?"),
        ("data --foldr .", "--foldr; did you mean --folder?"),
        ("demo --rum here", "--rum; did you mean --run?"),
        ("catalogue --hepl", "--hepl; did you mean --help?"),
    ],
)
def test_an_unknown_flag_is_answered_with_the_nearest(
    words: str, answer: str, run: str, refusal: Refusal
) -> None:
    typed = [run if word == "RUN" else word for word in words.split()]
    assert refusal(typed).startswith(f"unknown flag {answer}")


@pytest.mark.parametrize("command", [command.words for command in COMMANDS])
def test_a_flag_like_no_other_is_refused_by_every_command(command: str, refusal: Refusal) -> None:
    run = ["here"] if command in NEED_A_RUN else []
    assert refusal([*command.split(), *run, "--xyzzy"]).startswith("unknown flag --xyzzy; ")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("translat", "unknown command translat; did you mean translate?"),
        ("evalute RUN", "unknown command evalute; did you mean evaluate?"),
        ("xyzzy", "unknown command xyzzy; see regard --help"),
        ("train", "regard train what? There is: train classify, train match"),
        ("train translat", "regard train what? There is: train classify, train match"),
        (
            "train translate --recipe wrds",
            "unknown recipe wrds; there are subwords, transformer,",
        ),
        ("train translate --recipe", "argument --recipe: expected one argument"),
        ("train translate --model.cell rnn", "--model.cell: expected one of 'gru', 'lstm'; got"),
        ("train translate --model.hidden_dim x", "--model.hidden_dim: expected int; got x"),
        ("train translate --model.hidden_dim", "argument --model.hidden_dim: expected one arg"),
        ("train translate --training.epochs 0", "training.epochs must be at least 1; got 0"),
        (
            "train translate --model.attention chunkwise --model.chunk_len 1",
            "model.chunk_len must be at least 2 (for 1 there is model.attention monotonic); got 1",
        ),
        ("train translate --training.average_epochs 1", "training.average_epochs must be 2 or mor"),
        (
            "train translate --training.average_epochs 2 --training.patience 3",
            "training.average_epochs averages the last of training.epochs, before which",
        ),
        ("catalogue aditive", "no mechanism aditive; did you mean additive?"),
        ("translate", "the following arguments are required: run"),
        ("translate RUN ein --beam x", "--beam: expected int or null; got x"),
        ("translate RUN ein --beam", "argument --beam: expected one argument"),
        ("translate RUN ein --beam 0", "--beam must be from 1 to 1000; got 0"),
        ("translate RUN ein --groups 2", "--groups 2 must divide --beam, which is 5"),
        ("translate RUN ein --groups 0", "--groups must be at least 1; got 0"),
        ("translate RUN ein --diversity 1", "--diversity is of --groups 2 or more"),
        ("translate RUN ein --top_k 3", "--top_k would do nothing here; add --samples, or"),
        ("translate RUN ein --samples 2 --beam 3", "--beam would do nothing here; leave out --sam"),
        ("translate RUN ein --samples 0", "--samples must be at least 1; got 0"),
        ("translate RUN ein --samples 1 --top_p 2", "top_p must be above 0 and at most 1; got 2.0"),
        (
            "translate RUN ein --samples 1 --temperature 0",
            "temperature must be above 0, and greedy",
        ),
        (
            "translate RUN ein --beam 1 --coverage_penalty 1",
            "--coverage_penalty ranks what a --beam",
        ),
        ("translate RUN ein --samples 1 --seed -1", "--seed must be from 0 to 92233720368547758"),
        (
            "translate RUN ein --samples 1 --seed 99999999999999999999",
            "--seed must be from 0 to 92",
        ),
        ("evaluate RUN --coverage_penalty -1", "decoding.coverage_penalty must be at least 0; got"),
        (
            "evaluate RUN --beam 1 --coverage_penalty 1",
            "decoding.coverage_penalty ranks what a dec",
        ),
        (
            "evaluate RUN --folder here --pairs x",
            "--folder says where the run's own data lies; lea",
        ),
        ("translate RUN ein --coverage_penalty -1", "coverage_penalty must be 0 or a positive num"),
        ("translate RUN ein --min_len 9 --max_len 4", "max_len 4 is too short: with its end a hyp"),
        ("translate RUN ein --min_len -1", "min_len must be 0 or more; got -1"),
        ("translate RUN ein --num_best 9", "--num_best 9 needs --beam 9 or more"),
        ("translate RUN ein --length_penalty -1", "length_penalty must be 0 or a positive num"),
        ("translate RUN ein --file pairs.tsv", "give sentences or --file, not both"),
        ("translate RUN ein --png a.gif", "--png writes .png, .svg or .pdf; got a.gif"),
        ("translate RUN ein --json --alignment", "--json holds the alignments already;"),
        ("evaluate RUN --split train", "argument --split: invalid choice: 'train'"),
        ("evaluate RUN --beam 0", "decoding.beam_size must be at least 1; got 0"),
        ("inspect RUN --html a.html", "--html needs texts to look into"),
        ("inspect RUN ein --html .", "--html writes .html or .htm; got ."),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: str, answer: str, run: str, refusal: Refusal
) -> None:
    typed = [run if word == "RUN" else word for word in words.split()]
    assert refusal(typed).startswith(answer)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"model:\n  hiden_dim: 3\n", "unknown key model.hiden_dim; did you mean model.hidden_dim"),
        (b"modle:\n  hidden_dim: 3\n", "unknown key modle.hidden_dim; did you mean model.hidden"),
        (b"model:\n  hidden_dim: many\n", "--model.hidden_dim: expected int; got many"),
        (b"model:\n  dropout: 2\n", "model.dropout must be at least 0 and below 1; got 2"),
        (b"model: [1\n", "mine.yaml holds no settings in YAML: "),
        (b"model:\n  cell: \xf6\n", "--config: not UTF-8 ("),
        (None, "--config: File does not exist: "),
    ],
)
def test_an_unusable_configuration_is_refused(
    content: bytes | None, answer: str, refusal: Refusal
) -> None:
    if content is not None:
        Path("mine.yaml").write_bytes(content)
    assert refusal([*TRAIN, "pairs.tsv", "--config", "mine.yaml"]).startswith(answer)


def test_a_configuration_that_is_a_folder_is_refused(refusal: Refusal) -> None:
    Path("mine.yaml").mkdir()
    said = refusal([*TRAIN, "pairs.tsv", "--config", "mine.yaml"])
    assert said.startswith("--config: Path is not a file: ")


def test_a_flag_is_not_the_beginning_of_another(refusal: Refusal, run: str) -> None:
    assert (
        refusal(["translate", run, "x", "--bea", "3"]) == "unknown flag --bea; did you mean --beam?"
    )
    said = refusal(["train", "translate", "--model.scor", "dot"])
    assert said == "unknown flag --model.scor; did you mean --model.score?"


def test_a_beam_of_nothing_is_refused(refusal: Refusal, run: str) -> None:
    assert refusal(["translate", run, "x", "--beam", "0"]) == "--beam must be from 1 to 1000; got 0"
    said = refusal(["translate", run, "x", "--num_best", "0"])
    assert said == "--num_best must be at least 1; got 0"


def test_a_folder_that_is_no_run_is_refused(refusal: Refusal) -> None:
    Path("new").mkdir()
    said = refusal(["train", "translate", "--run", "new", "--data.train", "pairs.tsv"])
    assert said == "new exists already and is no run; choose another --run"
