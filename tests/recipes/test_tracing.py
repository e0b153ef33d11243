"""Searches of a trained translator, step by step, tell what it has translated."""

import math

import pytest

from regard.decoding import Beam
from regard.inspection.search_steps import SearchSteps
from regard.recipes.run import load_as
from regard.recipes.translate.system import TranslationSystem
from regard.recipes.translate.tracing import steps_of
from tests.conftest import ToyRun

TEXT = "ein mann und ein hund"

BEAMS = {
    "greedy": Beam(),
    "beam": Beam(4, num_best=3),
    "best alone": Beam(5),
    "groups": Beam(4, num_groups=2, num_best=4, diversity=3.0),
    "least length": Beam(3, num_best=2, min_len=7),
    "limit": Beam(3, num_best=3, max_len=2),
    "covered": Beam(4, num_best=2, coverage_penalty=0.3),
}


@pytest.fixture(scope="module")
def system(toy_run: ToyRun) -> TranslationSystem:
    return load_as(TranslationSystem, toy_run.path)


@pytest.mark.parametrize("beam", BEAMS.values(), ids=BEAMS)
def test_endings_are_what_is_translated(system: TranslationSystem, beam: Beam) -> None:
    search = steps_of(system, TEXT, beam)
    [found] = system.translate([TEXT], beam)
    assert len(search.endings) == len(found)
    for ending, translation in zip(search.endings, found, strict=True):
        tokens = search.texts(ending.step, ending.choice)
        assert ending.complete == (tokens[-1] == "<eos>")
        written = tokens[:-1] if ending.complete else tokens
        assert written == system.target_tokenizer.id_tokens(translation.ids)
        assert ending.score == pytest.approx(translation.score, abs=1e-5)
        path = search.path(ending.step, ending.choice)
        looked = [search.at(step, number).looked for step, number in enumerate(path)]
        for row, wanted in zip(looked, translation.alignment.tolist(), strict=False):
            assert list(row) == pytest.approx(wanted, abs=1e-6)
        chances = [search.at(step, number).probability for step, number in enumerate(path)]
        whole = search.at(ending.step, ending.choice).log_prob
        assert math.fsum(map(math.log, chances)) == pytest.approx(whole, abs=1e-3)
    assert search.source == found[0].source_tokens
    assert search.title == f"{TEXT} → {found[0].text}"


@pytest.mark.parametrize("beam", BEAMS.values(), ids=BEAMS)
def test_no_step_follows_more_than_the_beam_and_each_drops_its_best(
    system: TranslationSystem, beam: Beam
) -> None:
    search = steps_of(system, TEXT, beam, num_dropped=1)
    for choices in search.steps:
        followed = [choice for choice in choices if choice.fate == "followed"]
        assert len(followed) <= beam.beam_size + beam.num_groups
        dropped = [choice.group for choice in choices if choice.fate == "dropped"]
        assert len(dropped) == len(set(dropped))
        assert len({(each.token, each.parent, each.group) for each in choices}) == len(choices)


def test_the_most_probable_that_was_not_followed_is_kept(system: TranslationSystem) -> None:
    search = steps_of(system, TEXT, Beam(), num_dropped=3)
    for choices in search.steps:
        [chosen, *others] = choices
        assert chosen.fate in ("followed", "ended")
        assert [each.fate for each in others] == ["dropped"] * 3
        chances = [each.probability for each in choices]
        assert chances == sorted(chances, reverse=True)
        assert math.fsum(chances) <= 1 + 1e-6


def test_nothing_may_be_dropped(system: TranslationSystem) -> None:
    search = steps_of(system, TEXT, Beam(3), num_dropped=0)
    assert {each.fate for choices in search.steps for each in choices} == {"followed", "ended"}


def test_an_empty_text_is_refused(system: TranslationSystem) -> None:
    with pytest.raises(ValueError, match="an empty text has no token"):
        steps_of(system, " ", Beam(2))


def test_what_is_too_long_for_the_model_is_refused(
    system: TranslationSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TranslationSystem, "longest", 5)
    with pytest.raises(ValueError, match="min_len must be at most 4 here"):
        steps_of(system, TEXT, Beam(2, min_len=7))


def test_the_system_is_left_as_it_was(system: TranslationSystem) -> None:
    before = system.translate([TEXT], Beam(3))[0][0]
    search = steps_of(system, TEXT, Beam(3))
    assert isinstance(search, SearchSteps)
    assert system.translate([TEXT], Beam(3))[0][0].text == before.text
    assert not system.model.training
