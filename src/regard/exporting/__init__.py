"""Models as files that run without this package."""

from regard.exporting.classifier import classifier_program
from regard.exporting.ctranslate2 import Vocabularies, write_ctranslate2
from regard.exporting.files import describe, write_program
from regard.exporting.formats import FORMATS, Format, traced
from regard.exporting.matcher import matcher_program
from regard.exporting.programs import ExportError, Port, Program
from regard.exporting.translator import translator_programs

__all__ = [
    "FORMATS",
    "ExportError",
    "Format",
    "Port",
    "Program",
    "Vocabularies",
    "classifier_program",
    "describe",
    "matcher_program",
    "traced",
    "translator_programs",
    "write_ctranslate2",
    "write_program",
]
