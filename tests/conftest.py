"""How every test runs: one thread, fixed seeds, no network, and only what this pass can run."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest
import torch

# The same examples in every run, so that a failure repeats; slow machines are no failure.
hypothesis.settings.register_profile("regard", deadline=None, derandomize=True)
hypothesis.settings.load_profile("regard")

os.environ["HF_HUB_OFFLINE"] = "1"

UNCHECKED = ("compiled", "learning")
"""Marks of tests that type checks would break, or make take several times as long."""


@pytest.fixture(autouse=True)
def seed() -> None:
    """Start every test from the same random state, whatever ran before it."""
    random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def compile_only_where_that_is_tested(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run what kernels compile line by line: type checks cannot be compiled."""
    if request.node.get_closest_marker("compiled"):
        yield
    else:
        with torch.compiler.set_stance("force_eager"):
            yield


class ToyRun(NamedTuple):
    """A finished run, and the files it has learnt from and is judged by."""

    path: Path
    train: Path
    test: Path


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory: pytest.TempPathFactory) -> ToyRun:
    """Train on the toy language, once; what a test wants to change it copies first."""
    # Imported here: nothing of the package may be imported before its type checks are installed.
    from regard.recipes.translate.train import train_translator
    from regard.training.run_directory import RunDirectory
    from tests.toy_language import make_pairs, tiny, write_pairs

    folder = tmp_path_factory.mktemp("toy")
    pairs = make_pairs(700)
    run = ToyRun(
        folder / "run",
        write_pairs(folder / "train.tsv", pairs[:600]),
        write_pairs(folder / "test.tsv", pairs[600:]),
    )
    train_translator(tiny(data={"train": run.train, "test": run.test}), RunDirectory(run.path))
    return run


@pytest.fixture(scope="session")
def toy_classifier(tmp_path_factory: pytest.TempPathFactory) -> ToyRun:
    """Train a reader of n-grams on toy reviews, once; what a test wants to change it copies."""
    from regard.recipes.classify.train import train_classifier
    from regard.training.run_directory import RunDirectory
    from tests.toy_reviews import make_reviews, tiny, write_reviews

    folder = tmp_path_factory.mktemp("reviews")
    reviews = make_reviews(260)
    run = ToyRun(
        folder / "run",
        write_reviews(folder / "train.csv", reviews[:200]),
        write_reviews(folder / "test.csv", reviews[200:]),
    )
    settings = tiny("ngram", data={"train": run.train, "test": run.test})
    train_classifier(settings, RunDirectory(run.path))
    return run


@pytest.fixture(scope="session")
def toy_matcher(tmp_path_factory: pytest.TempPathFactory) -> ToyRun:
    """Train an ABCNN with features on toy pairs, once; what a test wants to change it copies."""
    from regard.recipes.match.train import train_matcher
    from regard.training.run_directory import RunDirectory
    from tests.toy_pairs import make_questions, tiny, write_pairs

    folder = tmp_path_factory.mktemp("pairs")
    questions = make_questions(100)
    run = ToyRun(
        folder / "run",
        write_pairs(folder / "train.csv", questions[:320]),
        write_pairs(folder / "test.csv", questions[320:]),
    )
    data = {"train": run.train, "test": run.test, "group": "question", "features": True}
    train_matcher(tiny("abcnn3", data=data), RunDirectory(run.path))
    return run


@pytest.fixture(scope="session")
def toy_writer(tmp_path_factory: pytest.TempPathFactory) -> ToyRun:
    """Train a language model on toy text, once; what a test wants to change it copies."""
    from regard.recipes.generate.train import train_generator
    from regard.training.run_directory import RunDirectory
    from tests.toy_text import tiny, write_text

    folder = tmp_path_factory.mktemp("text")
    run = ToyRun(
        folder / "run",
        write_text(folder / "train.txt", 400),
        write_text(folder / "test.txt", 40, seed=1),
    )
    train_generator(tiny(data={"train": run.train, "test": run.test}), RunDirectory(run.path))
    return run


def pytest_configure() -> None:
    """Keep torch to one thread: tests are small, and threads only make their sums vary."""
    torch.set_num_threads(1)
    # So that Lightning does not choose another number, and what a test starts has one too.
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave some tests to the pass without type checks, skip `gpu` tests without a GPU."""
    if config.getoption("--jaxtyping-packages"):
        unchecked = [item for item in items if any(map(item.get_closest_marker, UNCHECKED))]
        config.hook.pytest_deselected(items=unchecked)
        items[:] = [item for item in items if not any(map(item.get_closest_marker, UNCHECKED))]
    if not torch.cuda.is_available():
        skip = pytest.mark.skip(reason="needs a CUDA device")
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(skip)
