"""The runs that are served: opened once, named by their folders, and asked under these names."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from regard.inspection.labels import printable
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.generate.system import GenerationSystem
from regard.recipes.heads import one_of
from regard.recipes.match.system import MatchingSystem
from regard.recipes.run import System, load, read_settings
from regard.training.run_directory import RunDirectory
from regard.web.answered import Choices, RunDescription
from regard.web.asked import Options, Writing
from regard.web.classifying import ServedClassifier
from regard.web.examples import examples_for
from regard.web.limits import Limits
from regard.web.matching import ServedMatcher
from regard.web.sights import ServedSystem
from regard.web.translating import ServedTranslator
from regard.web.writing import ServedWriter

__all__ = ["ServedRun", "names_of", "open_runs", "warm_up"]

FACTS = (
    *("attention", "score", "normalizer", "pooling", "compares"),
    *("source_score", "source_normalizer"),
)
"""Settings of a model that say how it attends."""

UNKNOWN = "a text of some words that mean nothing here"
"""What a run is asked of which nobody knows what it has learnt from."""

MODEL = ("architecture", "reader", "matcher")
"""What the configuration of a run calls the kind of its model."""


@dataclass(frozen=True)
class ServedRun:
    """A run under its name, and what its page says of it."""

    name: str
    system: ServedSystem
    facts: Mapping[str, str]
    examples: Sequence[list[str]]

    def describe(self) -> RunDescription:
        """Return what is told of the run."""
        return RunDescription(
            name=self.name,
            kind=self.system.kind,
            reads="pair" if self.system.num_texts == 2 else "text",
            facts=dict(self.facts),
            choices=self.system.choices(),
            examples=list(self.examples),
        )

    def check(self, options: Writing) -> None:
        """Refuse what cannot be chosen here.

        Raises:
            ValueError: the run has no such choice, or not so much of it, or it would do nothing.
        """
        choices = self.system.choices()
        heads = choices.heads
        offers = dict(choices) | {"layer": heads, "head": heads}
        for name, chosen in options:
            if name != "view" and chosen is not None and offers[name] is None:
                raise ValueError(f"{self.name} has no {name} to choose; leave it out")
        if isinstance(options, Options):
            self._check_view(options, choices)
        _check_most(options, choices)
        _check_drawn(options)

    def _check_view(self, options: Options, choices: Choices) -> None:
        if options.view not in choices.views:
            what = {"heads": "layers of heads", "search": "search"}[options.view]
            raise ValueError(f"{self.name} has no {what} to show; leave out the view")
        if choices.heads is None:
            return
        if options.view == "heads":
            for name in ("layer", "head"):
                if getattr(options, name) is not None:
                    raise ValueError(f"the view heads shows all of them; leave out the {name}")
        layer = choices.layer if options.layer is None else options.layer
        num_heads = one_of(choices.heads, -1 if layer is None else layer, "layer")
        one_of(range(num_heads), options.head or 0, "head")


def open_runs(
    paths: Sequence[Path],
    limits: Limits,
    *,
    device: str = "cpu",
    examples: Sequence[list[str]] = (),
) -> dict[str, ServedRun]:
    """Open runs, and return them by their names.

    Raises:
        RunError: one of them cannot be opened.
        ValueError: one is given twice, or there is no such device.
    """
    runs = {}
    for path, name in zip(paths, names_of(paths), strict=True):
        directory = RunDirectory(path)
        settings = read_settings(directory)
        system = _served(load(path, device=device), limits)
        shown = examples_for(system.kind, settings.data, examples)
        runs[name] = ServedRun(name, system, _facts(directory, settings.model), shown)
    return runs


def warm_up(runs: Iterable[ServedRun], limits: Limits) -> None:
    """Ask every run as much as it will be asked at once, so that nobody waits for what is compiled.

    What a model compiles depends on how much it is given, and takes seconds.
    """
    for run in runs:
        texts = tuple(run.examples[0] if run.examples else [UNKNOWN] * run.system.num_texts)
        # A language model continues one text after another.
        most = 1 if run.system.kind == "generate" else limits.together
        for number in {1, most}:
            # A language model may not know some letter of them.
            with contextlib.suppress(ValueError):
                run.system.predict([texts] * number, Writing())


def names_of(paths: Sequence[Path]) -> list[str]:
    """Return the names of folders, with as much of the folders above as tells them apart.

    Raises:
        ValueError: one is given twice.

    >>> names_of([Path("runs/a"), Path("old/b"), Path("new/b")])
    ['a', 'old/b', 'new/b']
    """
    whole = [path.resolve() for path in paths]
    for number, path in enumerate(whole):
        if path in whole[:number]:
            raise ValueError(f"{paths[number]} is given twice; give each run once")
    return [_name(path, [other for other in whole if other != path]) for path in whole]


def _name(path: Path, others: Sequence[Path]) -> str:
    for length in range(1, len(path.parts)):
        name = _ending(path, length)
        if all(_ending(other, length) != name for other in others):
            return name
    return printable(str(path))


def _ending(path: Path, length: int) -> str:
    return printable("/".join(path.parts[-length:]))


def _served(system: System, limits: Limits) -> ServedSystem:
    if isinstance(system, ClassificationSystem):
        return ServedClassifier(system, limits)
    if isinstance(system, GenerationSystem):
        return ServedWriter(system, limits)
    if isinstance(system, MatchingSystem):
        return ServedMatcher(system, limits)
    return ServedTranslator(system, limits)


def _facts(directory: RunDirectory, model: object) -> dict[str, str]:
    """Return what a run is made of, as far as it bears on where it looks."""
    config = directory.config()
    model_of = [str(config[name]) for name in MODEL if name in config]
    named = {"model": model_of[0]} if model_of else {}
    chosen = {
        name.replace("_", " "): str(getattr(model, name)) for name in FACTS if hasattr(model, name)
    }
    return named | chosen


def _check_most(options: Writing, choices: Choices) -> None:
    for name in ("beam", "length"):
        chosen, offered = getattr(options, name), getattr(choices, name)
        if chosen is not None and chosen > offered.most:
            raise ValueError(f"{name} must be at most {offered.most:.0f} here; got {chosen}")


def _check_drawn(options: Writing) -> None:
    if options.beam is None:
        return
    for name in ("temperature", "seed"):
        if getattr(options, name) is not None:
            raise ValueError(
                f"{name} is of what is drawn, and a beam draws nothing: leave out one of the two"
            )
