"""How each program that the documentation names is tried, in the folder of a reader."""

import argparse
import itertools
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import jaxtyping
import pytest
from starlette.testclient import TestClient
from torch.distributed.run import get_args_parser

from regard.cli.main import main
from regard.recipes.classify import settings as classify
from regard.recipes.generate import settings as generate
from regard.recipes.match import settings as match
from regard.recipes.translate import settings as translate
from regard.web import Limits, make_application, open_runs, server
from regard.web.server import listen
from tests.guards.tree import ROOT

PLACEHOLDERS = {"NAME": "recurrent_translator", "RUN": "runs/subwords"}
"""What stands in the documentation for whatever a reader chooses."""

ASSIGNMENT = re.compile(r"[A-Z_]+=")
"""How a word begins that sets a variable for the program behind it."""

PICTURES = ("--heads", "--html", "--pdf", "--png", "--svg")
"""Flags that name a file to be written."""

RECIPES: dict[str, Iterable[str]] = {
    "classify": classify.RECIPES,
    "generate": generate.RECIPES,
    "match": match.RECIPES,
    "translate": translate.RECIPES,
}
"""Those of every kind of training, the first of which is taken if none is named."""


class Line(NamedTuple):
    """A command as a shell would take it apart."""

    words: list[str]
    input_file: str | None
    output_file: str | None


def parse(text: str) -> Line:
    """Take a command apart, with its placeholders filled in."""
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(text, comments=True)]
    while ASSIGNMENT.match(words[0]):
        words = words[1:]
    input_file = output_file = None
    if words[0] == "cat" and words[2:3] == ["|"]:
        input_file, words = words[1], words[3:]
    if words[-2:-1] == [">"]:
        output_file, words = words[-1], words[:-2]
    return Line(words, input_file, output_file)


def try_command(
    text: str, capsys: pytest.CaptureFixture[str], patched: pytest.MonkeyPatch
) -> str | None:
    """Run a documented command in the current folder; return what is wrong with it, if anything."""
    line = parse(text)
    program, *words = line.words
    if program not in PROGRAMS:
        return f"nobody knows how to try {program}: add it to PROGRAMS in tests/cli/programs.py"
    capsys.readouterr()
    with Path(line.input_file or os.devnull).open(encoding="utf-8") as typed:
        patched.setattr(sys, "stdin", typed)
        try:
            code = PROGRAMS[program](words)
        except SystemExit as left:
            code = left.code
    printed = capsys.readouterr()
    if code not in (0, None):
        return (
            f"ended with {code}\n  {printed.err.strip()}\n  If the command is right, and the "
            "reader only lacks what it names, add that to tests/cli/reader.py"
        )
    if line.output_file:
        Path(line.output_file).write_text(printed.out, "utf-8")
    unwritten = [name for name in _promised(words) if not Path(name).is_file()]
    return f"did not write {', '.join(unwritten)}" if unwritten else None


def _run_of(words: list[str]) -> Path:
    """Return the run directory that a training makes."""
    named = dict(itertools.pairwise(words))
    recipe = named.get("--recipe") or next(iter(RECIPES[words[1]]))
    return Path(named.get("--run") or named.get("--run_directory") or f"runs/{recipe}")


def _promised(words: list[str]) -> list[str]:
    """Return the files that a command is asked to write."""
    return [name for flag, name in itertools.pairwise(words) if flag in PICTURES]


def _regard(words: list[str]) -> Any:
    if words[:1] == ["train"]:
        if "--resume" in words:
            interrupt(Path(words[words.index("--run") + 1]))
        elif not {"--help", "--print_config"} & set(words):
            # Documents show several trainings to choose from; a reader does not do them all.
            shutil.rmtree(_run_of(words), ignore_errors=True)
    if words[:1] == ["compare"] and "--help" not in words:
        shutil.rmtree("runs/comparison", ignore_errors=True)
        # All that are compared otherwise would take a reader too long.
        words = [*words, *(() if "--variants" in words else ("--variants", "bahdanau", "mocha"))]
    if words[:1] == ["bench"] and "--help" not in words:
        words = [*words, "--shrink", "64", "--repeats", "1"]
    if words[:1] == ["export"]:
        return _unchecked(words)
    if words[:1] == ["serve"] and "--help" not in words:
        return _served(words)
    with warnings.catch_warnings():
        # Tests compile nothing; PyTorch's own comparisons say so.
        warnings.filterwarnings("ignore", message="flex_attention called without torch.compile")
        return main(words)


def _unchecked(words: list[str]) -> Any:
    """Run without type checks, which fix the sizes of an exported program."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jaxtyping.config, "jaxtyping_disable", True)
        return main(words)


def _served(words: list[str]) -> Any:
    """Open what is to be served, and end there: whether it answers, tests of the page say."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(server, "serve", lambda *_: None)
        patched.setattr(server, "listen", lambda host, _: listen(host, 0))
        return main([word for word in words if word != "--open"])


def _curl(words: list[str]) -> str | None:
    """Ask the application itself what is asked of a server."""
    [address] = [word for word in words if word.startswith("http://127.0.0.1:8000/")]
    data = words[words.index("-d") + 1]
    runs = open_runs([Path("runs") / json.loads(data)["run"]], Limits())
    path = address.removeprefix("http://127.0.0.1:8000")
    headers = {"content-type": "application/json"}
    with TestClient(make_application(runs, Limits(), ["testserver"])) as client:
        answer = client.post(path, content=data, headers=headers)
    return None if answer.is_success else answer.text


def interrupt(run: Path) -> None:
    """Leave a finished run as if it had been stopped after its last epoch."""
    for name in ("metrics.json", "model.safetensors"):
        (run / name).unlink()


def _torchrun(words: list[str]) -> Any:
    """Run in this process alone what torchrun would start in several."""
    given = get_args_parser().parse_args(words)
    if not given.module or given.training_script != "regard.cli.main":
        return "torchrun must start -m regard.cli.main"
    return _regard(given.training_script_args)


def _script(takes: Callable[[list[str]], Any], path: Path, words: list[str]) -> Any:
    """Check that a script can be started, and that it takes the words."""
    if not os.access(path, os.X_OK):
        return f"{path} cannot be executed"
    checked = subprocess.run(["sh", "-n", path], check=False)
    return checked.returncode or takes(words)


def _takes_nothing(words: list[str]) -> str | None:
    return f"scripts/check takes no {words}" if words else None


def _takes_pytest(words: list[str]) -> str | None:
    named = [
        word
        for before, word in itertools.pairwise(["", *words])
        if not word.startswith("-") and before not in ("-k", "-m")
    ]
    missing = [word for word in named if not (ROOT / word).exists()]
    return f"there is no {', '.join(missing)}" if missing else None


def _takes_extras(words: list[str]) -> str | None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {extra for word in words for extra in word.split(",")}
    missing = named - set(project["optional-dependencies"])
    return f"pyproject.toml has no extra {', '.join(missing)}" if missing else None


def _pip(words: list[str]) -> str | None:
    named = re.fullmatch(r"install regard\[(\S+)\]", " ".join(words))
    return _takes_extras([named[1]]) if named else f"pip is not known to take {words}"


def _takes_mkdocs(words: list[str]) -> str | None:
    return None if words in ([], ["build"], ["serve"]) else f"MkDocs is not known to take {words}"


class _ParsedError(Exception):
    """A benchmark has read its arguments, and would begin."""


def _takes_benchmark(words: list[str]) -> str | None:
    if not words:
        return None
    given = _begun(ROOT / "benchmarks" / f"{words[0]}.py", words)
    if isinstance(given, str):
        return given
    missing = [str(at) for at in vars(given).values() if isinstance(at, Path) and not at.exists()]
    return f"there is no {', '.join(missing)}" if missing else None


def _python(words: list[str]) -> str | None:
    given = _begun(ROOT / words[0], words)
    return given if isinstance(given, str) else None


def _begun(path: Path, words: list[str]) -> argparse.Namespace | str:
    """Start a program, but for what comes after its arguments; return these, or what is wrong."""
    if not path.is_file():
        return f"there is no {path}"
    parse_args = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser: argparse.ArgumentParser) -> NoReturn:
        raise _ParsedError(parse_args(parser))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
        patched.setattr(sys, "argv", words)
        patched.setattr("regard.cli.main.main", _regard)
        patched.syspath_prepend(path.parent)  # as Python does for a script
        try:
            runpy.run_path(str(path), run_name="__main__")
        except _ParsedError as parsed:
            given: argparse.Namespace = parsed.args[0]
            return given
    return f"{path} reads no arguments"


SCRIPTS: dict[str, Callable[[list[str]], Any]] = {
    "bench": _takes_benchmark,
    "check": _takes_nothing,
    "demo": lambda words: main(["demo", *words]),
    "docs": _takes_mkdocs,
    "install": _takes_extras,
    "test": _takes_pytest,
}

PROGRAMS: dict[str, Callable[[list[str]], Any]] = {
    "curl": _curl,
    "pip": _pip,
    "python": _python,
    "regard": _regard,
    "torchrun": _torchrun,
    **{
        f"scripts/{name}": partial(_script, takes, ROOT / "scripts" / name)
        for name, takes in SCRIPTS.items()
    },
}
"""What a documented line may begin with; each returns 0 or None, or what is wrong."""
