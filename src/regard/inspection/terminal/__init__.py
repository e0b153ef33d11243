"""Alignments, heads, shaded texts, flow charts and searches in the terminal, drawn by rich."""

from regard.inspection.terminal.choices import Choices
from regard.inspection.terminal.flow import Flow
from regard.inspection.terminal.head_table import HeadTable
from regard.inspection.terminal.heat_map import HeatMap
from regard.inspection.terminal.shades import Shades

__all__ = ["Choices", "Flow", "HeadTable", "HeatMap", "Shades"]
