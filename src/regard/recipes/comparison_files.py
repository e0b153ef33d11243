"""Keeping what a comparison has found: figures, a table, and a picture."""

import json
from collections.abc import Sequence
from pathlib import Path

from regard.files import replacing
from regard.inspection import trade_offs
from regard.recipes.comparison import (
    AER,
    BLEU,
    ENTROPY,
    PERPLEXITY,
    STEP,
    Outcome,
    as_rows,
    columns_of,
    notes_on,
)
from regard.training.run_directory import RunError

__all__ = ["read_diverged", "write_comparison"]

FIGURES, TABLE, PICTURE = "comparison.json", "comparison.md", "comparison.png"


def write_comparison(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write what is known so far, each file whole."""
    rows = as_rows(outcomes)
    _write(folder / FIGURES, json.dumps(rows, indent=2, ensure_ascii=False, default=str))
    drawn = [
        trade_offs.TradeOff(outcome.name, bleu, step_ms, _others(outcome))
        for outcome in outcomes
        if (bleu := BLEU.of(outcome)) is not None and (step_ms := STEP.of(outcome)) is not None
    ]
    _write(folder / TABLE, _markdown(outcomes))
    if drawn:
        trade_offs.save(drawn, folder / PICTURE)


def _others(outcome: Outcome) -> dict[str, float]:
    """Return what is drawn beside BLEU and time, by title."""
    figures = {"perplexity": PERPLEXITY, "entropy, nats": ENTROPY, "AER, %": AER}
    found = {title: figure.of(outcome) for title, figure in figures.items()}
    return {title: value for title, value in found.items() if value is not None}


def read_diverged(folder: Path) -> dict[str, str]:
    """Return which variants of a comparison have diverged, and how.

    Raises:
        RunError: what was kept of it is damaged.
    """
    path = folder / FIGURES
    if not path.exists():
        return {}
    try:
        rows = json.loads(path.read_text("utf-8"))
        return {name: str(row["diverged"]) for name, row in rows.items() if "diverged" in row}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise RunError(f"{path} is damaged ({error}); delete it") from None


def _write(path: Path, text: str) -> None:
    with replacing(path) as draft:
        draft.write_text(f"{text}\n", "utf-8")


def _markdown(outcomes: Sequence[Outcome]) -> str:
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
    parts = ["\n".join(lines), *notes_on(outcomes), "\n".join(differing)]
    return "\n\n".join([*parts, f"![BLEU and time]({PICTURE})"])
