"""What heads do, in figures, as a rich renderable."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from regard.inspection.head_weights import HeadWeights
from regard.inspection.labels import printable
from regard.inspection.measures.head_measures import HeadMeasures, measure_heads

__all__ = ["HeadTable"]


@dataclass(frozen=True, eq=False)
class HeadTable:
    """A row for every head of every layer of one attention: what `measure_heads` says of it.

    >>> import torch
    >>> weights = torch.tensor([[[1.0, 0.0], [0.5, 0.5]]])
    >>> tokens = ["a", "b"]
    >>> attention = HeadWeights("self-attention", [weights], tokens, tokens)
    >>> Console(width=90, color_system=None).print(HeadTable(attention))
    self-attention
    ┏━━━━━━━┳━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━┳━━━━━━┳━━━━━━━┳━━━━━━━━━━━┳━━━━━━━━━━┓
    ┃ layer ┃ head ┃ entropy ┃ of widest ┃ Gini ┃ zeros ┃ agreement ┃ distance ┃
    ┡━━━━━━━╇━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━╇━━━━━━╇━━━━━━━╇━━━━━━━━━━━╇━━━━━━━━━━┩
    │     0 │    0 │    0.35 │      50 % │ 0.25 │  25 % │      1.00 │      0.2 │
    └───────┴──────┴─────────┴───────────┴──────┴───────┴───────────┴──────────┘
    """

    attention: HeadWeights

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = measure_heads(self.attention)
        has_distance = any(row.distance is not None for row in rows)
        has_mask = self.attention.mask is not None
        table = Table(title=Text(printable(self.attention.name)), title_justify="left")
        for column in ("layer", "head", "entropy", "of widest", "Gini", "zeros", "agreement"):
            table.add_column(column, justify="right")
        if has_distance:
            table.add_column("distance", justify="right")
        if has_mask:
            table.add_column("on masked", justify="right")
        for row in rows:
            table.add_row(*_cells(row, has_distance=has_distance, has_mask=has_mask))
        yield table


def _cells(row: HeadMeasures, *, has_distance: bool, has_mask: bool) -> Iterator[str]:
    yield from (str(row.layer), str(row.head), f"{row.entropy:.2f}")
    yield from (_percent(row.normalised_entropy), f"{row.gini:.2f}", _percent(row.sparsity))
    yield f"{row.agreement:.2f}"
    if has_distance:
        yield "" if row.distance is None else f"{row.distance:.1f}"
    if has_mask:
        yield f"{row.on_masked:.2g}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
