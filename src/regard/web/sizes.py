"""Refusing what is too long."""

from regard.web.limits import Limits

__all__ = ["check_characters", "check_tokens"]


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


def check_tokens(num_tokens: int, limits: Limits) -> None:
    """Refuse what is longer than one wants to wait for.

    Raises:
        ValueError: there are more tokens than may be.
    """
    if num_tokens > limits.tokens:
        raise ValueError(
            f"the text has {num_tokens:,} tokens, those that are to follow counted; this server "
            f"takes up to {limits.tokens:,}: shorten it"
        )
