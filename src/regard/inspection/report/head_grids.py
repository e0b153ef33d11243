"""All heads on a page: a table of how widely each looks, in which the page's script draws them."""

from collections.abc import Sequence
from string import Template
from typing import NamedTuple

from regard.inspection.head_weights import HeadWeights
from regard.inspection.labels import printable
from regard.inspection.report.markup import data_block, definitions, escape, stage
from regard.inspection.report.matrices import Head, Sides, matrices, note
from regard.inspection.report.packing import Packing

__all__ = ["HeadsExample", "draw", "sizes"]

_ATTENTION = Template("""\
<section aria-labelledby="attention-$number-$place">
<h3 id="attention-$number-$place" dir="auto">$name</h3>
<div class="pair">
<div class="scroll">
<table class="$kind">
<caption>The mean entropy of each head, in nats: a row per layer, a column per head</caption>
<thead>
<tr><td></td>$heads</tr>
</thead>
<tbody>
$layers
</tbody>
</table>
</div>
$stage
</div>
</section>""")

# Beside the heads of a layer there is to be room for the one that is large: of more than so many,
# each is smaller, and of more than the second number each is named by its number alone.
_FEW, _MANY = 8, 12

_LEGEND = (
    "Below each head stands its mean entropy in nats: 0 where every query looks at one key alone."
)


class HeadsExample(NamedTuple):
    """All heads of one or several attentions, with the whole texts where they are worth reading."""

    attentions: Sequence[HeadWeights]
    title: str = ""
    source: str | None = None
    prediction: str | None = None


def sizes(example: HeadsExample) -> list[tuple[int, int]]:
    """Return the size of each picture that can be drawn more or less finely."""
    return [
        (len(attention.query), len(attention.key))
        for attention in example.attentions
        for weights in attention.layers
        for _ in weights
    ]


def draw(number: int, example: HeadsExample, packing: Packing) -> str:
    """Return the texts and the grids of the example of that number.

    Raises:
        NoRoomError: the packing has less room than its weights need.
    """
    said = definitions(
        "texts", {"Source": example.source, "Prediction": example.prediction}.items()
    )
    if not example.attentions:
        return f"{said}\n<p>nothing to draw: no attention was recorded</p>"
    entropies = [attention.entropies() for attention in example.attentions]
    grids = [
        _grid((number, place), attention.name, nats)
        for place, (attention, nats) in enumerate(
            zip(example.attentions, entropies, strict=True), start=1
        )
    ]
    data = {
        "title": printable(example.title),
        "attentions": [
            _data(attention, nats, packing)
            for attention, nats in zip(example.attentions, entropies, strict=True)
        ],
    }
    legend = note(_LEGEND, sizes(example), packing)
    return "\n".join([said, legend, *grids, data_block(data)])


def _grid(identity: tuple[int, int], name: str, entropies: Sequence[Sequence[float]]) -> str:
    number, place = identity
    heads = range(max(map(len, entropies)))
    layers = "\n".join(
        f'<tr><th scope="row">layer {layer}</th>'
        f"{''.join(f'<td>{nats:.2f}</td>' for nats in of_heads)}</tr>"
        for layer, of_heads in enumerate(entropies)
    )
    return _ATTENTION.substitute(
        number=number,
        place=place,
        name=escape(printable(name)),
        heads="".join(_column(head, len(heads)) for head in heads),
        layers=layers,
        stage=stage(),
        kind=_kind(len(heads)),
    )


def _kind(num_heads: int) -> str:
    if num_heads <= _FEW:
        return "heads"
    return "heads many" if num_heads <= _MANY else "heads many crowded"


def _column(head: int, num_heads: int) -> str:
    if num_heads <= _MANY:
        return f'<th scope="col">head {head}</th>'
    return f'<th scope="col" aria-label="head {head}">{head}</th>'


def _data(
    attention: HeadWeights, entropies: Sequence[Sequence[float]], packing: Packing
) -> dict[str, object]:
    heads = [
        Head(matrix, layer, head, entropies[layer][head])
        for layer, weights in enumerate(attention.layers)
        for head, matrix in enumerate(weights)
    ]
    sides = Sides(attention.query, attention.key)
    return matrices(attention.name, sides, heads, packing, attention.mask)
