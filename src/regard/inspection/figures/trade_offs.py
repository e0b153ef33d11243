"""How good systems are for the time they take, as a picture to choose by."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox, BboxBase

from regard.inspection.figures.fonts import fonts_for
from regard.inspection.figures.picture_files import save_figure

__all__ = ["TradeOff", "draw", "save", "unbeaten"]

_INK, _FAINT, _GUIDE = "#002c5f", "#7a8599", "#d9dde5"

# Lengths in inches.
_LEFT, _TOP, _BOTTOM, _RIGHT = 0.65, 0.4, 0.6, 0.2
_WIDTH, _NAMES, _PANEL, _GAP = 5.2, 1.5, 1.3, 0.25
_ROW, _LEAST_HEIGHT = 0.27, 3.2

# Lengths in points.
_DOT = 7.0
_DISTANCES = (8.0, 15.0, 24.0, 36.0, 50.0, 66.0, 84.0, 104.0, 126.0)
_LEADER_FROM = 10.0

# Where a name goes first: the unbeaten have nothing above and to the left of them.
_DIRECTIONS = ((-1, 1), (0, 1), (-1, 0), (1, 0), (1, -1), (0, -1), (1, 1), (-1, -1))


class TradeOff(NamedTuple):
    """What a system is worth, what it costs, and what else there is to say, under its title."""

    name: str
    bleu: float
    step_ms: float
    others: Mapping[str, float]


def unbeaten(systems: Sequence[TradeOff]) -> list[TradeOff]:
    """Return, from fast to slow, the systems than which no other is as fast and better."""
    best, found = -math.inf, []
    for system in sorted(systems, key=lambda each: (each.step_ms, -each.bleu)):
        if system.bleu > best:
            best = system.bleu
            found.append(system)
    return found


def draw(systems: Sequence[TradeOff]) -> Figure:
    """Return BLEU over time, with the unbeaten joined, and the other figures beside it."""
    ordered = sorted(systems, key=lambda each: -each.bleu)
    panels = list(dict.fromkeys(title for system in systems for title in system.others))
    height = max(_LEAST_HEIGHT, _ROW * len(ordered))
    beside = _NAMES + len(panels) * (_PANEL + _GAP) if panels else 0.0
    size = (_LEFT + _WIDTH + beside + _RIGHT, _TOP + height + _BOTTOM)
    figure = Figure(size)
    FigureCanvasAgg(figure)

    def axes_at(left: float, width: float) -> Axes:
        return figure.add_axes(
            (left / size[0], _BOTTOM / size[1], width / size[0], height / size[1])
        )

    front = unbeaten(ordered)
    family = fonts_for("".join(system.name for system in ordered)).families
    _draw_points(axes_at(_LEFT, _WIDTH), ordered, front, family)
    for number, title in enumerate(panels):
        axes = axes_at(_LEFT + _WIDTH + _NAMES + number * (_PANEL + _GAP), _PANEL)
        _draw_panel(axes, title, ordered, front)
        # A few rows stand as close as many do.
        axes.set_ylim(height / _ROW - 0.4, -0.6)
        axes.set_yticks(range(len(ordered)), [each.name for each in ordered] if not number else [])
        for label in axes.get_yticklabels():
            label.set(family=family, fontsize=9, parse_math=False)
    return figure


def save(systems: Sequence[TradeOff], path: Path) -> None:
    """Draw to a .pdf, .png or .svg file, which is then whole or not there."""
    save_figure(draw(systems), path, title=", ".join(system.name for system in systems))


def _draw_points(
    axes: Axes, systems: Sequence[TradeOff], front: Sequence[TradeOff], family: list[str]
) -> None:
    """Draw a named point for every system."""
    axes.set_xlim(*_around([system.step_ms for system in systems], 0.14))
    axes.set_ylim(*_around([system.bleu for system in systems], 0.1))
    axes.step(
        [system.step_ms for system in front],
        [system.bleu for system in front],
        where="post",
        color=_INK,
        linewidth=1.2,
        alpha=0.35,
        zorder=1,
    )
    for system in systems:
        axes.plot(
            system.step_ms,
            system.bleu,
            markersize=_DOT,
            zorder=3,
            **_dot(in_front=system in front),
        )
    _name_points(axes, systems, front, family)
    axes.set_title("BLEU, validation", loc="left", fontsize=10)
    axes.set_title("● no other is as fast and better", loc="right", fontsize=9, color=_INK)
    axes.set_xlabel("milliseconds a training step")
    axes.grid(visible=True, color=_GUIDE, linewidth=0.6)
    _bare(axes)
    axes.spines[["left", "bottom"]].set_color(_FAINT)


def _around(values: Sequence[float], margin: float) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = margin * (high - low) or 0.1 * max(abs(high), 1.0)
    return low - pad, high + pad


def _name_points(
    axes: Axes, systems: Sequence[TradeOff], front: Sequence[TradeOff], family: list[str]
) -> None:
    """Write each name where it covers neither a point nor another name."""
    pixels = axes.figure.dpi / 72
    places = axes.transData.transform([(system.step_ms, system.bleu) for system in systems])
    reach = _DOT * pixels / 2 + 1
    taken = [Bbox.from_extents(x - reach, y - reach, x + reach, y + reach) for x, y in places]
    frame = axes.get_window_extent()
    to_data = axes.transData.inverted()
    for system, (x, y) in zip(systems, places, strict=True):
        colour = _INK if system in front else "#3f4757"
        text = axes.text(
            system.step_ms,
            system.bleu,
            system.name,
            family=family,
            fontsize=9,
            color=colour,
            ha="center",
            va="center",
            parse_math=False,
            zorder=4,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )
        extent = text.get_window_extent()
        box = _free_box((x, y), (extent.width, extent.height), pixels, taken, frame)
        taken.append(box)
        centre_x, centre_y = to_data.transform(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
        text.set_position((centre_x, centre_y))
        nearest = (min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1))
        if math.dist((x, y), nearest) > _LEADER_FROM * pixels:
            ends = to_data.transform([(x, y), nearest])
            axes.plot(ends[:, 0], ends[:, 1], color=_FAINT, linewidth=0.7, zorder=2)


def _free_box(
    point: tuple[float, float],
    size: tuple[float, float],
    pixels: float,
    taken: Sequence[Bbox],
    frame: BboxBase,
) -> Bbox:
    """Return where a label of that size fits, as near to its point as can be.

    If it fits nowhere, it stands where it would have stood alone.
    """
    boxes = []
    for distance, (across, up) in product(_DISTANCES, _DIRECTIONS):
        slant = pixels * distance * (0.5 if across and up else 1.0)
        x = point[0] + across * (slant + size[0] / 2)
        y = point[1] + up * (slant + size[1] / 2)
        box = Bbox.from_bounds(x - size[0] / 2, y - size[1] / 2, *size)
        inside = frame.containsx(box.x0) and frame.containsx(box.x1)
        inside = inside and frame.containsy(box.y0) and frame.containsy(box.y1)
        if inside and not box.count_overlaps(taken):
            return box
        boxes.append(box)
    return boxes[0]


def _draw_panel(
    axes: Axes, title: str, systems: Sequence[TradeOff], front: Sequence[TradeOff]
) -> None:
    """Draw a row for every system, its figure beside its point."""
    low, high = _around([each.others[title] for each in systems if title in each.others], 0.15)
    axes.set_xlim(low, high + 0.55 * (high - low))
    for row, system in enumerate(systems):
        axes.axhline(row, color=_GUIDE, linewidth=0.6, zorder=1)
        if title not in system.others:
            continue
        value = system.others[title]
        axes.plot(value, row, markersize=5.5, zorder=3, **_dot(in_front=system in front))
        axes.annotate(
            f"{value:.2f}",
            (value, row),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xticks([])
    _bare(axes)
    axes.spines[["left", "bottom"]].set_visible(False)


def _dot(*, in_front: bool) -> dict[str, Any]:
    return {
        "marker": "o",
        "color": _INK if in_front else "white",
        "markeredgecolor": _INK if in_front else _FAINT,
        "markeredgewidth": 1.3,
    }


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0, labelsize=9)
