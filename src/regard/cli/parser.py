"""Argument parsing whose errors are one line and name the nearest thing that exists."""

import re
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, DefaultHelpFormatter, Namespace

__all__ = ["Namespace", "Parser", "UsageError", "require_text", "typed_flags"]


class UsageError(ValueError):
    """What was typed cannot be run; the message is one line."""


def require_text(sentences: Sequence[str]) -> None:
    """Make sure that what was typed is text.

    Raises:
        UsageError: it holds bytes that are not UTF-8.
    """
    for number, sentence in enumerate(sentences, start=1):
        try:
            sentence.encode()
        except UnicodeEncodeError:
            raise UsageError(f"sentence {number} is not UTF-8") from None


def typed_flags(given: Namespace, *flags: str) -> str:
    """Name those of some flags that were typed, as in a sentence; nothing if none was."""
    # Not by equality: 0 is a value that may be typed.
    typed = [flag for flag in flags if given[flag] is not None and given[flag] is not False]
    *most, last = [f"--{flag}" for flag in typed] or [""]
    return f"{', '.join(most)} and {last}" if most else last


class _Help(DefaultHelpFormatter, RawDescriptionHelpFormatter):
    """Help that keeps the lines of a description as they are."""


class Parser(ArgumentParser):
    """A parser that raises `UsageError` where others print their usage and leave."""

    def __init__(self, **options: Any) -> None:
        # Whole flags only, so that a mistyped one is not taken for the beginning of another.
        super().__init__(**options, formatter_class=_Help, allow_abbrev=False)

    def add_device(self) -> None:
        """Take the device on which a run is to work."""
        self.add_argument(
            "--device", default="auto", help="cpu, cuda, cuda:1, …; auto: a GPU if there is one"
        )

    def parse_words(self, words: Sequence[str]) -> Namespace:
        """Parse words in which flags may stand anywhere."""
        return self.parse_args(self._flags_first(words))

    def _flags_first(self, words: Sequence[str]) -> list[str]:
        """Put flags, with their values, before what stands alone.

        What holds a space is a sentence, even if it begins with a dash.
        """
        valued = {
            flag for action in self._actions if action.nargs != 0 for flag in action.option_strings
        }
        alone, flags = [], []
        waiting = iter(words)
        for word in waiting:
            if word == "--":
                alone += ["--", *waiting]
            elif re.match(r"-\S+$", word):
                flags += [word, *([self._value(word, waiting)] if word in valued else [])]
            else:
                alone.append(word)
        return [*flags, *alone]

    def _value(self, flag: str, waiting: Iterator[str]) -> str:
        value = next(waiting, None)
        if value is None:
            self.error(f"argument {flag}: expected one argument")
        return value

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        flags = [flag for action in self._actions for flag in action.option_strings]
        raise UsageError(_one_line(message, flags)) from ex


def _one_line(message: str, flags: list[str]) -> str:
    """Shorten the parser's message; where a flag or key is unknown, name the nearest."""
    line = " ".join(message.split())
    if match := re.search(r"[Uu]nrecogni[sz]ed arguments: (\S+)", line):
        unknown = match.group(1).partition("=")[0]
        kind = "flag" if unknown.startswith("-") else "argument"
        return f"unknown {kind} {unknown}{_nearest(unknown, flags)}"
    if match := re.search(r"Group '([\w.]+)' does not accept option '([\w.]+)'", line):
        unknown = f"{match.group(1)}.{match.group(2)}"
        return f"unknown key {unknown}{_nearest(unknown, [flag.lstrip('-') for flag in flags])}"
    unexpected = r"(?:[Kk]ey|Option) ['\"]?([\w.]+)['\"]? is not (?:expected|accepted)"
    if match := re.search(unexpected, line):
        unknown = match.group(1)
        return f"unknown key {unknown}{_nearest(unknown, [flag.lstrip('-') for flag in flags])}"
    if match := re.match(r"Parser key \"([\w.]+)\": (.*)", line):
        return f"--{match.group(1)}: {_plain(match.group(2))}"
    return line


def _plain(reason: str) -> str:
    """Put types as a person would, not as Python does."""
    reason = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", reason)
    if match := re.match(r"Does not validate .* Subtypes: \[(.*?)\] .* Given value: (.*)", reason):
        return f"expected {match.group(1).replace(', NoneType', ' or null')}; got {match.group(2)}"
    if match := re.match(r"Expected an? (.*)\. Got value: (.*)", reason):
        wanted = re.sub(r"typing\.Literal\[(.*)\]", r"one of \1", match.group(1))
        return f"expected {wanted}; got {match.group(2)}"
    return reason


def _nearest(unknown: str, known: list[str]) -> str:
    nearest = get_close_matches(unknown, known, n=1, cutoff=0.4)
    return f"; did you mean {nearest[0]}?" if nearest else "; see --help"
