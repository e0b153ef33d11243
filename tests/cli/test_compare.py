"""`regard compare translate`: what it trains, what it prints, and what it refuses."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from regard.cli.main import main
from regard.recipes.translate import compare
from regard.recipes.translate.settings import TranslateSettings
from regard.recipes.translate.variants import VARIANTS
from tests.toy_language import make_pairs, write_config, write_pairs

Refusal = Callable[[Sequence[str]], str]

pytestmark = pytest.mark.usefixtures("folder")

COMPARE = ["compare", "translate", "--data.train", "pairs.tsv"]

REMEDY = "; write a variant of your own in a YAML file"

OWN = """
near:
  model: {attention: local_p, half_width: 2}
slow:
  training:
    learning_rate: 1e-3
hot:
  training: {learning_rate: 1.0e+30}
as_shared:
"""


@pytest.fixture
def config() -> Path:
    """Write settings with which a variant is trained in a second."""
    pairs = make_pairs(120)
    write_pairs(Path("train.tsv"), pairs[:80])
    write_pairs(Path("test.tsv"), pairs[80:100])
    return write_config(
        Path("tiny.yaml"),
        data={"train": Path("train.tsv"), "test": Path("test.tsv")},
        training={"epochs": 1},
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[TranslateSettings, dict[str, Any]]]:
    """Keep what is to be compared, and compare nothing."""
    noted = []

    def note(shared: Any, variants: Any, *_: Any, **__: Any) -> list[Any]:
        noted.append((shared, variants))
        return []

    monkeypatch.setattr(compare, "compare_translators", note)
    return noted


def test_its_help_says_what_else_differs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*COMPARE[:2], "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "luong_dot halves the encoder too: the dot score needs states as wide as the" in said
    assert "alignments.png, where those that were named look when they write the same sent" in said


def test_a_comparison_is_printed_and_kept(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.yaml").write_text("hot:\n  training: {learning_rate: 1.0e+30}\n")
    words = ["compare", "translate", "--config", str(config), "--variants", "bahdanau", "own.yaml"]
    assert main(words) == 0
    printed = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in printed]
    headings = "variant BLEU sacreBLEU perplexity entropy ms a step parameters minutes"
    assert headings.split() in rows
    assert headings.split()[:3] in rows
    [bahdanau] = (row for row in rows if row[:1] == ["bahdanau"] and len(row) == 8)
    [of_test] = (row for row in rows if row[:1] == ["bahdanau"] and len(row) == 3)
    assert [cell.endswith("*") for cell in bahdanau] == [
        False,
        *[True] * 3,
        False,
        True,
        *[False] * 2,
    ]
    assert not [cell for cell in of_test if cell.endswith("*")]
    assert ["hot", "(diverged)", *"–" * 7] in rows
    assert any(line.startswith("hot: the loss is nan at or before batch ") for line in printed)
    assert "bahdanau: epoch 1/1" in "\n".join(printed)
    assert printed[-1] == "  regard translate runs/comparison/bahdanau --alignment"
    assert Path("runs/comparison/comparison.png").is_file()
    assert main(["translate", "runs/comparison/bahdanau", "ein haus"]) == 0
    for use in ("translate", "evaluate", "inspect", "curves"):
        assert main([use, "runs/comparison", *(["ein haus"] if use == "translate" else [])]) == 2
        assert capsys.readouterr().err == (
            "regard: runs/comparison is a comparison, not a run; name one of its runs: "
            "runs/comparison/bahdanau, runs/comparison/hot\n"
        )


def test_figures_are_printed_as_json_alone(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*COMPARE, "--config", str(config), "--variants", "mocha", "--run", "here", "--json"]
    assert main(words) == 0
    printed = capsys.readouterr()
    rows = json.loads(printed.out)
    assert rows == json.loads(Path("here/comparison.json").read_text("utf-8"))
    assert list(rows) == ["mocha"]
    assert rows["mocha"]["changes"] == {"model.attention": "chunkwise"}
    assert "mocha: epoch 1/1" in printed.err


def test_all_of_ours_are_compared_unless_some_are_named(
    asked: list[tuple[TranslateSettings, dict[str, Any]]],
) -> None:
    assert main([*COMPARE, "--model.hidden_dim", "64", "--training.epochs", "3"]) == 0
    assert main([*COMPARE, "--variants", "mocha", "hard"]) == 0
    (shared, everything), (_, some) = asked
    assert list(everything) == list(VARIANTS)
    assert list(some) == ["mocha", "hard"]
    for name, settings in everything.items():
        assert settings == VARIANTS[name](shared)
        assert (settings.model.hidden_dim, settings.training.epochs) == (64, 3)
    assert shared.training.devices == "1"


def test_variants_of_ones_own_change_what_they_name(
    asked: list[tuple[TranslateSettings, dict[str, Any]]],
) -> None:
    Path("own.yaml").write_text(OWN)
    assert main([*COMPARE, "--variants", "own.yaml", "gumbel"]) == 0
    [(shared, variants)] = asked
    assert list(variants) == ["near", "slow", "hot", "as_shared", "gumbel"]
    assert variants["near"].model.half_width == 2
    assert variants["near"].training == shared.training
    assert variants["slow"].training.learning_rate == 1e-3
    assert variants["hot"].training.learning_rate == 1e30
    assert variants["as_shared"] == shared


def test_variants_may_stand_in_the_file_of_settings(
    asked: list[tuple[TranslateSettings, dict[str, Any]]],
) -> None:
    Path("mine.yaml").write_text("recipe: dates\nvariants: [hard, local_m]\n")
    assert main(["compare", "translate", "--config", "mine.yaml"]) == 0
    [(shared, variants)] = asked
    assert shared.data.name == "dates"
    assert list(variants) == ["hard", "local_m"]


def test_an_interrupted_comparison_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "train_translator", interrupt)
    assert main([*COMPARE, "--variants", "hard"]) == 130
    assert capsys.readouterr().err == "regard: interrupted; go on with the same command\n"


@pytest.mark.parametrize(
    ("variants", "answer"),
    [
        ("bahdanua", "no variant bahdanua; did you mean bahdanau? There are bahdanau, luong_dot, "),
        ("hard hard", "2 variants are called hard; each needs a name of its own"),
        ("own.yaml", "own.yaml cannot be read: No such file or directory"),
        (
            "luong_dot --model.hidden_dim 65",
            "variant luong_dot: model.hidden_dim must be even, half for each direction of the enc",
        ),
        (
            "hard --model.half_width 3",
            f"model.half_width goes with model.attention local_m or local_p; it is global{REMEDY}",
        ),
        (
            "local_p --model.readout_dim 8 --model.readout maxout",
            f"variant local_p: model.readout goes with model.decoder bahdanau; it is luong{REMEDY}",
        ),
        (
            "luong_general bahdanau --model.score bilinear",
            f"variant bahdanau: variants choose model.score{REMEDY}",
        ),
        ("hard --training.epochs 0", "training.epochs must be at least 1; got 0"),
        ("hard --training.devices 2", "a comparison trains on one device in one process, so that"),
        ("hard --run pairs.tsv", "pairs.tsv is a file; choose another --run"),
        ("hard --run pairs.tsv/deep/er", "pairs.tsv is a file; choose another --run"),
        ("hard --resume", "unknown flag --resume; did you mean"),
        ("hard --links gone", "gone: no such file"),
        ("hard --data.train gone.tsv", "gone.tsv: no such file"),
        (
            "hard --recipe fast",
            "unknown recipe fast; there are subwords, transformer, weighted,",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(variants: str, answer: str, refusal: Refusal) -> None:
    assert refusal([*COMPARE, "--variants", *variants.split()]).startswith(answer)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"", "own.yaml holds no variants; write a name and, indented below it, the settings"),
        (b"- near\n", "own.yaml holds no variants; write a name"),
        (b"near: [1\n", "own.yaml holds no variants in YAML: while parsing a flow sequence"),
        (b"near: \xf6\n", "own.yaml holds no variants in YAML: 'utf-8' codec can't decode byte"),
        (b"near:\nnear:\n", "own.yaml holds no variants in YAML: near stands there 2 times"),
        (
            b"near:\n  model: {score: dot, score: concat}\n",
            "own.yaml holds no variants in YAML: score stands there 2 times",
        ),
        (b"hard:\n", "2 variants are called hard; each needs a name of its own"),
        (b"near:\nHard:\nNear:\n", "2 variants are called hard or Hard; each needs a name of its"),
        (b"? [a]\n: b\n", "own.yaml holds no variants in YAML: while constructing a mapping"),
        (b"near: {? {a: b} : c}\n", "own.yaml holds no variants in YAML: while constructing a"),
        (b"../near:\n", "own.yaml: a variant cannot be called '../near': its folder is called so"),
        (b"3:\n", "own.yaml: a variant cannot be called 3: its folder is called so too; use let"),
        (b"near: local_p\n", "own.yaml, variant near: settings go in groups; got local_p"),
        (b"near: {model: 3}\n", "own.yaml, variant near: model is a group of settings; got 3"),
        (
            b"near: {model: {scor: dot}}\n",
            "own.yaml, variant near: unknown key model.scor; did you mean model.score?",
        ),
        (
            b"near: {modle: {score: dot}}\n",
            "own.yaml, variant near: unknown key modle.score; did you mean model.score?",
        ),
        (
            b"near: {model: {half_width: wide}}\n",
            "own.yaml, variant near: --model.half_width: expected int; got wide",
        ),
        (
            b"near: {model: {half_width: 3}}\n",
            "own.yaml, variant near: model.half_width goes with model.attention local_m or local_p",
        ),
        (
            b"near: {data: {max_len: 3}}\n",
            "own.yaml, variant near: data.max_len must be the same for all variants; set it by the",
        ),
        (
            b"near: {vocabulary: {kind: words}}\n",
            "own.yaml, variant near: vocabulary.kind must be the same for all variants",
        ),
        (
            b"near: {decoding: {beam_size: 7}}\n",
            "own.yaml, variant near: decoding.beam_size must be the same for all variants, lest BL",
        ),
        *(
            (
                f"near: {{training: {{{name}: {value}}}}}\n".encode(),
                f"own.yaml, variant near: training.{name} must be the same for all variants",
            )
            for name, value in {
                "accelerator": "cpu",
                "accumulate": 2,
                "devices": "auto",
                "epochs": 2,
                "max_sentences": 2,
                "max_tokens": 2,
                "precision": "bf16-mixed",
                "seed": 2,
            }.items()
        ),
    ],
    ids=str,
)
def test_a_file_that_holds_no_variants_is_refused(
    content: bytes, answer: str, refusal: Refusal
) -> None:
    Path("own.yaml").write_bytes(content)
    assert refusal([*COMPARE, "--variants", "hard", "own.yaml"]).startswith(answer)


def test_processes_that_train_together_are_refused(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert "start it without torchrun" in refusal([*COMPARE, "--variants", "hard"])


def test_what_to_compare_must_be_said(refusal: Refusal) -> None:
    assert refusal(["compare"]) == "regard compare what? There is: compare translate"
