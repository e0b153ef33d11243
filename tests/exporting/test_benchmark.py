"""The benchmark that exports a Transformer runs, of vocabularies of any sizes."""

from typing import Any

import pytest

from benchmarks import transformer_translator
from regard.data.tokenizers import Tokenizer
from regard.decoding import Beam
from regard.interfaces import EOS
from regard.models import TransformerTranslator
from regard.nn import TransformerDecoder, TransformerEncoder
from regard.recipes.translate.system import TranslationSystem

SIZES: dict[str, Any] = {"num_layers": 1, "num_heads": 2, "feedforward_dim": 8}


@pytest.mark.parametrize("vocabularies", [(30, 20), (20, 30), (20, 5_010)], ids=str)
def test_sides_decode_with_vocabularies_of_their_own(vocabularies: tuple[int, int]) -> None:
    source, target = vocabularies
    model = TransformerTranslator(
        source_vocab=source,
        target_vocab=target,
        embed_dim=8,
        encoder=TransformerEncoder.plain(8, **SIZES),
        decoder=TransformerDecoder.plain(8, **SIZES),
    ).eval()
    empty = Tokenizer.characters(["-"])
    system = TranslationSystem(model, empty, empty)
    search = Beam(beam_size=2, max_len=3)
    table = transformer_translator._decoded(system, [[5, 6, EOS], [7, EOS]], search, repeats=1)
    assert table.row_count == 3
