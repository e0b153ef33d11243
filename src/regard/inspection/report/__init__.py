"""Alignments and shaded texts as one HTML page that needs nothing else."""

from regard.inspection.report.alignments import Example
from regard.inspection.report.page import Report, render, save
from regard.inspection.report.texts import TextExample

__all__ = ["Example", "Report", "TextExample", "render", "save"]
