"""The drawing model of a search, and the lanes that its hypotheses are read in."""

from typing import Any

import pytest
from hypothesis import given

from regard.inspection.layouts.lanes import lanes
from regard.inspection.search_steps import Choice, Ending, SearchSteps
from tests.inspection.search_example import Parts, by_hand, searches


def test_the_best_path_and_others_are_read_back() -> None:
    search = by_hand()
    assert search.best() == [1, 0, 0]
    assert search.texts(2, 0) == ["a", "dog", "<eos>"]
    assert search.texts(1, 1) == ["the", "<eos>"]
    assert search.path(1, 2) == [0, 2]


def test_it_is_said_what_was_looked_at_most() -> None:
    search = by_hand()
    assert search.looked_at(1, 0) == ("hund", 0.9)
    assert search.looked_at(2, 0) is None


def test_without_steps_there_is_nothing_to_draw() -> None:
    assert SearchSteps([], []).why_empty() == "nothing to draw: the search took no step"
    assert SearchSteps([], []).best() == []
    assert by_hand().why_empty() == ""


CHOICE = Choice("a", -1, 0.5, -0.7, "followed")


@pytest.mark.parametrize(
    ("steps", "endings", "said"),
    [
        ([[CHOICE._replace(parent=0)]], [], "choice 0 of step 0 goes on from 0; the first step"),
        ([[CHOICE], [CHOICE]], [], "choice 0 of step 1 goes on from choice -1, which there is not"),
        ([[CHOICE], [CHOICE._replace(parent=1)]], [], "from choice 1, which there is not"),
        (
            [[CHOICE._replace(fate="dropped")], [CHOICE._replace(parent=0)]],
            [],
            "choice 0 of step 1 goes on from what was not followed",
        ),
        ([[CHOICE._replace(probability=1.5)]], [], "must have a probability in 0…1; got 1.5"),
        ([[CHOICE._replace(looked=(0.5,))]], [], "each of the 0 source tokens; got 1 numbers"),
        ([[CHOICE]], [Ending(1, 0, 0.0)], "ends at step 1, which there is not"),
        ([[CHOICE]], [Ending(0, 3, 0.0)], "ends with choice 3 of step 0, which there is not"),
        ([[CHOICE]], [Ending(0, 0, 0.0)], "what a hypothesis ends with must have ended"),
    ],
)
def test_what_does_not_fit_is_refused(steps: Any, endings: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SearchSteps(steps, endings)


def test_lanes_by_hand() -> None:
    found = lanes(by_hand())
    best = {(0, 1): 0, (1, 0): 0, (2, 0): 0}
    # "the" and its end go on in the next lane, and what was dropped finds room below.
    assert found == best | {(0, 0): 1, (1, 1): 1, (0, 2): 2, (1, 2): 2}


@given(parts=searches())
def test_every_choice_has_a_lane_of_its_own_in_its_step(parts: Parts) -> None:
    search = SearchSteps(*parts)
    found = lanes(search)
    places = {
        (step, number)
        for step, choices in enumerate(search.steps)
        for number in range(len(choices))
    }
    assert set(found) == places
    assert len({(step, lane) for (step, _), lane in found.items()}) == len(places)
    assert min(found.values()) == 0


@given(parts=searches())
def test_each_hypothesis_stays_in_its_lane_or_goes_down(parts: Parts) -> None:
    search = SearchSteps(*parts)
    found = lanes(search)
    for (step, number), lane in found.items():
        if step:
            parent = found[step - 1, search.at(step, number).parent]
            assert lane >= parent
            siblings = [
                (other, choice.fate)
                for other, choice in enumerate(search.steps[step])
                if choice.parent == search.at(step, number).parent
            ]
            if {fate for _, fate in siblings} != {"dropped"}:
                assert [found[step, other] for other, _ in siblings].count(parent) == 1
    if search.endings:
        assert len({found[place] for place in enumerate(search.best())}) == 1


@given(parts=searches())
def test_groups_do_not_share_lanes(parts: Parts) -> None:
    search = SearchSteps(*parts)
    groups: dict[int, set[int]] = {}
    for place, lane in lanes(search).items():
        groups.setdefault(lane, set()).add(search.at(*place).group)
    assert all(len(of_lane) == 1 for of_lane in groups.values())
    order = [group for lane in sorted(groups) for group in groups[lane]]
    assert order == sorted(order)


@given(parts=searches())
def test_what_was_followed_stands_behind_what_it_goes_on_from_alone(parts: Parts) -> None:
    search = SearchSteps(*parts)
    found = lanes(search)
    in_lane = {(step, lane): number for (step, number), lane in found.items()}
    for (step, number), lane in found.items():
        before = in_lane.get((step - 1, lane))
        choice = search.at(step, number)
        if before not in (None, choice.parent):
            assert "dropped" in (choice.fate, search.at(step - 1, before).fate)
