"""Attention, stage by stage, in the terminal, as a rich renderable."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from torch import Tensor

from regard.inspection.labels import token_label
from regard.inspection.layouts.numerals import numerals
from regard.inspection.mechanism import ADD, READ_OUT, Mechanism, Stage
from regard.inspection.palette import percent
from regard.inspection.terminal.cells import fit, left_aligned, right_aligned
from regard.inspection.terminal.surface import INKED, encodable, has_colours

__all__ = ["Flow"]

_MAX_NAME = 16
_GAP = "   "
_PLAIN = Style()
_BOLD, _DIM = Style(bold=True), Style(dim=True)
# Dark enough for white letters on any surface.
_ABOVE, _BELOW = (0, 84, 140), (140, 84, 0)
_TO_ASCII = str.maketrans("↓×−–·∑√‖…", "vx--.S/|~")

_Row = list[Segment]
_Block = list[_Row]
_Fill = Callable[[int, int, float], Style]
"""Gives the style of a cell by its row, its column and its number."""


@dataclass(frozen=True, eq=False)
class Flow:
    """One call of attention from query and key down to the context, with every number.

    Weights have the colours of the scale of weights, other numbers blue above 0 and brown below,
    where the console has colours. What may not be attended is dim, and stands in brackets where
    there are none.

    >>> import torch
    >>> from regard.inspection.mechanism import mechanism_of
    >>> one = mechanism_of(
    ...     torch.zeros(1, 2), torch.zeros(2, 2), torch.tensor([[1.0], [3.0]]), keys=["a", "b"]
    ... )
    >>> Console(color_system=None).print(Flow(one))
    query 1 × 2   key 2 × 2
    q₁ 0  0       a 0  0
                  b 0  0
      ↓ scaled_dot: sᵢⱼ = qᵢ · kⱼ / √d
    scores 1 × 2
       a  b
    q₁ 0  0
      ↓ softmax: wⱼ = exp(sⱼ) / ∑ᵢ exp(sᵢ)
    weights 1 × 2   value 2 × 1
         a    b     a 1.0
    q₁ 0.5  0.5     b 3.0
      ↓ weighted sum: cᵢ = ∑ⱼ wᵢⱼ vⱼ
    context 1 × 1
    q₁ 2.0
    """

    mechanism: Mechanism

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        mechanism = self.mechanism
        draw = _Matrices(mechanism, options, coloured=has_colours(console))
        blocks: list[tuple[Stage | None, list[_Block]]] = [
            (None, [*draw.signed("query", mechanism.query), *draw.signed("key", mechanism.key)]),
            (mechanism.score, draw.scores("scores", mechanism.scores)),
        ]
        if mechanism.bias is not None:
            blocks[-1][1].extend(draw.scores("bias", mechanism.bias))
            blocks.append((ADD, draw.scores("scores + bias", mechanism.biased)))
        if mechanism.mask is not None:
            blocks[-1][1].extend(draw.mask(mechanism.mask))
        values = draw.signed("value", mechanism.value)
        blocks.append((mechanism.normalizer, [*draw.weights(), *values]))
        blocks.append((READ_OUT, draw.signed("context", mechanism.context)))
        for stage, matrices in blocks:
            if stage is not None:
                yield from _arrow(stage, options)
            for beside in _in_rows(matrices, options.max_width):
                yield from _beside(beside, options)


class _Matrices:
    """Matrices as rows of segments: a heading, the names of columns, and a row for each token.

    One that is wider than the console comes in several blocks, each with some of its columns.
    """

    def __init__(self, mechanism: Mechanism, options: ConsoleOptions, *, coloured: bool) -> None:
        self._mechanism, self._coloured = mechanism, coloured
        self._space = options.max_width
        longest = min(_MAX_NAME, max(1, options.max_width // 3))
        self._queries, self._keys = (
            [fit(encodable(token_label(token), options), longest) for token in tokens]
            for tokens in (mechanism.queries, mechanism.keys)
        )

    def signed(self, name: str, matrix: Tensor) -> list[_Block]:
        """Draw vectors: of the keys if they are keys or values, else of the queries."""
        rows = self._keys if name in {"key", "value"} else self._queries
        return self._drawn(name, matrix, numerals(matrix), rows, [], self._by_sign(matrix))

    def scores(self, name: str, matrix: Tensor) -> list[_Block]:
        """Draw a number for each pair of a query and a key."""
        texts = numerals(matrix)
        fill = self._by_sign(matrix)
        if name != "bias":
            texts, fill = self._without_masked(texts, fill)
        return self._drawn(name, matrix, texts, self._queries, self._keys, fill)

    def mask(self, mask: Tensor) -> list[_Block]:
        """Draw who may attend whom."""
        texts = [["yes" if allowed else "no" for allowed in row] for row in mask.tolist()]
        return self._drawn(
            "mask",
            mask,
            texts,
            self._queries,
            self._keys,
            lambda _i, _j, may: _PLAIN if may else _DIM,
        )

    def weights(self) -> list[_Block]:
        """Draw the weights."""
        weights = self._mechanism.weights

        def shade(_row: int, _column: int, weight: float) -> Style:
            return INKED[percent(weight)] if self._coloured else _PLAIN

        texts, fill = self._without_masked(numerals(weights), shade)
        return self._drawn("weights", weights, texts, self._queries, self._keys, fill)

    def _without_masked(self, texts: list[list[str]], fill: _Fill) -> tuple[list[list[str]], _Fill]:
        """Set apart what may not be attended."""
        may = self._mechanism.may_attend
        set_apart = [
            [text if may(i, j) or self._coloured else f"({text})" for j, text in enumerate(row)]
            for i, row in enumerate(texts)
        ]
        return set_apart, lambda i, j, number: fill(i, j, number) if may(i, j) else _DIM

    def _by_sign(self, matrix: Tensor) -> _Fill:
        largest = float(matrix.detach().abs().max()) or 1.0

        def fill(_row: int, _column: int, number: float) -> Style:
            if not self._coloured or not number:
                return _PLAIN
            share = abs(number) / largest
            red, green, blue = (round(share * part) for part in (_ABOVE if number > 0 else _BELOW))
            return Style.parse(f"#ffffff on #{red:02x}{green:02x}{blue:02x}")

        return fill

    def _drawn(
        self,
        name: str,
        matrix: Tensor,
        texts: list[list[str]],
        rows: Sequence[str],
        columns: Sequence[str],
        fill: _Fill,
    ) -> list[_Block]:
        size = f" {len(texts)} × {len(texts[0])}"
        first = max(map(cell_len, rows))
        width = 2 + max(map(cell_len, [*columns, *(text for row in texts for text in row)]))
        numbers = matrix.detach().cpu().double().tolist()
        at_once = max(1, (self._space - first) // width)
        blocks = []
        for start in range(0, len(texts[0]), at_once):
            some = range(start, min(start + at_once, len(texts[0])))
            part = "" if len(some) == len(texts[0]) else f", {some[0] + 1}–{some[-1] + 1}"
            block = [[Segment(name, _BOLD), Segment(size + part, _DIM)]]
            if columns:
                names = "".join(right_aligned(columns[j], width - 1) + " " for j in some)
                block.append([Segment(" " * first + names)])
            for i, row in enumerate(rows):
                cells = [
                    Segment(texts[i][j].rjust(width - 1) + " ", fill(i, j, numbers[i][j]))
                    for j in some
                ]
                block.append([Segment(left_aligned(row, first)), *cells])
            blocks.append(block)
        return blocks


def _arrow(stage: Stage, options: ConsoleOptions) -> Iterator[Segment]:
    name, formula = f"  ↓ {stage.name}", stage.formula
    if formula and cell_len(name) + cell_len(formula) + 2 > options.max_width:
        yield from _written([Segment(name, _BOLD)], options)
        for line in wrap(formula, max(1, options.max_width - 4)):
            yield from _written([Segment(f"    {line}", _BOLD)], options)
    else:
        text = f"{name}: {formula}" if formula else name
        yield from _written([Segment(text, _BOLD)], options)


def _in_rows(matrices: Sequence[_Block], space: int) -> Iterator[list[_Block]]:
    """Return the matrices beside each other, as many as there is room for."""
    beside: list[_Block] = []
    used = 0
    for matrix in matrices:
        needed = max(map(_width, matrix)) + len(_GAP)
        if beside and used + needed - len(_GAP) > space:
            yield beside
            beside, used = [], 0
        beside.append(matrix)
        used += needed
    yield beside


def _beside(matrices: Sequence[_Block], options: ConsoleOptions) -> Iterator[Segment]:
    widths = [max(map(_width, matrix)) + len(_GAP) for matrix in matrices]
    for number in range(max(map(len, matrices))):
        line: _Row = []
        for matrix, width in zip(matrices, widths, strict=True):
            row = matrix[number] if number < len(matrix) else []
            line += [*row, Segment(" " * (width - _width(row)))]
        while line and not line[-1].style:
            last = line.pop().text.rstrip()
            if last:
                line.append(Segment(last))
                break
        yield from _written(line, options)


def _written(line: _Row, options: ConsoleOptions) -> Iterator[Segment]:
    for text, style, _ in line:
        shown = text
        if options.ascii_only:
            shown = encodable(text.translate(_TO_ASCII), options)
        yield Segment(shown, style)
    yield Segment.line()


def _width(row: _Row) -> int:
    return sum(cell_len(segment.text) for segment in row)
