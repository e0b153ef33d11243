"""Argument parsing whose errors are one line and name the nearest thing that exists."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

from jsonargparse import ArgumentParser, Namespace

__all__ = ["Namespace", "Parser", "UsageError"]


class UsageError(ValueError):
    """What was typed cannot be run; the message is one line."""


class Parser(ArgumentParser):
    """A parser that raises `UsageError` where others print their usage and leave."""

    def parse_words(self, words: Sequence[str]) -> Namespace:
        """Parse words in which flags may also stand before the last positional arguments."""
        return self.parse_args(self._positionals_first(words))

    def _positionals_first(self, words: Sequence[str]) -> list[str]:
        """Put flags, with their values, behind what stands alone."""
        valued = {
            flag for action in self._actions if action.nargs != 0 for flag in action.option_strings
        }
        alone, flags = [], []
        waiting = iter(words)
        for word in waiting:
            if word == "--":
                alone += ["--", *waiting]
            elif word.startswith("-") and len(word) > 1:
                flags += [word, *([next(waiting, "")] if word in valued else [])]
            else:
                alone.append(word)
        return [*flags, *alone]

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
    if match := re.search(r"[Kk]ey ['\"]?([\w.]+)['\"]? is not expected", line):
        unknown = match.group(1)
        return f"unknown key {unknown}{_nearest(unknown, [flag.lstrip('-') for flag in flags])}"
    if match := re.match(r"Parser key \"([\w.]+)\": (.*)", line):
        return f"--{match.group(1)}: {match.group(2)}"
    return line


def _nearest(unknown: str, known: list[str]) -> str:
    nearest = get_close_matches(unknown, known, n=1, cutoff=0.4)
    return f"; did you mean {nearest[0]}?" if nearest else "; see --help"
