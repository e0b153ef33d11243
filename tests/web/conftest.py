"""What tests of the served page share: runs of every kind, and something that serves them."""

import asyncio
import shutil
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.conftest import ToyRun

Result = TypeVar("Result")

TRANSLATOR, HEADS, CLASSIFIER, READER, MATCHER, WRITER = (
    *("translator", "heads", "classifier", "reader", "matcher", "writer"),
)
"""The names of the runs."""


@pytest.fixture(scope="session")
def folders(
    toy_run: ToyRun,
    toy_classifier: ToyRun,
    toy_matcher: ToyRun,
    toy_writer: ToyRun,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """Return finished runs of every kind, two of them with layers of heads, by their names."""
    # Imported here: nothing of the package may be imported before its type checks are installed.
    from regard.recipes.classify.train import train_classifier
    from regard.recipes.translate.architectures import TransformerSettings
    from regard.recipes.translate.train import train_translator
    from regard.training.run_directory import RunDirectory
    from tests import toy_language, toy_reviews

    folder = tmp_path_factory.mktemp("served")
    toys = {
        TRANSLATOR: toy_run,
        CLASSIFIER: toy_classifier,
        MATCHER: toy_matcher,
        WRITER: toy_writer,
    }
    for name, toy in toys.items():
        shutil.copytree(toy.path, folder / name)
    small = toy_language.tiny(
        data={"train": toy_run.train, "test": toy_run.test},
        training={"epochs": 3, "learning_rate": 0.02, "max_sentences": 32},
    )
    model = TransformerSettings(
        embed_dim=16, num_heads=2, num_layers=2, feedforward_dim=16, dropout=0.0
    )
    train_translator(_with_model(small, model), RunDirectory(folder / HEADS))
    data = {"train": toy_classifier.train, "test": toy_classifier.test}
    read = toy_reviews.tiny("transformer", data=data, training={"epochs": 1})
    train_classifier(read, RunDirectory(folder / READER))
    names = (TRANSLATOR, HEADS, CLASSIFIER, READER, MATCHER, WRITER)
    return {name: folder / name for name in names}


def _with_model(settings: Any, model: object) -> Any:
    import dataclasses

    return dataclasses.replace(settings, model=model)


@pytest.fixture(scope="session")
def runs(folders: dict[str, Path]) -> dict[str, Any]:
    """Open the runs as a server does."""
    from regard.web import Limits, open_runs

    long = "who of all of them sees the cat in the garden behind the house ?"
    examples = [["ein haus rot"], ["the cat ?", "the cat ."], [long, long]]
    return open_runs(list(folders.values()), Limits(), examples=examples)


@pytest.fixture(scope="session")
def client(runs: dict[str, Any]) -> Iterator[Any]:
    """Return what asks an application that serves the runs."""
    from starlette.testclient import TestClient

    from regard.web import make_application

    application = make_application(runs)
    # What breaks the server breaks the test that asks it.
    with TestClient(application, base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.fixture(scope="session")
def address(runs: dict[str, Any]) -> Iterator[str]:
    """Return where the runs are served, as a browser finds them."""
    from regard.web import make_application

    with served(make_application(runs)) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start the machine's Chromium."""
    # Imported here: most tests need no browser.
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None:
        pytest.skip("needs chromium: scripts/browser installs it")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


def in_a_loop(what: Coroutine[Any, Any, Result]) -> Result:
    """Run something in a thread of its own: where a browser is driven, a loop runs already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, what).result()


class served:  # noqa: N801  it reads as what it gives
    """Serve an application at a free port, in a thread, while the block runs."""

    def __init__(self, application: Any) -> None:
        import uvicorn

        from regard.web.server import listen

        self._listening = listen("127.0.0.1", 0)
        config = uvicorn.Config(application, log_config=None, access_log=False, ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._listening],))

    def __enter__(self) -> str:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
