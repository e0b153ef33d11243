"""Alignments, heads, texts, flow charts and searches as one HTML page that needs nothing else."""

from regard.inspection.report.alignments import Example
from regard.inspection.report.head_grids import HeadsExample
from regard.inspection.report.mechanism import MechanismExample
from regard.inspection.report.page import AnyExample, Report, fragment, render, save
from regard.inspection.report.script import behaviour
from regard.inspection.report.search import SearchExample
from regard.inspection.report.style import stylesheet
from regard.inspection.report.texts import TextExample

__all__ = [
    "AnyExample",
    "Example",
    "HeadsExample",
    "MechanismExample",
    "Report",
    "SearchExample",
    "TextExample",
    "behaviour",
    "fragment",
    "render",
    "save",
    "stylesheet",
]
