"""How the HTML page looks: on light and dark screens, and on paper."""

from collections.abc import Sequence

from regard.inspection.palette import ink
from regard.inspection.report.themes import DARK, LIGHT, Theme

__all__ = ["stylesheet"]

# Weights this small would only be noise; numbers stay in the text for those who hear or copy it.
_FIRST_VISIBLE_PERCENT = 5

_LAYOUT = """
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem clamp(1rem, 4vw, 3rem) 4rem; max-width: 84rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif;
}
h1 { margin: 0 0 1.25rem; font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 0 0 0.75rem; font-size: 1.1rem; line-height: 1.35; overflow-wrap: anywhere; }
dl, dd, p { margin: 0; }
.figures { display: flex; flex-wrap: wrap; gap: 0.75rem; margin-bottom: 1.5rem; }
.figures div {
  display: flex; flex-direction: column; padding: 0.6rem 1rem;
  background: var(--raised); border-radius: 0.6rem;
}
.figures dt, .texts dt, .scale { color: var(--quiet); font-size: 0.82rem; }
.figures dd { font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.scale {
  display: flex; align-items: center; gap: 0.6rem; margin-bottom: 2rem; white-space: nowrap;
}
.scale + .scale { margin-top: -1.25rem; }
.scale span { display: flex; flex: 0 1 23rem; border-radius: 0.25rem; overflow: hidden; }
.scale i { flex: 1; height: 0.8rem; }
main { display: flex; flex-wrap: wrap; gap: 0 3rem; }
article {
  flex: 1 1 auto; max-width: 100%; padding: 1.75rem 0; border-top: 1px solid var(--line);
  break-inside: avoid;
}
.texts {
  display: grid; grid-template-columns: max-content 1fr; gap: 0.3rem 1rem;
  align-items: baseline; margin-bottom: 1.25rem;
}
.texts div { display: contents; }
.texts dd { white-space: pre-wrap; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; padding-bottom: 0.5rem; }
.scroll:focus-visible { outline: 2px solid var(--focus); outline-offset: 4px; }
table { border-collapse: separate; border-spacing: 1px; line-height: 1.2; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th { font-weight: 400; white-space: pre; }
tbody th {
  position: sticky; left: 0; z-index: 2; padding: 0 0.7rem 0 0;
  background: var(--page); text-align: right;
}
.weights { overflow: clip; }
.weights thead th { padding: 0 0 0.4rem; vertical-align: bottom; min-width: 1.9rem; }
.weights thead span { display: inline-block; }
.turned span { writing-mode: vertical-rl; text-orientation: sideways; transform: rotate(180deg); }
.stacked span { writing-mode: vertical-rl; text-orientation: mixed; }
.weights td { position: relative; }
.weights tbody td {
  min-width: 1.9rem; height: 1.9rem; text-align: center; border-radius: 2px;
  font-size: 0.72rem; font-variant-numeric: tabular-nums;
  forced-color-adjust: none; print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
.weights tbody td:hover { outline: 2px solid var(--text); outline-offset: -1px; z-index: 1; }
.weights tbody td:hover::after {
  content: ""; position: absolute; inset: -200vh 0; background: var(--beam); pointer-events: none;
}
.weights tbody tr:hover th {
  background: linear-gradient(var(--beam), var(--beam)), var(--page);
}
@media print {
  body { max-width: none; padding: 0; font-size: 0.85rem; }
  .scroll { overflow: visible; }
  .weights thead th, .weights tbody td { min-width: 1rem; }
  .weights tbody td { height: 1.3rem; }
}
"""

_TEXTS = """
.text { flex-basis: 100%; }
.text > * { max-width: 46rem; }
.shaded { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.75; }
.shaded[dir] { unicode-bidi: plaintext; }
.shaded span { padding: 0.12em 0; border-radius: 0.2em; }
.shaded span, .sentences b, .strongest b {
  box-decoration-break: clone; -webkit-box-decoration-break: clone;
  forced-color-adjust: none; print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
.shaded span:hover { outline: 2px solid var(--text); }
.sentences, .strongest { margin: 0; padding: 0; list-style: none; }
.sentences li { display: grid; grid-template-columns: 4.6rem 1fr; gap: 0 0.9rem; }
.sentences b {
  padding: 0.2em 0.6rem; white-space: nowrap; text-align: end;
  font-weight: 400; font-variant-numeric: tabular-nums;
}
.sentences li:first-child b { border-radius: 0.3rem 0.3rem 0 0; }
.sentences li:last-child b { border-radius: 0 0 0.3rem 0.3rem; }
.strongest { display: flex; flex-wrap: wrap; gap: 0.4rem 1.1rem; margin-top: 1rem; }
.strongest li { color: var(--quiet); font-size: 0.88rem; font-variant-numeric: tabular-nums; }
.strongest b { padding: 0.12em 0.4em; border-radius: 0.25em; font-weight: 400; }
"""


_PICTURES = """
h3 { margin: 1.5rem 0 0.75rem; font-size: 1rem; line-height: 1.35; }
.note { max-width: 46rem; margin: 0 0 0.75rem; color: var(--quiet); font-size: 0.88rem; }
.attentions { flex-basis: 100%; }
.pair { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 1.5rem 2.5rem; }
.pair > .scroll { flex: 0 1 auto; max-width: 100%; }
.pair > .stage { flex: 1 1 26rem; min-width: 0; position: sticky; top: 1rem; }
.heads { border-spacing: 2px; }
.heads th { color: var(--quiet); font-size: 0.78rem; }
.heads thead th { padding: 0 0 0.25rem; }
.heads td {
  padding: 0; text-align: center; font-size: 0.75rem; font-variant-numeric: tabular-nums;
}
.heads tbody td { min-width: 2.6rem; }
.heads button {
  display: flex; flex-direction: column; align-items: center; gap: 2px; width: 100%;
  padding: 4px 4px 2px; border: 0; border-radius: 0.35rem; background: none; color: var(--quiet);
  font: inherit; cursor: pointer;
}
.heads canvas { width: 3.3rem; height: 3.3rem; border-radius: 2px; image-rendering: pixelated; }
.many { border-spacing: 1px; }
.many th { font-size: 0.72rem; }
.many td { font-size: 0.7rem; }
.many tbody td { min-width: 2.2rem; }
.many button { padding: 3px 3px 1px; }
.many canvas { width: 2.6rem; height: 2.6rem; }
.crowded td { font-size: 0.62rem; }
.crowded tbody td { min-width: 1.9rem; }
.crowded button { padding: 2px 2px 1px; }
.crowded canvas { width: 1.8rem; height: 1.8rem; }
.heads button:hover { background: var(--raised); color: var(--text); }
.heads button[aria-pressed="true"] { background: var(--beam); color: var(--text); }
.stage { max-width: 100%; }
.alignment > .stage { flex-basis: 100%; }
.chosen { margin-bottom: 0.6rem; color: var(--quiet); font-variant-numeric: tabular-nums; }
.chosen b { color: var(--text); font-weight: 600; }
.tools {
  display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 0.9rem; margin-bottom: 0.9rem;
}
.tools .scale { margin: 0; gap: 0.45rem; font-variant-numeric: tabular-nums; }
.tools .scale span { width: 6rem; flex: none; }
.tools button, .saves button {
  padding: 0.2rem 0.7rem; border: 1px solid var(--line); border-radius: 0.4rem;
  background: var(--page); color: var(--text); font: inherit; font-size: 0.82rem; line-height: 1.4;
  cursor: pointer;
}
.tools button:hover, .saves button:hover { background: var(--raised); }
.tools button[aria-pressed="true"] {
  border-color: var(--focus); background: var(--beam); color: var(--text);
}
.choice { display: flex; }
.choice button { border-radius: 0; }
.choice button + button { margin-left: -1px; }
.choice button:first-child { border-radius: 0.4rem 0 0 0.4rem; }
.choice button:last-child { border-radius: 0 0.4rem 0.4rem 0; }
.choice button[aria-pressed="true"] { z-index: 1; }
.least { display: flex; align-items: center; gap: 0.5rem; color: var(--quiet); font-size: 0.82rem; }
.least span { min-width: 3.2rem; color: var(--text); font-variant-numeric: tabular-nums; }
.least input { width: 8rem; accent-color: var(--focus); }
.place { min-width: 0; }
.matrix { max-width: 45rem; touch-action: pan-y pinch-zoom; }
.matrix canvas { display: block; cursor: crosshair; }
.matrix.held canvas { cursor: grabbing; }
.lines { max-width: 46rem; max-height: 36rem; overflow: auto; }
.lines svg { display: block; cursor: default; }
.matrix, .lines { border-radius: 3px; }
.matrix:focus-visible { outline: none; }
button:focus-visible, input:focus-visible, .matrix:focus-visible canvas, .lines:focus-visible {
  outline: 2px solid var(--focus); outline-offset: 2px;
}
.reading {
  display: flex; flex-direction: column; gap: 0.1rem; min-height: 3.2rem; max-width: 45rem;
  margin-top: 0.6rem; font-size: 0.88rem; overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums;
}
.reading sub { color: var(--quiet); font-size: 0.7em; }
.quiet { color: var(--quiet); }
.saves { display: flex; align-items: center; gap: 0.5rem; color: var(--quiet); font-size: 0.82rem; }
.text > .saves { margin-top: 1rem; }
.stage canvas, .heads canvas, .scale i {
  forced-color-adjust: none; print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
@media print {
  .tools, .saves, .reading { display: none; }
  .lines { max-height: none; }
  .pair > .stage { position: static; }
}
"""

_DRAWINGS = """
.drawing {
  display: block; font-variant-numeric: tabular-nums; forced-color-adjust: none;
  print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
.drawing text { white-space: pre; }
.drawing .text { fill: var(--text); }
.drawing .quiet { fill: var(--quiet); }
.drawing .page { fill: var(--page); }
.drawing .raised { fill: var(--raised); }
.drawing .best { fill: var(--best); }
.drawing .above { fill: #0072b2; }
.drawing .below { fill: #e69f00; }
.drawing text[class^="w"] { fill: currentColor; }
.drawing .on-text { stroke: var(--text); }
.drawing .on-quiet { stroke: var(--quiet); }
.drawing .on-rule { stroke: var(--line); }
.drawing .on-best { stroke: var(--best); }
@media print {
  .drawing { max-width: 100%; height: auto; }
}
"""


def stylesheet() -> str:
    """Return the rules of the page; class `w37` is the colour of a weight of 37 percent."""
    return "".join(
        (
            _surfaces(LIGHT),
            _LAYOUT,
            _TEXTS,
            _PICTURES,
            _DRAWINGS,
            _faint(),
            _levels(LIGHT.weights),
            "@media screen and (prefers-color-scheme: dark) {\n",
            _surfaces(DARK),
            _levels(DARK.weights),
            "}\n",
        )
    )


def _surfaces(theme: Theme) -> str:
    colours = "".join(
        f" --{name}: {colour};"
        for name, colour in theme._asdict().items()
        if isinstance(colour, str)
    )
    return f":root {{ color-scheme: light dark;{colours} }}\n"


def _levels(colours: Sequence[str]) -> str:
    return "".join(
        f".w{percent} {{ background: {colour}; fill: {colour}; color: {ink(colour)}; }}\n"
        for percent, colour in enumerate(colours)
    )


def _faint() -> str:
    """Return the rules of the smallest weights: no number in a cell, no shade in a text."""
    percents = range(_FIRST_VISIBLE_PERCENT)
    cells = ", ".join(f"td.w{percent}" for percent in percents)
    words = ", ".join(f".shaded .w{percent}" for percent in percents)
    return f"{cells} {{ color: transparent; }}\n{words} {{ background: none; color: inherit; }}\n"
