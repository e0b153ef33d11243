"""Small Transformers learn to copy and to reverse, however they tell positions."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from regard import rotary
from regard.models import TransformerTranslator
from regard.nn import (
    BranchedAttention,
    CachedMultiHeadAttention,
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    LearnedPositions,
    PostNorm,
    PreNorm,
    TransformerDecoder,
    TransformerEncoder,
)
from tests.learning.symbols import LONGEST, VOCAB, judged

pytestmark = pytest.mark.learning

WIDTH, HEADS = 32, 2


def made(
    *,
    norm: Any = PreNorm,
    of_itself: Callable[[], CachedMultiHeadAttention] | None = None,
    branched: bool = False,
    **options: Any,
) -> TransformerTranslator:
    """Make a Transformer of two layers."""
    torch.manual_seed(0)
    around = partial(norm, WIDTH)

    def attention() -> CachedMultiHeadAttention:
        if branched:
            return BranchedAttention(WIDTH, HEADS, feedforward_dim=64)
        return CachedMultiHeadAttention(WIDTH, HEADS)

    def feedforward() -> FeedForward | None:
        return None if branched else FeedForward(WIDTH, 64)

    own = of_itself or partial(CachedMultiHeadAttention, WIDTH, HEADS)
    encoder = TransformerEncoder(
        EncoderLayer(of_itself() if of_itself else attention(), feedforward(), norm=around)
        for _ in range(2)
    )
    decoder = TransformerDecoder(
        DecoderLayer(own(), attention(), feedforward(), norm=around) for _ in range(2)
    )
    return TransformerTranslator(
        source_vocab=VOCAB,
        target_vocab=VOCAB,
        embed_dim=WIDTH,
        encoder=encoder,
        decoder=decoder,
        dropout=0.0,
        **options,
    )


LEARNING: dict[str, Callable[[], TransformerTranslator]] = {
    "pre": made,
    "post": partial(made, norm=PostNorm, tied=True),
    "learned": partial(made, positions=partial(LearnedPositions, LONGEST + 1, WIDTH)),
    "rotary": partial(
        made,
        positions=None,
        of_itself=partial(CachedMultiHeadAttention, WIDTH, HEADS, rotate=rotary.rotary),
    ),
    "multi_query": partial(
        made, of_itself=partial(CachedMultiHeadAttention, WIDTH, HEADS, num_kv_heads=1)
    ),
    "weighted": partial(made, branched=True),
}


@pytest.mark.parametrize("name", [name for name in LEARNING if name != "rotary"])
def test_transformer_learns_to_reverse(name: str) -> None:
    exact, _ = judged(LEARNING[name](), "reverse", 250, learning_rate=5e-3)
    assert exact >= 0.95


def test_rotary_positions_suffice_to_copy_and_it_looks_where_it_must() -> None:
    """They tell the distance from the beginning only by attention to it: it takes longer."""
    exact, right = judged(LEARNING["rotary"](), "copy", 400, learning_rate=1e-2)
    assert exact >= 0.95
    assert right >= 0.75
