"""A language model that was trained: what it scores, what it writes, and where it looks."""

import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import regard
from regard.data import read_plain
from regard.decoding import Beam, Sampling
from regard.interfaces import BOS, EOS, Predictions, Tokens
from regard.recipes.generate.settings import LanguageModelSettings
from regard.recipes.generate.system import GenerationSystem, TextLook
from regard.recipes.generate.train import evaluate_text, train_generator
from regard.recipes.run import load_as, read_settings
from regard.training.language import next_tokens
from regard.training.run_directory import RunDirectory, RunError
from tests.conftest import ToyRun
from tests.drawing import sentences
from tests.toy_text import DOES, WHO, make_text, tiny, write_text


def quiet(line: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def writer(toy_writer: ToyRun) -> GenerationSystem:
    return load_as(GenerationSystem, toy_writer.path)


def sampling(seed: int = 0, **options: Any) -> Sampling:
    return Sampling(**options, generator=torch.Generator().manual_seed(seed))


def test_it_has_learnt_the_language(toy_writer: ToyRun, writer: GenerationSystem) -> None:
    metrics = RunDirectory(toy_writer.path).metrics()
    for split in ("validation", "test"):
        # A line has log2(3 · 2 · 3) bits; without knowing words, there are more than 3 a character.
        assert 0.15 < metrics[split]["bits_per_character"] < 0.9
    [[written]] = writer.generate([""], Beam(), length=100)
    lines = written.text.split("\n")[1:-1]
    assert lines
    assert set(lines) <= {f"{who} {does} {whom}." for who in WHO for does in DOES for whom in WHO}


def test_the_run_is_a_run_like_others(toy_writer: ToyRun) -> None:
    run = RunDirectory(toy_writer.path)
    assert run.config()["system"] == "generate"
    assert read_settings(run) == tiny(data={"train": toy_writer.train, "test": toy_writer.test})
    assert type(regard.load(toy_writer.path)) is GenerationSystem
    files = {path.name for path in toy_writer.path.iterdir()}
    names = ("config.json", "metrics.json", "model.safetensors", "tokenizer.json")
    assert files == {*names, "checkpoints", "log"}


def test_it_scores_other_text_as_its_own(toy_writer: ToyRun, writer: GenerationSystem) -> None:
    settings = tiny()
    metrics = RunDirectory(toy_writer.path).metrics()
    found = evaluate_text(writer, read_plain(toy_writer.test), settings)
    assert found == metrics["test"]


def test_figures_are_what_the_blocks_cost(writer: GenerationSystem, tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", 3, seed=5)
    text = make_text(3, seed=5).removesuffix("\n")
    ids, nats = [*writer.tokenizer.encode(text), EOS], 0.0
    for first in range(0, len(ids), 32):
        block = torch.tensor([[BOS, *ids[first : first + 32]]])
        with torch.no_grad():
            log_probs = writer.model(Tokens(block, torch.tensor([block.shape[1]]))).log_softmax(-1)
        nats -= log_probs[0, :-1].gather(1, block[0, 1:, None]).sum().item()
    found = evaluate_text(writer, read_plain(tmp_path / "a.txt"), tiny())
    assert found["characters"] == len(text)
    assert found["loss"] == pytest.approx(nats / len(ids), rel=1e-5)
    assert found["perplexity"] == pytest.approx(math.exp(nats / len(ids)), rel=1e-5)
    assert found["bits_per_character"] == pytest.approx(nats / math.log(2) / len(text), rel=1e-5)


def test_what_is_written_begins_with_the_prompt(writer: GenerationSystem) -> None:
    prompts = ["the dog", "", "a bird\nthe", "th"]
    for search in (None, sampling(num_samples=3, top_k=3), Beam(3, num_best=2)):
        found = writer.generate(prompts, search, length=9)
        for prompt, generations in zip(prompts, found, strict=True):
            assert len(generations) == {Sampling: 3, Beam: 2}.get(type(search), 1)
            for generation in generations:
                assert generation.text.startswith(prompt)
                assert "".join(generation.tokens) == generation.text
                assert writer.tokenizer.encode(generation.text) == generation.ids
                assert generation.num_given == len(prompt)
                assert len(generation.ids) <= len(prompt) + 9


def test_samples_are_drawn_by_their_seed(writer: GenerationSystem) -> None:
    first, again, other = (
        writer.generate(["the"], sampling(seed, num_samples=2), length=25) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert first[0][0] != first[0][1]
    # What is cold enough is the most probable.
    [[cold]] = writer.generate(["the"], sampling(temperature=1e-4), length=20)
    [[greedy]] = writer.generate(["the"], Beam(), length=20)
    assert cold.text == greedy.text


def test_texts_may_be_far_longer_than_blocks(writer: GenerationSystem) -> None:
    surprise = writer.look(make_text(30, seed=7)).surprise
    # What is beyond the reach was forgotten in training too.
    assert surprise[320:].mean() < 1.2 * surprise[32:320].mean()
    [[written]] = writer.generate([""], sampling(min_len=99), length=100)
    assert len(written.text) in (99, 100)


def test_the_end_of_a_text_ends_it(writer: GenerationSystem) -> None:
    with torch.no_grad():
        bias = writer.model.get_parameter("output.bias")
        before = bias[EOS].item()
        bias[EOS] = 1e4
        [[written]] = writer.generate(["the dog"], length=20)
        bias[EOS] = before
    assert written.text == "the dog"


def test_each_token_looks_at_those_up_to_itself(writer: GenerationSystem) -> None:
    text = "the dog sees a bird."
    look = writer.look(text)
    assert look.tokens == ["<bos>", *text]
    assert look.weights.triu(1).abs().sum().item() == 0
    torch.testing.assert_close(look.weights.sum(1), torch.ones(len(text) + 1))
    heads = [writer.look(text, layer=1, head=head) for head in range(2)]
    mean = (heads[0].weights + heads[1].weights) / 2
    torch.testing.assert_close(look.weights, mean, rtol=1e-5, atol=1e-6)
    assert [each.title for each in (look, *heads)] == [
        "layer 1, mean of 2 heads",
        "layer 1, head 0",
        "layer 1, head 1",
    ]
    assert not torch.equal(writer.look(text, layer=0).weights, look.weights)
    assert torch.equal(writer.look(text, layer=-2).weights, writer.look(text, layer=0).weights)


def test_surprise_is_what_it_takes_to_write_the_text(writer: GenerationSystem) -> None:
    [[written]] = writer.generate(["the dog"], sampling(min_len=39), length=33)
    look: TextLook = writer.look(written)
    assert look.tokens == ["<bos>", *written.tokens]
    assert look.surprise[0] == 0
    assert len(written.ids) == 40  # no end counts
    nats = math.log(2) * look.surprise.sum().item()
    assert nats == pytest.approx(-written.log_prob, rel=1e-4)


def test_an_empty_text_can_be_looked_into(writer: GenerationSystem) -> None:
    look = writer.look("")
    assert (look.tokens, look.weights.tolist()) == (["<bos>"], [[1.0]])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda it: it.generate("the dog"), "expected a list of prompts, got one text"),
        (lambda it: it.generate(["the", "a Dog"]), "does not know 'D', which stands in 'a Dog'"),
        (lambda it: it.look("a\tdog"), r"does not know '\\t', which stands in 'a\\tdog'"),
        (lambda it: it.generate([""], length=0), "length must be at least 1; got 0"),
        (lambda it: it.look("a", layer=2), "there are 2 layers, from 0; there is no layer 2"),
        (lambda it: it.look("a", layer=-3), "there are 2 layers, from 0; there is no layer -3"),
        (lambda it: it.look("a", head=2), "there are 2 heads, from 0; there is no head 2"),
    ],
)
def test_what_cannot_be_done_is_said(wrong: Any, said: str, writer: GenerationSystem) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        wrong(writer)


def test_a_model_that_cannot_write_is_refused(writer: GenerationSystem) -> None:
    with pytest.raises(TypeError, match="Linear does not decode step by step"):
        GenerationSystem(nn.Linear(2, 2), writer.tokenizer)
    with pytest.raises(TypeError, match="Linear has no predictions; see LanguageModel"):
        next_tokens(nn.Linear(2, 2), sentences([3]))


KINDS: dict[str, dict[str, Any]] = {
    "learned": {"positions": "learned", "reach": None, "norm": "post", "tied": False},
    "sinusoid": {"positions": "sinusoid", "num_kv_heads": 1, "normalizer": "sparsemax"},
    "additive": {"score": "additive", "num_layers": 1, "normalizer": "sigmoid"},
}


@pytest.fixture
def short(tmp_path: Path) -> Path:
    return write_text(tmp_path / "short.txt", 60)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_is_trained_and_opened(kind: str, tmp_path: Path, short: Path) -> None:
    settings = tiny(data={"train": short}, model=KINDS[kind], training={"epochs": 1})
    metrics = train_generator(settings, RunDirectory(tmp_path / "run"), report=quiet)
    assert "test" not in metrics
    system = load_as(GenerationSystem, tmp_path / "run")
    assert read_settings(RunDirectory(tmp_path / "run")) == settings
    assert evaluate_text(system, read_plain(short), settings)["loss"] < 3.2
    assert len(system.generate(["the"], length=9)[0][0].ids) <= 12


def test_learnt_positions_end(tmp_path: Path, short: Path) -> None:
    settings = tiny(data={"train": short}, model=KINDS["learned"], training={"epochs": 1})
    train_generator(settings, RunDirectory(tmp_path / "run"), report=quiet)
    system = load_as(GenerationSystem, tmp_path / "run")
    for length in (0, 7, 24):
        [[written]] = system.generate(["a" * length], sampling(min_len=30), length=31 - length)
        assert len(written.ids) in (30, 31)
        assert len(system.look(written).tokens) == len(written.ids) + 1
    [[written]] = system.generate(["a" * 25], sampling(min_len=30))
    assert len(written.ids) in (30, 31)
    with pytest.raises(ValueError, match=r"reads up to 31 tokens, .* has 25, and 7 are to follow"):
        system.generate(["a" * 25], length=7)
    with pytest.raises(ValueError, match="reads up to 31 tokens"):
        system.look("a" * 32)


def test_subwords_are_learnt_and_written(tmp_path: Path, short: Path) -> None:
    settings = tiny("bpe", data={"train": short}, training={"epochs": 3})
    metrics = train_generator(settings, RunDirectory(tmp_path / "run"), report=quiet)
    assert metrics["validation"]["bits_per_character"] < 3
    system = load_as(GenerationSystem, tmp_path / "run")
    [[written]] = system.generate(["the Dog\nü sees"], length=12)
    assert written.text.startswith("the Dog\nü sees")
    # Read in the tokens in which it was written, whatever others spell the same.
    assert system.look(written).tokens[1:] == written.tokens


def test_the_training_says_how_it_goes_and_writes(tmp_path: Path, short: Path) -> None:
    said: list[str] = []
    settings = tiny(data={"train": short, "test": short}, training={"epochs": 2})
    train_generator(settings, RunDirectory(tmp_path / "run"), report=said.append)
    characters = len(make_text(60)) - 1
    first, *epochs = said
    assert f"{characters:,} to judge by; " in first
    assert "blocks of up to 32 tokens; vocabulary of 1" in first
    assert [line[:9] for line in epochs[::2]] == ["epoch 1/2", "epoch 2/2"]
    assert all("bits per character" in line for line in epochs[::2])
    assert all(line.startswith("  writes: ") and "\n" not in line for line in epochs[1::2])


class Constant(nn.Module):
    """Predicts the same whatever it reads."""

    def predictions(self, text: Tokens) -> Predictions:
        return Predictions(torch.arange(11.0).expand(int(text.lengths.sum()), -1))


def test_every_token_is_predicted_but_the_first_of_each_text() -> None:
    batch = sentences([4, 1, 0, 3])
    logits, following = next_tokens(Constant(), batch)
    assert following.tolist() == [*batch.ids[0, 1:4].tolist(), *batch.ids[3, 1:3].tolist()]
    assert logits.shape == (5, 11)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_run_that_is_half_there_is_refused(name: str, toy_writer: ToyRun, tmp_path: Path) -> None:
    copy = shutil.copytree(toy_writer.path, tmp_path / "copy")
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError, match=name):
        regard.load(copy)
    (copy / name).unlink()
    with pytest.raises(RunError, match=r"is not a whole run directory: |has no weights yet: "):
        regard.load(copy)


def test_settings_of_another_kind_are_refused(toy_writer: ToyRun, tmp_path: Path) -> None:
    copy = shutil.copytree(toy_writer.path, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    config["settings"]["model"]["hidden_dim"] = 3
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match="does not fit this version"):
        regard.load(copy)
    with pytest.raises(ValueError, match=r"vocabulary.size goes with vocabulary.kind bpe"):
        tiny(vocabulary={"size": 500})
    with pytest.raises(ValueError, match="rotary positions turn pairs of channels"):
        dataclasses.replace(LanguageModelSettings(), embed_dim=12)
