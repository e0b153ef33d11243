"""The ways of attending that are compared, each on the decoder that it was published with.

But for those that read one word alone: they stand on Luong's, which knows the last word that it has
written when it looks. Bahdanau's looks before it does, and cannot know where.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from regard.recipes.translate.architectures import RecurrentSettings
from regard.recipes.translate.settings import TranslateSettings

__all__ = ["VARIANTS", "Variant"]

Variant = Callable[[TranslateSettings], TranslateSettings]
"""From the settings that all variants share to those of one.

Raises a ValueError where they do not go together, or would choose what the variant is to choose.
"""


def _attending(**changes: Any) -> Variant:
    """Return what differs in this from the additive soft attention of Bahdanau et al. (2015)."""
    chosen = {
        "decoder": "bahdanau",
        "attention": "global",
        "score": "additive",
        "normalizer": "softmax",
        **changes,
    }

    def variant(shared: TranslateSettings) -> TranslateSettings:
        model = _recurrent(shared)
        for name, value in chosen.items():
            if getattr(model, name) not in (value, getattr(RecurrentSettings, name)):
                raise ValueError(f"variants choose model.{name}")
        return replace(shared, model=replace(model, **chosen))

    return variant


def _recurrent(shared: TranslateSettings) -> RecurrentSettings:
    if isinstance(shared.model, RecurrentSettings):
        return shared.model
    raise ValueError("it is a way for a recurrent translator to attend, not for a Transformer")


def _luong_dot(shared: TranslateSettings) -> TranslateSettings:
    # Of both directions together the encoder's states are to be as wide as the decoder's.
    width = _recurrent(shared).hidden_dim
    if width % 2:
        raise ValueError(
            f"model.hidden_dim must be even, half for each direction of the encoder; got {width}"
        )
    return _attending(decoder="luong", score="dot", encoder_dim=width // 2)(shared)


VARIANTS: dict[str, Variant] = {
    "bahdanau": _attending(),
    "luong_dot": _luong_dot,
    "luong_general": _attending(decoder="luong", score="bilinear"),
    "luong_concat": _attending(decoder="luong", score="concat"),
    "luong_location": _attending(decoder="luong", score="location"),
    "local_m": _attending(decoder="luong", score="bilinear", attention="local_m"),
    "local_p": _attending(decoder="luong", score="bilinear", attention="local_p"),
    "coverage": _attending(attention="coverage"),
    "hard": _attending(decoder="luong", score="bilinear", attention="hard"),
    "gumbel": _attending(decoder="luong", score="bilinear", normalizer="gumbel"),
    "marginal": _attending(decoder="luong", score="bilinear", attention="marginal"),
    "monotonic": _attending(attention="monotonic"),
    "mocha": _attending(attention="chunkwise"),
    "sparsemax": _attending(normalizer="sparsemax"),
    "entmax15": _attending(normalizer="entmax15"),
}
"""By the names that they have in the literature."""
