"""How large pages of long texts are, and how soon they answer in a headless Chromium.

    scripts/bench pages
    scripts/bench pages --repeats 9 --shots shots/

Weights are even (the softmax of standard normal scores, which does not deflate) or peaky (most of
each row on a few keys). Drawn is the time to make the page; loaded, until the browser's load
event; complete, until every small picture is painted; answered, from a click on another head or on
Lines, or a key pressed on the matrix, until it is painted. All but the first are medians; loaded
and complete count from the beginning of the navigation.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from playwright.sync_api import Browser, Page, expect, sync_playwright
from rich.console import Console
from rich.table import Table
from torch import Tensor

from regard.inspection.alignment import Alignment
from regard.inspection.head_weights import HeadWeights
from regard.inspection.report import Example, HeadsExample, Report, save

WORDS = ("the", "of", "and", "attention", "model", "weights", "looked", "where", "tokens", "text")

# Notes when the last of the examples is complete.
WATCH = """addEventListener("DOMContentLoaded", () => {
  const look = () => {
    if (document.querySelector("article:not([data-enhanced=done])")) return;
    window.complete ??= performance.now();
  };
  new MutationObserver(look).observe(document, { subtree: true, attributes: true });
  look();
})"""

# Acts, and returns how long it takes until what has changed is on the screen.
ANSWER = """(act) => new Promise((done) => {
  const begun = performance.now();
  if (act === "head") document.querySelectorAll(".heads button")[17].click();
  else if (act === "lines") document.querySelectorAll(".choice button")[1].click();
  else {
    const key = new KeyboardEvent("keydown", { key: "+", bubbles: true });
    document.querySelector(".matrix").dispatchEvent(key);
  }
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
})"""


class Case(NamedTuple):
    """A page, and what is done on it."""

    name: str
    report: Callable[[], Report]
    act: str


class Times(NamedTuple):
    """When a page was loaded and complete, and how long it took to answer, in milliseconds."""

    loaded: float
    complete: float
    answered: float


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="visits of each page")
    parser.add_argument("--shots", type=Path, help="a folder for a picture of each page")
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        parser.error("needs chromium: scripts/browser installs it")
    table = Table("page", "drawn", "size", "loaded", "complete", "answered", title="milliseconds")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for case in CASES:
            path = Path(folder) / f"{case.name.replace(' ', '-')}.html"
            report = case.report()
            begun = time.perf_counter()
            save(report, path)
            drawn = 1000 * (time.perf_counter() - begun)
            visits = [_visit(browser, path, case.act, given.shots) for _ in range(given.repeats)]
            times = [f"{statistics.median(each):,.0f}" for each in zip(*visits, strict=True)]
            table.add_row(case.name, f"{drawn:,.0f}", f"{path.stat().st_size / 1e6:.2f} MB", *times)
        browser.close()
    Console().print(table)


def _visit(browser: Browser, path: Path, act: str, shots: Path | None) -> Times:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(WATCH)
    page.goto(path.as_uri())
    expect(page.locator("article:not([data-enhanced=done])")).to_have_count(0, timeout=60_000)
    times = Times(
        page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"),
        page.evaluate("window.complete"),
        page.evaluate(ANSWER, act),
    )
    if shots is not None:
        _picture(page, shots / f"{path.stem}.png")
    page.close()
    return times


def _picture(page: Page, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=True)


def _scores(*shape: int, peaky: bool) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(shape, generator=generator)
    if not peaky:
        return scores
    place = torch.arange(shape[-1])
    return 4 * scores - (place.unsqueeze(-1) - place).abs() / 4


def _tokens(number: int) -> list[str]:
    return [f"{WORDS[7 * place % len(WORDS)]}{place}" for place in range(number)]


def _heads(*, peaky: bool) -> Report:
    tokens = _tokens(512)
    layers = [_scores(12, 512, 512, peaky=peaky).softmax(-1) for _ in range(12)]
    attention = HeadWeights("self-attention", layers, tokens, tokens)
    return Report("12 layers × 12 heads", [HeadsExample([attention], "512 tokens")])


def _matrix(*, peaky: bool) -> Report:
    tokens = _tokens(4096)
    weights = _scores(4096, 4096, peaky=peaky).softmax(-1)
    return Report("A long text", [Example(Alignment(weights, tokens, tokens, "4,096 tokens"))])


def _alignments() -> Report:
    tokens = _tokens(25)
    weights = _scores(100, 25, 25, peaky=True).softmax(-1)
    alignments = [Alignment(each, tokens, tokens, "25 tokens") for each in weights]
    return Report("A hundred sentences", [Example(each) for each in alignments])


CASES = [
    Case("12 × 12 heads of 512 tokens even", lambda: _heads(peaky=False), "head"),
    Case("12 × 12 heads of 512 tokens peaky", lambda: _heads(peaky=True), "head"),
    Case("4096 × 4096 even", lambda: _matrix(peaky=False), "zoom"),
    Case("4096 × 4096 peaky", lambda: _matrix(peaky=True), "zoom"),
    Case("100 alignments of 25 × 25", _alignments, "lines"),
]


if __name__ == "__main__":
    main()
