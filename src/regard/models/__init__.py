"""The published systems, one file each, readable from data in to logits out."""

from regard.models.recurrent_translator import RecurrentTranslator

__all__ = ["RecurrentTranslator"]
