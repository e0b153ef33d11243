"""One colour scale for every picture: cream to deep blue, its lightness changing evenly.

Lightness alone orders it, so it reads the same in grey, in print and to colour-blind eyes.
"""

__all__ = ["ON_DARK", "ON_LIGHT", "ink", "percent"]

# Equal steps of lightness in OKLab, from 0.2 to 0.975, while the hue turns from blue to yellow.
_ANCHORS = (
    "#0d0e3b",
    "#002c5f",
    "#004d6b",
    "#006d7c",
    "#038f8a",
    "#37b18c",
    "#7acf86",
    "#c6e39b",
    "#faf9de",
)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def _blend(position: float) -> str:
    """Return the colour at `position`, from 0 at the first anchor to 1 at the last."""
    place = position * (len(_ANCHORS) - 1)
    lower = min(int(place), len(_ANCHORS) - 2)
    share = place - lower
    ends = zip(_channels(_ANCHORS[lower]), _channels(_ANCHORS[lower + 1]), strict=True)
    return "#" + bytes(round(a + (b - a) * share) for a, b in ends).hex()


ON_DARK = tuple(_blend(step / 100) for step in range(101))
"""The colour of every whole percent on a dark surface: weight 0 is dark, weight 1 shines."""

ON_LIGHT = ON_DARK[::-1]
"""The colour of every whole percent on paper: weight 0 is cream, weight 1 deep blue."""


def percent(weight: float) -> int:
    """Return the weight in whole percent, the resolution in which colours are told apart."""
    return round(100 * min(max(weight, 0.0), 1.0))


def ink(background: str) -> str:
    """Return black or white, whichever is easier to read on the background."""
    linear = [(channel / 255) ** 2.2 for channel in _channels(background)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # Here the contrast ratios with black and with white are the same.
    return "#000000" if luminance > 0.179 else "#ffffff"
