"""How the HTML page looks: on light and dark screens, and on paper."""

from collections.abc import Sequence

from regard.inspection.palette import ON_DARK, ON_LIGHT, ink

__all__ = ["stylesheet"]

# Weights this small would only be noise; numbers stay in the text for those who hear or copy it.
_FIRST_VISIBLE_PERCENT = 5

_LAYOUT = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --raised: #f5f6f8; --text: #1b1f24; --quiet: #59636e; --line: #d5dae0;
  --beam: rgb(0 77 107 / 16%); --focus: #006d7c;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #0f1115; --raised: #191c22; --text: #e6e8eb; --quiet: #9aa4af; --line: #2d333b;
    --beam: rgb(198 227 155 / 18%); --focus: #7acf86;
  }
}
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
table { border-collapse: separate; border-spacing: 1px; overflow: clip; line-height: 1.2; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th { font-weight: 400; white-space: pre; }
thead th { padding: 0 0 0.4rem; vertical-align: bottom; min-width: 1.9rem; }
thead span { display: inline-block; }
.turned span { writing-mode: vertical-rl; text-orientation: sideways; transform: rotate(180deg); }
.stacked span { writing-mode: vertical-rl; text-orientation: mixed; }
tbody th {
  position: sticky; left: 0; z-index: 2; padding: 0 0.7rem 0 0;
  background: var(--page); text-align: right;
}
td { position: relative; }
tbody td {
  min-width: 1.9rem; height: 1.9rem; text-align: center; border-radius: 2px;
  font-size: 0.72rem; font-variant-numeric: tabular-nums;
  forced-color-adjust: none; print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
tbody td:hover { outline: 2px solid var(--text); outline-offset: -1px; z-index: 1; }
tbody td:hover::after {
  content: ""; position: absolute; inset: -200vh 0; background: var(--beam); pointer-events: none;
}
tbody tr:hover th { background: linear-gradient(var(--beam), var(--beam)), var(--page); }
@media print {
  body { max-width: none; padding: 0; font-size: 0.85rem; }
  .scroll { overflow: visible; }
  thead th, tbody td { min-width: 1rem; }
  tbody td { height: 1.3rem; }
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
  padding: 0.2em 0.6rem; text-align: end; font-weight: 400; font-variant-numeric: tabular-nums;
}
.sentences li:first-child b { border-radius: 0.3rem 0.3rem 0 0; }
.sentences li:last-child b { border-radius: 0 0 0.3rem 0.3rem; }
.strongest { display: flex; flex-wrap: wrap; gap: 0.4rem 1.1rem; margin-top: 1rem; }
.strongest li { color: var(--quiet); font-size: 0.88rem; font-variant-numeric: tabular-nums; }
.strongest b { padding: 0.12em 0.4em; border-radius: 0.25em; font-weight: 400; }
"""


def stylesheet() -> str:
    """Return the rules of the page; class `w37` is the colour of a weight of 37 percent."""
    return "".join(
        (
            _LAYOUT,
            _TEXTS,
            _faint(),
            _levels(ON_LIGHT),
            "@media screen and (prefers-color-scheme: dark) {\n",
            _levels(ON_DARK),
            "}\n",
        )
    )


def _levels(colours: Sequence[str]) -> str:
    return "".join(
        f".w{percent} {{ background: {colour}; color: {ink(colour)}; }}\n"
        for percent, colour in enumerate(colours)
    )


def _faint() -> str:
    """Return the rules of the smallest weights: no number in a cell, no shade in a text."""
    percents = range(_FIRST_VISIBLE_PERCENT)
    cells = ", ".join(f"td.w{percent}" for percent in percents)
    words = ", ".join(f".shaded .w{percent}" for percent in percents)
    return f"{cells} {{ color: transparent; }}\n{words} {{ background: none; color: inherit; }}\n"
