"""Labels in so many cells of a terminal, where wide letters take two."""

from rich.cells import cell_len, split_text

from regard.inspection.terminal.surface import in_place

__all__ = ["fit", "left_aligned", "right_aligned"]


def fit(label: str, width: int) -> str:
    """Return the label, or its beginning and an ellipsis, in at most `width` cells.

    >>> fit("attention", 5)
    'atte…'
    """
    if cell_len(label) <= width:
        return label
    return split_text(label, width - 1)[0].rstrip() + "…"


def left_aligned(label: str, width: int) -> str:
    """Return the label with blanks behind it, in `width` cells."""
    return in_place(label) + " " * (width - cell_len(label))


def right_aligned(label: str, width: int) -> str:
    """Return the label with blanks before it, in `width` cells."""
    return " " * (width - cell_len(label)) + in_place(label)
