"""`regard mechanism`."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from textwrap import fill
from typing import Any

from rich.console import Console

from regard.cli.parser import Parser, UsageError, require_text
from regard.cli.pictures import add_pictures, check_files, draw_example, pictures_asked
from regard.functional.masks import Window
from regard.inspection import report
from regard.inspection.mechanism import MAX_TOKENS, MAX_WIDTH
from regard.inspection.mechanism_example import BIASES, NORMALIZERS, SCORES, example_of
from regard.inspection.report.mechanism import MechanismExample
from regard.inspection.terminal import Flow

__all__ = ["run"]


def _choices(kind: str, names: Iterable[str]) -> str:
    return fill(", ".join(names), 96, initial_indent=f"  {kind:13}", subsequent_indent=" " * 15)


DESCRIPTION = f"""Show how attention computes, number by number.

  regard mechanism
  regard mechanism additive --normalizer sparsemax
  regard mechanism dot --tokens "the cat sat on the mat" --queries mat --png flow.png
  regard mechanism --causal --bias alibi --html flow.html

A query is scored against every key; the scores become weights; the context is the sum of the
values, each times its weight. A paper chooses how to score and how to normalise, and who may attend
whom. The vectors here are small and random (--seed), for a trained model has learnt its own; they
are rounded to tenths, so that you can follow with pencil and paper. regard catalogue NAME says
more of each choice.

{_choices("scores", SCORES)}
{_choices("normalizers", NORMALIZERS)}
{_choices("biases", BIASES)}"""


def run(words: list[str]) -> int:
    """Compute an example, print it, and draw it where asked."""
    given = _parser().parse_words(words)
    _check(given)
    tokens = given.tokens.split()
    mechanism = example_of(
        tokens,
        tokens if given.queries is None else given.queries.split(),
        score=given.score,
        normalizer=given.normalizer,
        bias=given.bias,
        mask=_window(given),
        width=given.width,
        seed=given.seed,
    )
    console = Console(highlight=False)
    console.print(Flow(mechanism))
    example = MechanismExample(mechanism)
    for path in pictures_asked(given):
        draw_example(example, path)
        console.print(f"wrote {path}", markup=False, soft_wrap=True)
    if given.html is not None:
        page = report.Report("How attention computes", [example])
        report.save(page, given.html)
        console.print(f"wrote {given.html}", markup=False, soft_wrap=True)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="regard mechanism", description=DESCRIPTION)
    parser.add_argument("score", nargs="?", type=str, default="scaled_dot", help="how to score")
    parser.add_argument("--normalizer", type=str, default="softmax", help="how to normalise")
    parser.add_argument("--bias", type=str | None, help="what is added to the scores; nothing")
    parser.add_argument(
        "--tokens", type=str, default="the cat sat", help="words to look at, between blanks"
    )
    parser.add_argument("--queries", type=str | None, help="words that look; the same if not given")
    parser.add_argument(
        "--causal", action="store_true", help="let each word look at itself and those before it"
    )
    parser.add_argument(
        "--window",
        type=str | None,
        help="how many words before and after it a word may look at: 1,0",
    )
    parser.add_argument("--width", type=int, default=4, help="dimensions of the vectors")
    parser.add_argument("--seed", type=int, default=71, help="of the random vectors")
    add_pictures(parser, "draw")
    parser.add_argument("--html", type=Path | None, help="write a page that needs nothing else")
    return parser


def _check(given: Any) -> None:
    require_text([given.tokens, given.queries or ""])
    check_files(given)
    _require("score", given.score, SCORES)
    _require("normalizer", given.normalizer, NORMALIZERS)
    if given.bias is not None:
        _require("bias", given.bias, BIASES)
    for flag in ("tokens", "queries"):
        count = 1 if given[flag] is None else len(given[flag].split())
        if not 1 <= count <= MAX_TOKENS:
            raise UsageError(f"--{flag} must hold 1 to {MAX_TOKENS} words; got {count}")
    if not 1 <= given.width <= MAX_WIDTH:
        raise UsageError(f"--width must be from 1 to {MAX_WIDTH}; got {given.width}")
    if not 0 <= given.seed < 2**63:
        raise UsageError(f"--seed must be from 0 to {2**63 - 1}; got {given.seed}")


def _require(kind: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        nearest = get_close_matches(name, known, n=1, cutoff=0)[0]
        raise UsageError(f"no {kind} {name}; did you mean {nearest}?")


def _window(given: Any) -> Window | None:
    """Return who may attend whom; None if everybody may."""
    if given.window is None:
        return Window(None, 0) if given.causal else None
    parts = given.window.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise UsageError(
            "--window is two numbers, of words before and of words after, such as 1,0; "
            f"got {given.window}"
        )
    # No more words are ever there; and numbers may be too large for the machine.
    before, after = (min(int(part), MAX_TOKENS) for part in parts)
    return Window(before, 0 if given.causal else after)
