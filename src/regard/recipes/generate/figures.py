"""What a cross-entropy in nats a token is worth, in the figures that others report."""

import math

from regard.data.blocks import Blocks

__all__ = ["bits_per_character", "perplexity"]


def perplexity(loss: float) -> float:
    """Return the exponential of the loss: infinity where no number is as large."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def bits_per_character(loss: float, blocks: Blocks) -> float:
    """Return how many bits it takes to write the texts, their ends too, for each character.

    Unlike perplexity, it can be compared between vocabularies.
    """
    return loss / math.log(2) * blocks.num_tokens / max(1, blocks.num_characters)
