"""Data sets from the Hugging Face hub."""

from typing import Any

from regard.data.files import DataError

__all__ = ["ADVICE", "load_from_hub"]

ADVICE = "download it and pass its folder"
"""What helps where the hub does not."""


def load_from_hub(repository: str) -> Any:
    """Return a data set of the hub, from this machine's cache if it is there.

    Raises:
        DataError: if it cannot be had.
    """
    # Loaded here because it takes seconds, and only the hub needs it.
    import datasets  # type: ignore[import-untyped]

    try:
        return datasets.load_dataset(repository)
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{repository} cannot be loaded from the hub ({reason}); {ADVICE}"
        ) from None
