"""Formulas as a line of plain text, which every picture, page and terminal can show."""

import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["formula_of", "name_of", "plain"]

_FORMULA = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)
_GROUP = r"\{((?:[^{}]|\{[^{}]*\})*)\}"

_SYMBOLS = {
    r"\\alpha\b": "α",
    r"\\sigma\b": "σ",
    r"\\tau\b": "τ",
    r"\\Delta\b": "Δ",
    r"\\partial\b": "∂",
    r"\\cdot\b": "·",
    r"\\in\b": "∈",
    r"\^\\top\b": "ᵀ",
    r"\\sum(?![a-z])": "∑",
    r"\\lVert\s*": "‖",
    r"\s*\\rVert\b": "‖",
    r"\\Big\b": "",
    r"\\[,;]": " ",
}
_LOW = str.maketrans("0123456789+-aehijkmnoprst", "₀₁₂₃₄₅₆₇₈₉₊₋ₐₑₕᵢⱼₖₘₙₒₚᵣₛₜ")
_HIGH = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")


def formula_of(function: Callable[..., Any]) -> str:
    """Return the formula that a function or module documents, as plain text; empty if none.

    >>> from regard.functional.scores import scaled_dot
    >>> formula_of(scaled_dot)
    'sᵢⱼ = qᵢ · kⱼ / √d'
    """
    found = _FORMULA.search(inspect.getdoc(_documented(function)) or "")
    return plain(found.group(1)) if found else ""


def name_of(function: Callable[..., Any]) -> str:
    """Return what a function, or the class of a module, is called.

    >>> name_of(partial(max, key=len))
    'max'
    """
    return str(_documented(function).__name__)


def plain(latex: str) -> str:
    r"""Return a formula of LaTeX as a line of text; what follows its first `\quad` is left out.

    >>> plain(r"w_j = \frac{e^{s_j}}{\sum_i e^{s_i}}")
    'wⱼ = exp(sⱼ) / ∑ᵢ exp(sᵢ)'
    """
    text = " ".join(latex.split()).partition(r"\quad")[0].strip().rstrip(",")
    text = re.sub(r"\\(?:operatorname|text)" + _GROUP, r"\1", text)
    text = re.sub(r"\be\^" + _GROUP, r"exp(\1)", text)
    text = re.sub(r"\\frac" + _GROUP + _GROUP, _fraction, text)
    text = re.sub(r"\\sqrt" + _GROUP, r"√\1", text)
    for command, symbol in _SYMBOLS.items():
        text = re.sub(command, symbol, text)
    text = re.sub("_(?:" + _GROUP + r"|(\w|\+))", partial(_moved, _LOW), text)
    text = re.sub(r"\^(?:" + _GROUP + r"|(\w))", partial(_moved, _HIGH), text)
    text = re.sub(r"\\([a-z]+)", r"\1", text)
    return " ".join(text.replace("-", "−").split())


def _documented(function: Callable[..., Any]) -> Any:
    while isinstance(function, partial):
        function = function.func
    return function if hasattr(function, "__name__") else type(function)


def _fraction(found: re.Match[str]) -> str:
    over, under = found.groups()
    over = f"({over})" if re.search(r" [+-] ", _outside_parentheses(over)) else over
    is_one = under.startswith(r"\sum") or not re.search(r"\s", _outside_parentheses(under))
    return f"{over} / {under if is_one else f'({under})'}"


def _outside_parentheses(text: str) -> str:
    return re.sub(r"\([^()]*\)", "", text)


def _moved(alphabet: dict[int, int], found: re.Match[str]) -> str:
    """Return an index above or below the line, or after its base if there are no such letters."""
    text = found[1] or found[2]
    moved = text.translate(alphabet)
    if not set(moved) & set(text):
        return moved
    return f"^({text})" if alphabet is _HIGH else f"({text})"
