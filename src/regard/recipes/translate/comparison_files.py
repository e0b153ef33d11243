"""Keeping what a comparison has found: figures, a table, and a picture."""

import json
from collections.abc import Sequence
from pathlib import Path

from regard.files import replacing
from regard.inspection.figures import trade_offs
from regard.recipes.alone import locked
from regard.recipes.translate.comparison import (
    AER,
    BLEU,
    ENTROPY,
    PERPLEXITY,
    STEP,
    Outcome,
    as_rows,
    columns_of,
    from_rows,
    notes_on,
    with_kept,
)
from regard.training.run_directory import COMPARISON, RunDirectory, RunError

__all__ = ["ALIGNMENTS", "read_comparison", "write_comparison"]

TABLE, PICTURE = "comparison.md", "comparison.png"
ALIGNMENTS = "alignments.png"


def write_comparison(folder: Path, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Put outcomes into the comparison, behind or in place of those that are there; return all.

    Figures that are kept there, and that an outcome lacks, stay. Each file is written whole, and
    all by one process after another, so that they tell the same.

    Raises:
        RunError: what was kept of the comparison is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        known = {each.name: each for each in read_comparison(folder)}
        for found in outcomes:
            known[found.name] = with_kept(found, known.get(found.name, found))
        _write_all(folder, list(known.values()))
    return list(known.values())


def _write_all(folder: Path, known: Sequence[Outcome]) -> None:
    rows = as_rows(known)
    _write(folder / COMPARISON, json.dumps(rows, indent=2, ensure_ascii=False, default=str))
    drawn = [
        trade_offs.TradeOff(outcome.name, bleu, step_ms, _others(outcome))
        for outcome in known
        if (bleu := BLEU.of(outcome)) is not None and (step_ms := STEP.of(outcome)) is not None
    ]
    if drawn:
        trade_offs.save(drawn, folder / PICTURE)
    titles = {PICTURE: "BLEU and time", ALIGNMENTS: "where each looks"}
    pictures = [f"![{titles[name]}]({name})" for name in titles if (folder / name).exists()]
    _write(folder / TABLE, "\n\n".join([*_markdown(known), *pictures]))


def _others(outcome: Outcome) -> dict[str, float]:
    """Return what is drawn beside BLEU and time, by title."""
    figures = {"perplexity": PERPLEXITY, "entropy, nats": ENTROPY, "AER, %": AER}
    found = {title: figure.of(outcome) for title, figure in figures.items()}
    return {title: value for title, value in found.items() if value is not None}


def read_comparison(folder: Path) -> list[Outcome]:
    """Return what was kept of the variants that still have the run directory it is of.

    Raises:
        RunError: what was kept of it is damaged.
    """
    path = folder / COMPARISON
    if not path.exists():
        return []
    try:
        known = from_rows(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, AttributeError, LookupError, TypeError) as error:
        raise RunError(f"{path} is damaged ({error}); delete it") from None
    return [
        outcome for outcome in known if _still_there(outcome, RunDirectory(folder / outcome.name))
    ]


def _still_there(outcome: Outcome, run: RunDirectory) -> bool:
    return run.path.exists() and run.finished == (outcome.diverged is None)


def _write(path: Path, text: str) -> None:
    with replacing(path) as draft:
        draft.write_text(f"{text}\n", "utf-8")


def _markdown(outcomes: Sequence[Outcome]) -> list[str]:
    columns = columns_of(outcomes)
    headings = [f"{column.split} {column.heading}".strip() for column in columns]
    lines = [
        f"| {' | '.join(['variant', *headings])} |",
        f"|---|{'---:|' * len(columns)}",
    ]
    for row, outcome in enumerate(outcomes):
        cells = [
            f"**{column.cells[row]}**" if column.best[row] else column.cells[row]
            for column in columns
        ]
        lines.append(f"| {' | '.join([outcome.title, *cells])} |")
    differing = [
        f"- {outcome.name}: "
        + (", ".join(f"{name} {value}" for name, value in outcome.changes.items()) or "as shared")
        for outcome in outcomes
    ]
    return ["\n".join(lines), *notes_on(outcomes), "\n".join(differing)]
