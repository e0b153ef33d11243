"""What was measured, as a table and as a plot."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from regard.bench.measuring import Row
from regard.files import replacing

__all__ = ["markdown", "plot", "table"]

_COLOURS = ("#002c5f", "#d1495b", "#edae49", "#00798c", "#8d6a9f")
_MARKERS = "os^Dv"


def table(rows: Sequence[Row]) -> Table:
    """Return the table of one case."""
    shown = Table("", "ms", "times", "MiB")
    for column in shown.columns[1:]:
        column.justify = "right"
    for row in rows:
        shown.add_row(row.side, *_figures(row))
    return shown


def markdown(title: str, rows: Sequence[Row]) -> str:
    """Return the same for a document."""
    lines = [f"| {title} | ms | times | MiB |", "|---|---:|---:|---:|"]
    return "\n".join([*lines, *(f"| {row.side} | {' | '.join(_figures(row))} |" for row in rows)])


def _figures(row: Row) -> tuple[str, str, str]:
    return f"{1e3 * row.seconds:.2f}", f"{row.ratio:.2f}", f"{row.peak_bytes / 2**20:.1f}"


def plot(rows: Sequence[Row], path: Path, *, title: str) -> None:
    """Draw time and memory over length, both axes logarithmic."""
    figure = Figure((9, 4), layout="constrained")
    of_time, of_memory = figure.subplots(1, 2)
    for number, side in enumerate(dict.fromkeys(row.side for row in rows)):
        own = [row for row in rows if row.side == side and row.length is not None]
        lengths = [row.length for row in own]
        style = {"color": _COLOURS[number % 5], "marker": _MARKERS[number % 5], "label": side}
        of_time.plot(lengths, [1e3 * row.seconds for row in own], **style)
        of_memory.plot(lengths, [row.peak_bytes / 2**20 for row in own], **style)
    _finish(of_time, "milliseconds")
    _finish(of_memory, "MiB at most")
    of_time.legend(frameon=False)
    figure.suptitle(title)
    with replacing(path) as unfinished:
        figure.savefig(unfinished, format=path.suffix[1:], dpi=160)


def _finish(axes: Axes, what: str) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("positions")
    axes.set_ylabel(what)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
