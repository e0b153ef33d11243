"""What a training leaves behind, and how the translator behaves that is read back from it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import regard
from regard.cli.main import main
from regard.data.encoding import encode_sources
from regard.data.tokenizers import SPECIALS, Tokenizer
from regard.decoding import Beam, Sampling
from regard.interfaces import EOS, UNK, Pair
from regard.recipes.run import read_settings
from regard.recipes.translate import train
from regard.recipes.translate.system import Translation, TranslationSystem
from regard.recipes.translate.train import evaluate_translator
from regard.training.run_directory import FORMAT, RunDirectory
from tests.conftest import ToyRun
from tests.toy_language import make_pairs, tiny, translated

FIGURES = {
    "loss",
    "perplexity",
    "bleu",
    "bleu_signature",
    "tokenised_bleu",
    "exact",
    "alignment_entropy",
}


@pytest.fixture(scope="module")
def system(toy_run: ToyRun) -> TranslationSystem:
    return regard.load(toy_run.path)


def test_a_run_directory_holds_everything(toy_run: ToyRun) -> None:
    assert {path.name for path in toy_run.path.iterdir()} == {
        "checkpoints",
        "config.json",
        "log",
        "metrics.json",
        "model.safetensors",
        "tokenizer.source.json",
        "tokenizer.target.json",
    }
    assert [path for path in (toy_run.path / "log").iterdir() if "tfevents" in path.name]
    names = {path.name for path in (toy_run.path / "checkpoints").iterdir()}
    assert names == {"best.ckpt", "last.ckpt"}


def test_the_settings_are_kept(toy_run: ToyRun) -> None:
    settings = tiny(data={"train": toy_run.train, "test": toy_run.test})
    assert read_settings(RunDirectory(toy_run.path)) == settings
    config = json.loads((toy_run.path / "config.json").read_text("utf-8"))
    assert config["format"] == FORMAT
    assert config["system"] == "translate"


def test_the_figures_say_what_was_measured(toy_run: ToyRun) -> None:
    metrics = RunDirectory(toy_run.path).metrics()
    of_all = {"best_epoch", "epochs", "minutes", "step_ms", "parameters"}
    assert set(metrics) == of_all | {"validation", "test"}
    assert set(metrics["validation"]) == set(metrics["test"]) == FIGURES
    assert 1 <= metrics["best_epoch"] <= metrics["epochs"] == tiny().training.epochs
    loaded = regard.load(toy_run.path).model.parameters()
    assert metrics["parameters"] == sum(part.numel() for part in loaded)


def test_the_language_is_learnt(toy_run: ToyRun) -> None:
    metrics = RunDirectory(toy_run.path).metrics()
    assert metrics["test"]["perplexity"] < 1.5
    assert metrics["test"]["tokenised_bleu"] > 60


def test_the_weights_are_those_of_the_best_epoch(toy_run: ToyRun) -> None:
    kept = load_file(toy_run.path / "model.safetensors")
    best = torch.load(toy_run.path / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    assert {f"model.{name}" for name in kept} == {
        name for name in best if name.startswith("model.")
    }
    assert all(torch.equal(tensor, best[f"model.{name}"]) for name, tensor in kept.items())


def test_what_is_loaded_scores_what_was_measured_after_training(
    toy_run: ToyRun, system: TranslationSystem
) -> None:
    settings = read_settings(RunDirectory(toy_run.path))
    scores = evaluate_translator(system, make_pairs(700)[600:], settings)
    assert scores == RunDirectory(toy_run.path).metrics()["test"]


def test_a_loss_beyond_all_measure_is_of_infinite_perplexity(
    toy_run: ToyRun, system: TranslationSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "teacher_forced_loss", lambda model, batches: 800.0)
    settings = read_settings(RunDirectory(toy_run.path))
    scores = evaluate_translator(system, [Pair("ein haus", "a house")], settings)
    assert (scores["loss"], scores["perplexity"]) == (800.0, math.inf)


def test_pairs_too_long_for_perplexity_are_counted(
    toy_run: ToyRun, system: TranslationSystem
) -> None:
    settings, pairs = read_settings(RunDirectory(toy_run.path)), make_pairs(700)[600:]
    longest = Pair("ein " * 21, "a " * 21)
    scores = evaluate_translator(system, [*pairs, longest], settings)
    assert scores["left_out"] == 1
    assert scores["perplexity"] == evaluate_translator(system, pairs, settings)["perplexity"]


@pytest.mark.parametrize("beam_size", [1, 3])
def test_alignments_have_a_row_per_target_and_a_column_per_source_token(
    system: TranslationSystem, beam_size: int
) -> None:
    texts = [pair.source for pair in make_pairs(20, seed=1)]
    for text, [best] in zip(texts, system.translate(texts, Beam(beam_size)), strict=True):
        assert best.source_tokens == text.split()
        assert best.text == " ".join(best.target_tokens)
        assert best.alignment.shape == (len(best.target_tokens), len(best.source_tokens))
        assert bool((best.alignment >= 0).all())
        assert bool((best.alignment.sum(-1) <= 1 + 1e-5).all())
        assert best.num_cut == 0


def test_translations_do_not_depend_on_their_company(system: TranslationSystem) -> None:
    texts = [pair.source for pair in make_pairs(30, seed=2)]
    together = [best.text for [best] in system.translate(texts)]
    assert together == [system.translate([text])[0][0].text for text in texts]


def test_several_translations_come_best_first(system: TranslationSystem) -> None:
    [found] = system.translate(["ein rot haus"], Beam(4, num_best=3))
    assert len({best.text for best in found}) == 3
    assert [best.score for best in found] == sorted((best.score for best in found), reverse=True)


def test_an_unknown_word_is_replaced_by_the_source_word_it_looks_at(
    system: TranslationSystem,
) -> None:
    assert system.source_tokenizer.encode("zwiebel") == system.source_tokenizer.encode("otto")
    [[best]] = system.translate(["otto sieht haus"])
    assert best.text == translated("otto sieht haus") == "otto sees house"


def test_nothing_is_translated_to_nothing(system: TranslationSystem) -> None:
    for [best] in system.translate(["", "  ", "\t"]):
        assert best.text == ""
        assert best.alignment.shape == (0, 0)
    assert system.translate([]) == []


def test_a_very_long_line_is_cut_and_says_so(system: TranslationSystem) -> None:
    line = "ein haus " * 11_112
    assert len(line) > 100_000
    [[best]] = system.translate([line], Beam(2))
    assert len(best.source_tokens) == system.max_len == 20
    assert best.num_cut == 22_224 - 20
    assert best.alignment.shape == (len(best.target_tokens), 20)


def test_a_score_by_location_reads_as_far_as_it_knows(
    toy_run: ToyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDirectory(tmp_path / "run")
    model = {"decoder": "luong", "score": "location"}
    train.train_translator(
        tiny(data={"train": toy_run.test}, model=model, training={"epochs": 1}), run
    )
    placed = regard.load(run.path)
    for length in (19, 20, 21, 400):
        [[best]] = placed.translate(["ein " * length], Beam(2))
        assert (len(best.source_tokens), best.num_cut) == (min(length, 20), max(0, length - 20))
        assert best.alignment.shape == (len(best.target_tokens), min(length, 20))
    capsys.readouterr()
    assert main(["translate", str(run.path), "ein " * 23]) == 0
    assert capsys.readouterr().err == "regard: line 1: the last 3 tokens were not read\n"


@pytest.mark.parametrize(
    "text", ["我喜欢猫。", "🙂 👩‍👩‍👧", "שלום עולם", "مرحبا", "\u200b\u0301", "a\x00b"]
)
def test_any_script_is_taken(system: TranslationSystem, text: str) -> None:
    [ids] = encode_sources([text], system.source_tokenizer)
    [[best]], [[whole]] = system.translate([text]), system.decode([ids])
    assert best.source_tokens == system.source_tokenizer.tokens(text)
    assert ids == [*([UNK] * len(best.source_tokens)), EOS]
    assert best.ids == whole.tokens
    assert -10 < best.score < 0
    looked = torch.ones(len(whole.tokens))
    torch.testing.assert_close(whole.alignment.sum(dim=-1), looked, rtol=0.0, atol=1e-5)
    assert torch.equal(best.alignment, whole.alignment[:, :-1])  # but for the end of the text
    # Names stay as they are in that language, and what is unknown is one.
    assert UNK in best.ids
    assert SPECIALS[UNK] not in best.target_tokens
    assert set(best.target_tokens) & set(best.source_tokens)


def test_a_model_that_does_not_decode_is_refused() -> None:
    tokenizer = Tokenizer.words(["a a"])
    with pytest.raises(TypeError, match="Linear does not decode step by step; see StepDecoder"):
        TranslationSystem(torch.nn.Linear(1, 1), tokenizer, tokenizer)


def test_every_text_begins_with_its_own_prefix(
    system: TranslationSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regard.recipes.translate.system.SENTENCES_AT_ONCE", 2)
    texts = ["ein rot klein haus", "hund", "ein mann geht", "baum", "", "rot haus", "klein", "und"]
    prefixes = ["red", "dog", "", "a tree", "man", "house", "small", "goes and"] * 3
    found = system.translate(texts * 3, Beam(2), prefixes=prefixes)
    for text, prefix, [best] in zip(texts * 3, prefixes, found, strict=True):
        assert best.text.startswith(prefix) or not text
    with pytest.raises(ValueError, match="there are 2 texts, but 1 prefixes"):
        system.translate(["ein", "haus"], prefixes=["a"])
    with pytest.raises(ValueError, match="there are 2 sources, but 1 prefixes"):
        system.decode([[4], [5]], prefixes=[[4]])


def test_batches_are_drawn_apart(
    system: TranslationSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regard.recipes.translate.system.SENTENCES_AT_ONCE", 4)
    generator = torch.Generator().manual_seed(3)
    texts = ["ein rot haus"] * 8
    found = system.translate(texts, Sampling(temperature=5.0, generator=generator))
    samples = [each.text for [each] in found]
    assert samples[:4] != samples[4:]


def test_an_empty_text_is_translated_once(system: TranslationSystem) -> None:
    [found] = system.translate([""], Sampling(3))
    assert [each.text for each in found] == [""]


def test_a_search_that_fails_leaves_the_model_as_it_was(system: TranslationSystem) -> None:
    system.model.train()
    with pytest.raises(ValueError, match="max_len 1 is too short"):
        system.translate(["ein haus"], Beam(max_len=1), prefixes=["a red"])
    assert system.model.training
    system.model.eval()


def test_a_model_is_judged_by_the_search_of_its_settings(
    system: TranslationSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches: list[Any] = []

    def translate(texts: list[str], search: Any) -> list[Any]:
        searches.append(search)
        return [[Translation("a", 0.0, [], [], torch.zeros(0, 0), 0, [])] for _ in texts]

    monkeypatch.setattr(system, "translate", translate)
    decoding = {"beam_size": 3, "length_penalty": 0.2, "coverage_penalty": 0.3}
    evaluate_translator(system, [Pair("ein haus", "a house")], tiny(decoding=decoding))
    assert searches == [Beam(3, length_penalty=0.2, coverage_penalty=0.3)]
