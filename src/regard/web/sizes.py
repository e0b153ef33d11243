"""Refusing what is too long."""

from regard.recipes.heads import EMPTY
from regard.web.asked import Options, Writing
from regard.web.limits import Limits

__all__ = ["check_beam", "check_characters", "check_tokens"]


def check_characters(text: str, limits: Limits) -> None:
    """Refuse a text before it is read.

    Raises:
        ValueError: it has more characters than may be.
    """
    if len(text) > limits.characters:
        raise ValueError(
            f"the text has {len(text):,} characters; this server reads up to "
            f"{limits.characters:,}: shorten it"
        )


def check_tokens(num_tokens: int, options: Writing, limits: Limits) -> None:
    """Refuse what is longer than one wants to wait for, and what has nothing to look into.

    Raises:
        ValueError: there are more tokens than may be, or none where one is to see where they look.
    """
    if isinstance(options, Options) and not num_tokens:
        raise ValueError(EMPTY)
    if num_tokens > limits.tokens:
        raise ValueError(
            f"the text has {num_tokens:,} tokens, those that are to follow counted; this server "
            f"takes up to {limits.tokens:,}: shorten it"
        )


def check_beam(num_tokens: int, beam: int, *, times: int, limits: Limits) -> None:
    """Refuse a beam that is too wide for a text of this length.

    What is being computed is not stopped when its time has run out: so it must not take long.

    Args:
        times: how often as many tokens as may be read may be written in all.

    Raises:
        ValueError: all hypotheses together may have more tokens than that.
    """
    most = max(1, int(times * limits.tokens / max(1, num_tokens)))
    if beam > most:
        raise ValueError(
            f"a beam of {beam} takes too long for {num_tokens:,} tokens: choose one of up to "
            f"{most}, or shorten the text"
        )
