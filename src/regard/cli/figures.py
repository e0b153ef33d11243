"""What a run scores, as a table."""

from typing import Any

from rich.table import Table

from regard.training.run_directory import RunDirectory, RunError

__all__ = ["figures_table", "kept_figures"]

ROWS = (
    ("loss", "cross-entropy, teacher-forced (nats a token)", "{:.3f}"),
    ("perplexity", "perplexity, teacher-forced", "{:.2f}"),
    ("left_out", "pairs too long for the two", "{:,}"),
    ("tokenised_bleu", "BLEU, lowercased and tokenised", "{:.2f}"),
    ("bleu", "sacreBLEU", "{:.2f}"),
    ("exact", "exactly right", "{:.2f} %"),
)


def figures_table(metrics: dict[str, Any]) -> Table:
    """Lay out the figures of a run, one column a split, with what explains them as the caption."""
    splits = [name for name, value in metrics.items() if isinstance(value, dict)]
    caption = [
        f"best epoch {metrics['best_epoch']} of {metrics['epochs']}, chosen on validation"
        if "best_epoch" in metrics
        else "",
        f"{metrics['minutes']:.1f} minutes of training" if "minutes" in metrics else "",
        f"{metrics['parameters']:,} parameters" if "parameters" in metrics else "",
        *sorted({f"sacreBLEU {metrics[name]['bleu_signature']}" for name in splits}),
    ]
    table = Table(caption="\n".join(filter(None, caption)), caption_justify="left")
    table.add_column("")
    for name in splits:
        table.add_column(name, justify="right")
    for key, label, form in ROWS:
        if any(key in metrics[name] for name in splits):
            cells = [
                form.format(metrics[name][key]) if key in metrics[name] else "" for name in splits
            ]
            table.add_row(label, *cells)
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
