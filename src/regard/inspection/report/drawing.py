"""Drawings on a page, as SVG whose colours are classes of the stylesheet."""

from regard.inspection.layouts.drawing import STRONGEST, Box, Drawing, Item, Line, Shape, Words
from regard.inspection.palette import percent
from regard.inspection.report.markup import escape

__all__ = ["svg"]

_PIXELS_PER_POINT = 4 / 3
_DASHES = ' stroke-dasharray="2.5 2"'


def svg(drawing: Drawing) -> str:
    """Return the drawing as an SVG element; what is pointed at says its hint."""
    width, height = drawing.width, drawing.height
    parts = [_painted(item) for item in drawing.items]
    hints = [_hint(item) for item in drawing.items if isinstance(item, Box) and item.hint]
    return (
        f'<svg class="drawing" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{_PIXELS_PER_POINT * width:.0f}" height="{_PIXELS_PER_POINT * height:.0f}" '
        f'role="img" aria-label="{escape(drawing.description)}">\n'
        + "\n".join([*parts, *hints])
        + "\n</svg>"
    )


def _painted(item: Item) -> str:
    match item:
        case Words():
            return _words(item)
        case Box():
            return _box(item)
        case Line():
            return _line(item)
        case Shape():
            return _shape(item)


def _words(item: Words) -> str:
    colour = item.role if item.on is None else f"w{percent(item.on)}"
    anchor = "" if item.anchor == "start" else f' text-anchor="{item.anchor}"'
    bold = ' font-weight="600"' if item.bold else ""
    turned = f' transform="rotate({-item.angle:g} {item.x:.1f} {item.y:.1f})"'
    return (
        f'<text class="{colour}" x="{item.x:.1f}" y="{item.y:.1f}" font-size="{item.size:g}"'
        f"{anchor}{bold}{turned if item.angle else ''}>{escape(item.text)}</text>"
    )


def _box(item: Box) -> str:
    paint, classes, look = item.fill, [], ""
    if paint is None:
        look += ' fill="none"'
    elif paint.role == "weight":
        classes.append(f"w{percent(paint.strength)}")
    else:
        classes.append(paint.role)
        if paint.role in {"above", "below"}:
            look += f' fill-opacity="{STRONGEST * paint.strength:.2f}"'
    if item.outline is not None:
        classes.append(f"on-{item.outline}")
        look += f' stroke-width="{item.thickness:g}"' + (_DASHES if item.dashed else "")
    return f'<rect class="{" ".join(classes)}"{_extent(item)}{look}/>'


def _line(item: Line) -> str:
    (x, y), *others = item.points
    rest = " ".join(f"{at:.1f} {down:.1f}" for at, down in others)
    classes = f' class="on-{item.role}" fill="none" stroke-width="{item.thickness:g}"'
    dashes = _DASHES if item.dashed else ""
    return f'<path{classes}{dashes} d="M{x:.1f} {y:.1f}{"C" if item.curved else "L"}{rest}"/>'


def _shape(item: Shape) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in item.points)
    return f'<polygon class="{item.role}" points="{points}"/>'


def _extent(box: Box) -> str:
    radius = f' rx="{box.radius:g}"' if box.radius else ""
    return (
        f' x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
        f"{radius}"
    )


def _hint(box: Box) -> str:
    """Lay a title over a box, so that what is written on it does not hide it."""
    title = f"<title>{escape(box.hint)}</title>"
    return f'<rect{_extent(box)} fill="none" pointer-events="all">{title}</rect>'
