"""Pages in a headless Chromium: whatever they ask for and complain about is a failure."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect, sync_playwright

from regard.inspection.report import Report, save

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
READY = "article:not([data-enhanced=done])"

# The machine may have much else to do.
expect.set_options(timeout=20_000)


@dataclass
class Visit:
    """A page that is open, what it has asked for and what it has complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.context.route("**/*", self._asked)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))

    def _asked(self, route: Route) -> None:
        self.requests.append(route.request.url)
        route.continue_()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


Open = Callable[..., Visit]
"""Opens a report; what it is called with beside it are the options of the browser's context."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the machine's Chromium."""
    if CHROMIUM is None:
        pytest.skip("needs chromium: scripts/browser installs it")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open reports as files, and see that nothing else was asked for and nothing went wrong."""
    visits: list[Visit] = []
    path = tmp_path / "page.html"

    def opened(report: Report, **options: Any) -> Visit:
        save(report, path)
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        visit = Visit(context.new_page())
        visits.append(visit)
        visit.listen()
        visit.page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            expect(visit.page.locator(READY)).to_have_count(0)
        return visit

    yield opened
    for visit in visits:
        visit.page.context.close()
        assert visit.complaints == []
        assert {url for url in visit.requests if not url.startswith("blob:")} <= {path.as_uri()}
