"""What is refused because it would not end in time, or fill the memory."""

from collections.abc import Sequence
from typing import Any

from regard.cli.parser import UsageError
from regard.recipes.generate.system import GenerationSystem

__all__ = ["check_beam", "check_lengths"]

MOST_BEAM = 1000
LONGEST = 4096
"""Tokens of a text that are shown looking at each other."""


def check_beam(given: Any) -> None:
    """Refuse a beam without hypotheses, or with more than are of any use.

    Raises:
        UsageError: it is such a beam.
    """
    if given.beam is not None and not 1 <= given.beam <= MOST_BEAM:
        raise UsageError(f"--beam must be from 1 to {MOST_BEAM}; got {given.beam}")


def check_lengths(system: GenerationSystem, texts: Sequence[str], *, num_added: int = 0) -> None:
    """Refuse texts too long to show where each of their tokens looks.

    Args:
        num_added: tokens that are to be written behind each.

    Raises:
        UsageError: a text is too long.
    """
    for number, text in enumerate(texts, start=1):
        # What the model does not know is refused by name when it is read.
        if system.tokenizer.unknown(text) is not None:
            continue
        num_tokens = len(system.tokenizer.encode(text)) + num_added
        if num_tokens > LONGEST:
            follow = f", {num_added} of them to follow" if num_added else ""
            raise UsageError(
                f"text {number} has {num_tokens} tokens{follow}; where they look is shown of up "
                f"to {LONGEST}: shorten it"
            )
