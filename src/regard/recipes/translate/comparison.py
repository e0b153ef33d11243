"""What a comparison of variants has found, laid out to choose by."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

__all__ = [
    "AER",
    "BLEU",
    "ENTROPY",
    "PERPLEXITY",
    "STEP",
    "Column",
    "Figure",
    "Outcome",
    "as_rows",
    "columns_of",
    "from_rows",
    "notes_on",
    "with_kept",
]


class Outcome(NamedTuple):
    """How a variant has done: what it scored, or why there is nothing to score.

    Args:
        changes: in which settings it differs from what all share.
    """

    name: str
    changes: Mapping[str, Any]
    metrics: Mapping[str, Any]
    diverged: str | None = None

    @property
    def title(self) -> str:
        """What stands at the beginning of its row."""
        return f"{self.name} (diverged)" if self.diverged else self.name


class Column(NamedTuple):
    """A figure of every variant, and which of them is best."""

    split: str
    heading: str
    cells: list[str]
    best: list[bool]


class Figure(NamedTuple):
    """What is compared, and where a run keeps it: under a split, or, without one, above them."""

    split: str
    heading: str
    key: str
    form: str
    better: Literal["more", "less"] | None = None

    def of(self, outcome: Outcome) -> float | None:
        """Return the figure of a variant; None if it has none, or one that is no number."""
        held = outcome.metrics.get(self.split, {}) if self.split else outcome.metrics
        value = held.get(self.key)
        if not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return float(value)

    def cell(self, outcome: Outcome) -> str:
        """Return what stands in the table."""
        value = self.of(outcome)
        return "–" if value is None else self.form.format(value)


BLEU = Figure("validation", "BLEU", "tokenised_bleu", "{:.2f}", "more")
PERPLEXITY = Figure("validation", "perplexity", "perplexity", "{:.2f}", "less")
ENTROPY = Figure("validation", "entropy", "alignment_entropy", "{:.2f}")
AER = Figure("validation", "AER", "alignment_error_rate", "{:.1f} %", "less")
STEP = Figure("", "ms a step", "step_ms", "{:,.0f}", "less")

_FIGURES = (
    BLEU,
    Figure("validation", "sacreBLEU", "bleu", "{:.2f}", "more"),
    PERPLEXITY,
    ENTROPY,
    AER,
    # Nothing is to be chosen by what the test set says.
    Figure("test", "BLEU", "tokenised_bleu", "{:.2f}"),
    Figure("test", "sacreBLEU", "bleu", "{:.2f}"),
    STEP,
    Figure("", "parameters", "parameters", "{:,.0f}"),
    Figure("", "minutes", "minutes", "{:.1f}"),
)


def columns_of(outcomes: Sequence[Outcome]) -> list[Column]:
    """Lay out every figure that any of the variants has."""
    columns = []
    for figure in _FIGURES:
        values = [figure.of(outcome) for outcome in outcomes]
        known = [value for value in values if value is not None]
        if known:
            best = {"more": max(known), "less": min(known), None: None}[figure.better]
            cells = [figure.cell(outcome) for outcome in outcomes]
            is_best = [value is not None and value == best for value in values]
            columns.append(Column(figure.split, figure.heading, cells, is_best))
    return columns


def notes_on(outcomes: Sequence[Outcome]) -> list[str]:
    """Say how to read the figures, and what is not in them."""
    signatures = {
        held["bleu_signature"]
        for outcome in outcomes
        for held in outcome.metrics.values()
        if isinstance(held, Mapping) and "bleu_signature" in held
    }
    return [
        "Choose by the validation figures; those of the test set are to report the choice.",
        "BLEU is over lowercased words and punctuation marks; entropy is in nats a token.",
        "Entropy says how widely each looks among the source tokens, the end of the text aside.",
        "Step times vary by about a tenth where several processes have shared the work.",
        *(f"sacreBLEU {signature}." for signature in sorted(signatures)),
        *(f"{outcome.name}: {outcome.diverged}" for outcome in outcomes if outcome.diverged),
    ]


def with_kept(found: Outcome, kept: Outcome) -> Outcome:
    """Return what was found, with what was kept beside it: how good the alignments are.

    That is so if both are of one training. Of an earlier one, which measured otherwise, nothing is
    taken over.
    """
    known, old = _by_split(found.metrics), _by_split(kept.metrics)
    if any(str(known[place]) != str(old[place]) for place in known.keys() & old.keys()):
        return found
    return found._replace(
        metrics={
            key: {**kept.metrics.get(key, {}), **value} if isinstance(value, Mapping) else value
            for key, value in found.metrics.items()
        }
    )


def _by_split(metrics: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Return figures by the split they are of, which is empty if they are of none, and name."""
    return {
        (split, name): value
        for split, held in metrics.items()
        for name, value in (held.items() if isinstance(held, Mapping) else [("", held)])
    }


def as_rows(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Return the outcomes by name, as they are kept."""
    return {
        outcome.name: {
            "changes": dict(outcome.changes),
            **({"diverged": outcome.diverged} if outcome.diverged else outcome.metrics),
        }
        for outcome in outcomes
    }


def from_rows(rows: Mapping[str, Mapping[str, Any]]) -> list[Outcome]:
    """Return the outcomes of which `as_rows` has made what is kept.

    Raises:
        LookupError: a part of one is missing.
        ValueError: one is something else.
    """
    for name, row in rows.items():
        figures = {} if "diverged" in row else row["validation"]
        if not all(
            isinstance(each, dict) for each in (row["changes"], figures, row.get("test", {}))
        ):
            raise ValueError(f"{name} has no figures")
    return [
        Outcome(
            name,
            row["changes"],
            {key: value for key, value in row.items() if key not in ("changes", "diverged")},
            row.get("diverged"),
        )
        for name, row in rows.items()
    ]
