"""What one request may ask for, and how many may ask at once."""

from dataclasses import dataclass

from regard.training.limits import ABOVE_0, at_least, check_limits

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """What one request may ask for, and how many may ask at once.

    Args:
        characters: of a text; a longer one is refused before it is read.
        tokens: of a text, or of what a language model writes.
        texts: of a request for predictions without pictures.
        beam: hypotheses that a search follows at once.
        body: bytes of a request.
        seconds: after which an answer is given up.
        waiting: requests that may wait for their turn; others are told to come back.
        together: requests that are computed together, if they ask the same of the same run.
    """

    characters: int = 10_000
    tokens: int = 400
    texts: int = 64
    beam: int = 10
    body: int = 1_048_576
    seconds: float = 10.0
    waiting: int = 64
    together: int = 16

    def __post_init__(self) -> None:
        counts = ("characters", "tokens", "texts", "beam", "body", "waiting", "together")
        check_limits(self, "limits", seconds=ABOVE_0, **dict.fromkeys(counts, at_least(1)))
