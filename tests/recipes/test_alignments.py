"""What a trained translator looks at when it writes given translations, and how good that is."""

import math
from collections import defaultdict

import pytest
import torch

import regard
from regard.data.links import Links
from regard.interfaces import Pair
from regard.recipes.translate.alignments import (
    alignment_entropy,
    alignment_figures,
    linked_words,
)
from regard.recipes.translate.system import Translation, TranslationSystem
from regard.recipes.translate.train import train_translator
from regard.training.run_directory import RunDirectory
from tests.conftest import ToyRun
from tests.toy_language import make_pairs, tiny

UNSEEN = [
    pair for pair in make_pairs(700)[600:] if len(set(pair.source.split())) == len(pair[0].split())
]
"""Pairs without a word that stands in them twice, of which nobody could tell which is which."""


@pytest.fixture(scope="module")
def system(toy_run: ToyRun) -> TranslationSystem:
    return regard.load(toy_run.path)


def test_what_was_written_freely_is_followed_to_the_same_end(system: TranslationSystem) -> None:
    texts = [pair.source for pair in make_pairs(20, seed=1)]
    free = [best for [best] in system.translate(texts)]
    known = [best for best in free if not set(best.source_tokens) & set(best.target_tokens)]
    texts = [" ".join(best.source_tokens) for best in known]
    assert len(known) > 10
    for left, right in zip(known, system.align(texts, [best.text for best in known]), strict=True):
        assert right.score == pytest.approx(left.score, abs=1e-4)
        assert right[:1] + right[2:4] == left[:1] + left[2:4]
        torch.testing.assert_close(right.alignment, left.alignment, rtol=1e-4, atol=1e-5)


def test_given_translations_stay_as_they_are(system: TranslationSystem) -> None:
    [unknown, cased, wrong] = system.align(
        ["otto sieht haus", "EIN  Haus", "ein haus"], ["Otto sees house", "A\tHOUSE", "dog dog dog"]
    )
    assert unknown.target_tokens == ["otto", "sees", "house"]
    assert cased.text == "a house"
    assert cased.source_tokens == ["ein", "haus"]
    assert wrong.target_tokens == ["dog"] * 3
    assert wrong.alignment.shape == (3, 2)
    assert wrong.score < cased.score


def test_an_empty_side_is_followed_too(system: TranslationSystem) -> None:
    [no_source, no_target, nothing] = system.align(["", "haus", " "], ["a house", "", " "])
    assert (no_source.source_tokens, no_source.target_tokens) == ([], ["a", "house"])
    assert no_source.alignment.shape == (2, 0)
    assert no_target.alignment.shape == (0, 1)
    assert nothing.alignment.shape == (0, 0)
    assert system.align([], []) == []


def test_each_source_has_its_own_translation(
    system: TranslationSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = make_pairs(30, seed=2)
    sources, targets = zip(*pairs, strict=True)
    together = system.align(sources, targets)
    monkeypatch.setattr("regard.recipes.translate.system.SENTENCES_AT_ONCE", 2)
    for pair, left, right in zip(pairs, together, system.align(sources, targets), strict=True):
        assert left.text == right.text == pair.target
        assert left.score == pytest.approx(right.score, abs=1e-4)
        torch.testing.assert_close(left.alignment, right.alignment, rtol=1e-4, atol=1e-5)


def test_a_very_long_source_is_cut(system: TranslationSystem) -> None:
    [long] = system.align(["ein haus " * 50], ["a house " * 50])
    assert long.num_cut == 80
    assert long.alignment.shape == (100, 20)


def test_there_must_be_a_translation_for_each_source(system: TranslationSystem) -> None:
    with pytest.raises(ValueError, match="there are 2 sources, but 1 targets"):
        system.align(["ein", "haus"], ["a"])


def test_a_training_model_trains_on(system: TranslationSystem) -> None:
    system.model.train()
    system.align(["ein"], ["a"])
    assert system.model.training
    system.model.eval()


def best_by_ibm_model_1(pairs: list[Pair], wanted: list[Pair]) -> list[set[tuple[int, int]]]:
    """Link each target word to the source word that IBM model 1 thinks it comes from.

    Brown et al. 1993: t(e | f) by expectation maximisation, every position as likely as another.
    """
    split = [(pair.source.split(), pair.target.split()) for pair in [*pairs, *wanted]]
    probability: dict[tuple[str, str], float] = defaultdict(lambda: 1.0)
    for _ in range(8):
        counts: dict[tuple[str, str], float] = defaultdict(float)
        totals: dict[str, float] = defaultdict(float)
        for sources, targets in split:
            for target in targets:
                whole = sum(probability[source, target] for source in sources)
                for source in sources:
                    share = probability[source, target] / whole
                    counts[source, target] += share
                    totals[source] += share
        probability.update({key: count / totals[key[0]] for key, count in counts.items()})
    return [
        {
            (max(range(len(sources)), key=lambda at: probability[sources[at], target]), position)
            for position, target in enumerate(targets)
        }
        for sources, targets in split[len(pairs) :]
    ]


@pytest.fixture(scope="module")
def scanner(toy_run: ToyRun, tmp_path_factory: pytest.TempPathFactory) -> TranslationSystem:
    """Train a model that must look at a word to know of it: it scans forwards and reads one."""
    run = RunDirectory(tmp_path_factory.mktemp("scanner") / "run")
    settings = tiny(
        data={"train": toy_run.train},
        model={"attention": "monotonic"},
        training={"learning_rate": 0.01},
    )
    train_translator(settings, run, report=lambda line: None)
    return regard.load(run.path)


def test_a_trained_model_links_the_words_that_a_statistical_aligner_links(
    scanner: TranslationSystem,
) -> None:
    oracle = best_by_ibm_model_1(make_pairs(700)[:600], UNSEEN)
    links = [Links(frozenset(found), frozenset(found)) for found in oracle]
    figures = alignment_figures(scanner, UNSEEN, links)
    assert figures["alignment_error_rate"] < 10
    assert figures["alignment_precision"] > 90
    assert figures["alignment_recall"] > 90
    for_others = alignment_figures(scanner, UNSEEN, links[1:] + links[:1])
    assert for_others["alignment_error_rate"] > 15


def test_words_are_linked_however_they_are_written(scanner: TranslationSystem) -> None:
    plain = [Pair("ein rot haus", "a red house"), Pair("otto sieht haus", "otto sees house")]
    odd = [
        Pair("EIN\trot   Haus ", " A red\u00a0HOUSE"),
        Pair("OTTO sieht haus", "Otto sees house"),
    ]
    assert linked_words(scanner, plain) == [{(0, 0), (1, 1), (2, 2)}] * 2
    assert linked_words(scanner, odd) == linked_words(scanner, plain)


def test_words_that_were_not_read_are_not_linked(system: TranslationSystem) -> None:
    [links] = linked_words(system, [Pair("ein haus " * 12, "a house " * 12)])
    assert {target for _, target in links} == set(range(24))
    assert {source for source, _ in links} <= set(range(20))


def test_nothing_is_linked_to_nothing(system: TranslationSystem) -> None:
    assert linked_words(system, [Pair("", "a"), Pair("haus", "")]) == [set(), set()]


def looking(*weights: list[float]) -> Translation:
    return Translation("", 0.0, [], [], torch.tensor(weights), 0, [])


def test_entropy_is_the_mean_over_all_tokens() -> None:
    found = [looking([1.0, 0.0], [0.0, 1.0]), looking([0.25, 0.25, 0.25, 0.25])]
    assert alignment_entropy(found) == pytest.approx(math.log(4) / 3, abs=1e-6)


@pytest.mark.parametrize("whole", [0.01, 0.23, 1.0, 2.0])
def test_only_the_shares_of_the_weights_count(whole: float) -> None:
    assert alignment_entropy([looking([whole, 0.0])]) == pytest.approx(0, abs=1e-6)
    of_two = looking([whole / 2, 0.0, whole / 2])
    assert alignment_entropy([of_two]) == pytest.approx(math.log(2), abs=1e-6)


def test_who_looks_at_no_source_token_looks_nowhere_widely() -> None:
    found = looking([0.0, 0.0], [0.5, 0.5])
    assert alignment_entropy([found]) == pytest.approx(math.log(2) / 2, abs=1e-6)


def test_of_no_token_the_entropy_is_nothing() -> None:
    assert alignment_entropy([Translation("", 0.0, [], [], torch.zeros(0, 0), 0, [])]) == 0
    assert alignment_entropy([]) == 0
