"""Alignments and shaded texts in the terminal, as rich renderables."""

from regard.inspection.terminal.heat_map import HeatMap
from regard.inspection.terminal.shades import Shades

__all__ = ["HeatMap", "Shades"]
