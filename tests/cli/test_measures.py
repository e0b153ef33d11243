"""What is printed of measures: the figures that were measured, and a verdict that fits them."""

import re

import pytest
import torch
from rich.console import Console

import regard
from regard.cli.measures import (
    print_classifier_measures,
    print_head_measures,
    print_matcher_measures,
    print_translator_measures,
)
from regard.functional import masks
from regard.inspection.head_weights import HeadWeights
from regard.inspection.measures.statistics import entropy, gini
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.classify.train import train_classifier
from regard.recipes.match.system import MatchingSystem
from regard.recipes.measures import (
    classifier_faithfulness,
    matcher_faithfulness,
    translator_faithfulness,
)
from regard.recipes.run import load_as
from regard.recipes.translate.system import TranslationSystem
from regard.training.run_directory import RunDirectory
from tests.conftest import ToyRun
from tests.inspection.screen import console
from tests.toy_pairs import make_questions
from tests.toy_reviews import make_reviews, tiny, write_reviews

REVIEW = "a wonderful film about a long evening seen in the story"


def shown(on: Console) -> str:
    """Return what was printed, its lines joined that were broken."""
    on.file.flush()
    content: bytes = on.file.buffer.getvalue()  # type: ignore[attr-defined]
    return re.sub(r"\s+", " ", content.decode())


@pytest.fixture(scope="module")
def transformer(tmp_path_factory: pytest.TempPathFactory) -> ClassificationSystem:
    folder = tmp_path_factory.mktemp("transformer")
    train = write_reviews(folder / "train.csv", make_reviews(80))
    settings = tiny("transformer", data={"train": train}, training={"epochs": 1})
    train_classifier(settings, RunDirectory(folder / "run"), report=lambda line: None)
    return load_as(ClassificationSystem, folder / "run")


def test_a_classifier_is_measured(toy_classifier: ToyRun) -> None:
    system = load_as(ClassificationSystem, toy_classifier.path)
    screen = console()
    print_classifier_measures(screen, system, [REVIEW])
    printed = shown(screen)
    found = classifier_faithfulness(system, REVIEW)
    assert found.verdict in printed
    for figures in (found.without_fifth, found.comprehensiveness, found.sufficiency):
        assert " │ ".join(f"{figure:z.2f}" for figure in figures) in printed.replace("  ", " ")
    assert f"probability without {found.num_erased} of 11 tokens" in printed
    assert f"with erasing each token alone {found.correlations.erasure:+.2f}; chance" in printed
    assert "gradient" not in printed
    assert "-0.00" not in printed
    assert "text 1" not in printed


def test_several_texts_are_told_apart_and_together(toy_classifier: ToyRun) -> None:
    system = load_as(ClassificationSystem, toy_classifier.path)
    screen = console()
    texts = [row.text for row in make_reviews(8, seed=3)]
    print_classifier_measures(screen, system, [*texts, "", "film"])
    printed = shown(screen)
    assert "text 1 " in printed
    assert "text 9 there is no token to erase, so there is nothing to measure" in printed
    assert re.search(r"\d texts together: ", printed)


def test_the_heads_of_a_transformer_are_measured_too(transformer: ClassificationSystem) -> None:
    screen = console()
    print_classifier_measures(screen, transformer, [REVIEW])
    printed = shown(screen)
    assert "with gradient × embedding" in printed
    assert "with the gradient's norm" in printed
    assert "rolled out through all layers: " in printed
    [attention] = transformer.heads(REVIEW)
    for head, weights in enumerate(attention.layers[0]):
        row = f"│ 0 │ {head} │ {entropy(weights).mean():.2f} │"
        assert row in printed
        assert f"│ {gini(weights).mean():.2f} │" in printed
    assert "on masked" not in printed


def test_a_translator_is_measured(toy_run: ToyRun) -> None:
    system: TranslationSystem = regard.load(toy_run.path)
    texts = ["ein klein hund und ein baum", "", "otto"]
    found = [best for [best] in system.translate(texts)]
    screen = console()
    print_translator_measures(screen, system, texts, found)
    printed = shown(screen)
    measured = translator_faithfulness(system, texts[0], found[0])
    assert measured.verdict in printed
    for target, (source, lost) in enumerate(
        zip(measured.weights.argmax(-1).tolist(), measured.effects, strict=True)
    ):
        row = [found[0].target_tokens[target], found[0].source_tokens[source]]
        assert f"│ {row[0]} │ {row[1]} │ {lost[source]:.2f} │" in printed
    assert "text 2 there is no token to erase" in printed
    assert "2 texts together: " in printed


def test_a_matcher_is_measured_text_by_text(toy_matcher: ToyRun) -> None:
    system = load_as(MatchingSystem, toy_matcher.path)
    row = make_questions(101)[-1]
    screen = console()
    print_matcher_measures(screen, system, [(row.left, row.right), ("", "the cat")])
    printed = shown(screen)
    for side in ("left", "right"):
        assert f"{side} text of pair 1" in printed
        found = matcher_faithfulness(
            system, row.left, row.right, "left" if side == "left" else "right"
        )
        assert found.verdict in printed
    assert "left text of pair 2 there is no token to erase" in printed


def test_what_is_masked_and_what_is_far_is_told_where_it_can_be() -> None:
    weights = torch.tensor([[[1.0, 0.0], [0.25, 0.75]]])
    own = HeadWeights("self-attention", [weights], ["a", "b"], ["a", "b"], masks.causal(2, 2))
    other = HeadWeights("cross-attention [red]", [weights], ["c", "d"], ["a", "b"])
    screen = console(width=100)
    print_head_measures(screen, [own, other])
    first, second = shown(screen).split("cross-attention [red]")
    assert "distance ┃ on masked" in first
    assert "│ 0.1 │ 0 │" in first
    assert "distance" not in second
    assert "on masked" not in second


def test_a_long_text_is_said_to_be_tried_in_part(
    toy_classifier: ToyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regard.inspection.measures.faithfulness.MOST_READ", 3000)
    system = load_as(ClassificationSystem, toy_classifier.path)
    screen = console()
    print_classifier_measures(screen, system, [" ".join([REVIEW] * 10)])
    said = "a long text: 50 of its 110 tokens, picked at random, were erased alone, and 20 random"
    assert said in shown(screen)


def test_tokens_cannot_act_on_the_terminal(toy_run: ToyRun) -> None:
    system: TranslationSystem = regard.load(toy_run.path)
    [[best]] = system.translate(["ein haus"])
    screen = console()
    acting = best._replace(target_tokens=["\x1b[31mred", "[/bold]"])
    print_translator_measures(screen, system, ["ein haus"], [acting])
    assert "\x1b[31m" not in shown(screen)
    assert "│ \\x1b[31mred │" in shown(screen)
    assert "│ [/bold] │" in shown(screen)


def test_nothing_is_written(toy_classifier: ToyRun) -> None:
    before = sorted(toy_classifier.path.rglob("*"))
    system = load_as(ClassificationSystem, toy_classifier.path)
    print_classifier_measures(console(), system, [REVIEW])
    assert sorted(toy_classifier.path.rglob("*")) == before
