"""Numbers as they stand in the cells of a matrix: short, and with a true minus."""

from torch import Tensor

__all__ = ["numeral", "numerals"]

_NEAR = 1e-6


def numerals(matrix: Tensor) -> list[list[str]]:
    """Return the numbers of a matrix, all with as many decimals: one if that says all, else two.

    >>> import torch
    >>> numerals(torch.tensor([[0.5, -1.0], [0.0, 2.5]]))
    [['0.5', '−1.0'], ['0', '2.5']]
    """
    rows: list[list[float]] = matrix.detach().cpu().double().tolist()
    decimals = 1 if all(abs(10 * x - round(10 * x)) < 10 * _NEAR for r in rows for x in r) else 2
    return [[numeral(x, decimals) for x in row] for row in rows]


def numeral(number: float, decimals: int = 2) -> str:
    """Return a number in at most six characters; 0 alone is what is 0 to the last bit.

    >>> numeral(0.0), numeral(0.001), numeral(-0.001), numeral(-12.345), numeral(12345678.0)
    ('0', '0.00', '0.00', '−12.3', '1e+07')
    """
    size = abs(number)
    if not size:
        return "0"
    if size >= 9999.5:
        text = f"{number:.0e}"
    else:
        kept = decimals if size < 9.995 else min(decimals, 1) if size < 99.95 else 0
        text = f"{number:.{kept}f}"
    return text.lstrip("-") if not float(text) else text.replace("-", "−")
