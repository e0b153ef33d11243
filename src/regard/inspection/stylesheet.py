"""How the HTML page looks: on light and dark screens, and on paper."""

from collections.abc import Sequence

from regard.inspection.palette import ON_DARK, ON_LIGHT, ink

__all__ = ["stylesheet"]

# Numbers this small would only be noise; they stay in the text for those who hear or copy it.
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


def stylesheet() -> str:
    """Return the rules of the page; class `w37` is the colour of a weight of 37 percent."""
    return "".join(
        (
            _LAYOUT,
            _levels(ON_LIGHT),
            "@media screen and (prefers-color-scheme: dark) {\n",
            _levels(ON_DARK),
            "}\n",
        )
    )


def _levels(colours: Sequence[str]) -> str:
    rules = []
    for percent, colour in enumerate(colours):
        text = ink(colour) if percent >= _FIRST_VISIBLE_PERCENT else "transparent"
        rules.append(f".w{percent} {{ background: {colour}; color: {text}; }}\n")
    return "".join(rules)
