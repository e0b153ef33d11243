"""Formulas of the documentation as plain text."""

from functools import partial

import pytest
import torch

from regard import nn
from regard.functional.scores import additive
from regard.inspection.layouts.formulas import formula_of, name_of, plain
from regard.inspection.mechanism_example import BIASES, NORMALIZERS, SCORES


@pytest.mark.parametrize("name", [*SCORES, *NORMALIZERS])
def test_every_choice_has_a_formula_without_markup(name: str) -> None:
    formula = formula_of((SCORES | NORMALIZERS)[name])
    assert "=" in formula
    assert not set(formula) & set("\\{}$_")
    assert formula.count("(") == formula.count(")")
    assert name_of((SCORES | NORMALIZERS)[name]) == name


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"s_{ij} = q_i \cdot k_j", "sᵢⱼ = qᵢ · kⱼ"),
        (r"s_{ij} = q_i^\top W k_j", "sᵢⱼ = qᵢᵀ W kⱼ"),
        (r"\frac{q_i \cdot k_j}{\sqrt{d}}", "qᵢ · kⱼ / √d"),
        (r"\frac{1}{1 + \lVert q_i - k_j \rVert}", "1 / (1 + ‖qᵢ − kⱼ‖)"),
        (r"\frac{a + b}{c}", "(a + b) / c"),
        (r"\frac{f(a + b)}{c}", "f(a + b) / c"),
        (r"\frac{a}{T \, \lVert q_i \rVert}", "a / (T ‖qᵢ‖)"),
        (r"[(\alpha - 1) s_j - \tau]_+^{1 / (\alpha - 1)}", "[(α − 1) sⱼ − τ]₊^(1 / (α − 1))"),
        (r"[s_j / 2 - \tau]_+^2", "[sⱼ / 2 − τ]₊²"),
        (r"\frac{1}{1 + e^{-s_j}}", "1 / (1 + exp(−sⱼ))"),
        (r"w = \operatorname{argmin}_{p \in \Delta} p", "w = argmin(p ∈ Δ) p"),
        (r"w_j = a, \quad b = c", "wⱼ = a"),
        ("a\n  = b", "a = b"),
    ],
)
def test_by_hand(latex: str, text: str) -> None:
    assert plain(latex) == text


def test_bound_parameters_and_modules_have_the_formula_of_what_they_bind() -> None:
    bound = partial(partial(additive, energy=torch.ones(1)), bias=None)
    assert name_of(bound) == "additive"
    assert formula_of(bound) == "sᵢⱼ = v · tanh(W qᵢ + U kⱼ + b)"
    assert name_of(nn.DotScore()) == "DotScore"


def test_what_documents_no_formula_has_none() -> None:
    assert formula_of(lambda query, key: query @ key.mT) == ""
    assert formula_of(BIASES["alibi"]) == ""
