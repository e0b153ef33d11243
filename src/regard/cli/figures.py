"""What a run scores, as a table."""

from typing import Any

from rich.table import Table
from rich.text import Text

from regard.training.run_directory import RunDirectory, RunError

__all__ = ["confusion_table", "figures_table", "kept_figures"]

MOST_CLASSES = 12

ROWS = (
    ("texts", "texts", "{:,}"),
    ("characters", "characters", "{:,}"),
    ("pairs", "pairs", "{:,}"),
    ("questions", "questions that are ranked", "{:,}"),
    ("unanswerable", "questions without an answer, left out", "{:,}"),
    ("map", "mean average precision (MAP)", "{:.2f} %"),
    ("mrr", "mean reciprocal rank (MRR)", "{:.2f} %"),
    ("precision_at_1", "precision of the first", "{:.2f} %"),
    ("accuracy", "accuracy", "{:.2f} %"),
    ("f1", "F1 of the second class", "{:.2f} %"),
    ("pearson", "Pearson's correlation", "{:.2f} %"),
    ("spearman", "Spearman's correlation of ranks", "{:.2f} %"),
    ("squared_error", "mean squared error", "{:.3f}"),
    ("macro_f1", "F1, mean over the classes", "{:.2f} %"),
    ("micro_f1", "F1 over all labels", "{:.2f} %"),
    ("calibration_error", "expected calibration error", "{:.2f} %"),
    ("loss", "cross-entropy (nats)", "{:.3f}"),
    ("perplexity", "perplexity, teacher-forced", "{:.2f}"),
    ("bits_per_character", "bits per character", "{:.3f}"),
    ("left_out", "pairs too long for the two", "{:,}"),
    ("tokenised_bleu", "BLEU, lowercased and tokenised", "{:.2f}"),
    ("bleu", "sacreBLEU", "{:.2f}"),
    ("exact", "exactly right", "{:.2f} %"),
    ("alignment_entropy", "entropy of the alignment (nats a token)", "{:.3f}"),
    ("alignment_error_rate", "alignment error rate", "{:.2f} %"),
    ("alignment_precision", "precision of the links", "{:.2f} %"),
    ("alignment_recall", "recall of the links", "{:.2f} %"),
)


def figures_table(metrics: dict[str, Any]) -> Table:
    """Lay out the figures of a run, one column a split, with what explains them as the caption."""
    splits = [name for name, value in metrics.items() if isinstance(value, dict)]
    caption = [
        f"best epoch {metrics['best_epoch']} of {metrics['epochs']}, chosen on validation"
        if "best_epoch" in metrics
        else "",
        f"{metrics['minutes']:.1f} minutes of training" if "minutes" in metrics else "",
        f"{metrics['step_ms']:,.0f} ms a training step" if "step_ms" in metrics else "",
        f"{metrics['parameters']:,} parameters" if "parameters" in metrics else "",
        *sorted(
            f"sacreBLEU {signature}"
            for signature in {
                metrics[name]["bleu_signature"] for name in splits if "bleu" in metrics[name]
            }
        ),
    ]
    table = Table(caption="\n".join(filter(None, caption)), caption_justify="left")
    table.add_column("")
    for name in splits:
        table.add_column(Text(name), justify="right")
    for key, label, form in ROWS:
        if any(key in metrics[name] for name in splits):
            cells = [
                form.format(metrics[name][key]) if key in metrics[name] else "" for name in splits
            ]
            table.add_row(label, *cells)
    return table


def confusion_table(names: list[str], confusion: list[list[int]]) -> Table:
    """Lay out how many texts of each class (rows) were taken for each class (columns).

    Of more than a dozen classes, those that were confused most often.
    """
    if len(names) <= MOST_CLASSES:
        table = Table("true class", title="taken for", title_justify="left")
        for name in names:
            table.add_column(Text(name))
        for name, row in zip(names, confusion, strict=True):
            table.add_row(Text(name), *map(str, row))
        return table
    table = Table("true class", "taken for", "texts", title="most confused", title_justify="left")
    mistaken = (
        (count, names[true], names[taken])
        for true, row in enumerate(confusion)
        for taken, count in enumerate(row)
        if true != taken and count
    )
    for count, true, taken in sorted(mistaken, reverse=True)[:MOST_CLASSES]:
        table.add_row(Text(true), Text(taken), str(count))
    return table


def kept_figures(run: RunDirectory) -> Table | None:
    """Lay out what a run has kept of its figures; None if it has not finished.

    Raises:
        RunError: they are damaged.
    """
    metrics = run.metrics()
    try:
        return figures_table(metrics) if run.finished else None
    except (KeyError, TypeError, ValueError):
        raise RunError(f"{run.path / 'metrics.json'} is damaged: figures are missing") from None
