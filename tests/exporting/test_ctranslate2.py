"""CTranslate2 gives what the Transformer gives, or is not given what it does not know."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ctranslate2
import pytest
import torch
from torch import nn

from regard import nn as layers
from regard import rotary
from regard.decoding import Beam
from regard.exporting import ExportError, Vocabularies, write_ctranslate2
from regard.exporting.ctranslate2 import difference
from regard.interfaces import EOS, Tokens
from regard.models import TransformerTranslator
from regard.nn import PreNorm
from regard.recipes.translate.architectures import WeightedTransformerSettings
from regard.recipes.translate.transformer import make_transformer
from tests.drawing import VOCAB
from tests.model_cases import translator
from tests.transformer_cases import TRANSFORMERS, transformer

NAMES = ["<pad>", "<unk>", "<bos>", "<eos>", *(f"word{number}" for number in range(VOCAB - 4))]
VOCABULARIES = Vocabularies(NAMES, NAMES)
MAX_LEN = 20
WEIGHTED = WeightedTransformerSettings(embed_dim=8, num_layers=1, num_heads=2, feedforward_dim=8)

KNOWN: dict[str, Callable[[], TransformerTranslator]] = {
    "pre": transformer,
    "post": lambda: transformer(norm=layers.PostNorm, tied=True),
    "learned": lambda: transformer(positions=partial(layers.LearnedPositions, 64, 8)),
    "rotary": lambda: transformer(positions=None, of_itself={"rotate": lambda: rotary.rotary}),
    "shared": lambda: transformer(shared=True, tied=True),
}

UNKNOWN: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "recurrent": (translator, "runs Transformers; this is a RecurrentTranslator"),
    "window": (TRANSFORMERS["window"], "no window of self-attention; reach is 1"),
    "additive": (TRANSFORMERS["additive"], r"attention.*: its score is a AdditiveScore"),
    "sparsemax": (TRANSFORMERS["sparsemax"], r"attention.*: its normalizer is sparsemax"),
    "shared_keys": (TRANSFORMERS["shared_keys"], "its heads share keys and values"),
    "base": (TRANSFORMERS["rotary"], "it turns queries and keys in another way"),
    "weighted": (
        lambda: make_transformer(WEIGHTED, VOCAB, VOCAB, MAX_LEN),
        r"encoder.layers.0.attention \(BranchedAttention\): it is no plain multi-head attention",
    ),
    "one_without_feedforward": (
        lambda: with_layer(layers.EncoderLayer(attention(2), None, norm=partial(PreNorm, 8))),
        r"encoder.layers.1 \(EncoderLayer\): it has no feed-forward layer",
    ),
    "one_window": (
        lambda: with_layer(transformer(reach=5).decoder.layers[1]),
        r"decoder.layers.1 \(DecoderLayer\): it has a window of self-attention; reach is 5",
    ),
    "other_heads": (
        lambda: with_layer(
            layers.DecoderLayer(
                attention(2), attention(4), layers.FeedForward(8, 6), norm=partial(PreNorm, 8)
            )
        ),
        r"decoder.layers.1.source_attention .*: its heads are 2 wide, those of the first 4$",
    ),
    "one_rotary": (
        lambda: with_layer(KNOWN["rotary"]().decoder.layers[1]),
        r"decoder.layers.1.attention .*: it turns queries and keys, or does not, other than the f",
    ),
    "other_norms": (
        lambda: with_layer(KNOWN["post"]().encoder.layers[1]),
        r"encoder.layers.1 \(EncoderLayer\): it has a PostNorm, the first layer a PreNorm$",
    ),
}


def attention(num_heads: int) -> layers.CachedMultiHeadAttention:
    return layers.CachedMultiHeadAttention(8, num_heads)


def with_layer(layer: nn.Module) -> TransformerTranslator:
    """Make a Transformer with this as the second layer of its encoder or its decoder."""
    model = transformer()
    stack = model.encoder if isinstance(layer, layers.EncoderLayer) else model.decoder
    stack.layers[1] = layer
    return model


def written(model: nn.Module, folder: Path) -> ctranslate2.Translator:
    write_ctranslate2(model, VOCABULARIES, folder, max_len=MAX_LEN)
    return ctranslate2.Translator(str(folder), device="cpu", intra_threads=1)


def drawn(make: Callable[[], TransformerTranslator]) -> Any:
    """Make a model whose norms and biases do not begin as if they were not there."""
    model = make().eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.mark.parametrize("name", KNOWN)
def test_the_engine_predicts_what_the_model_predicts(name: str, tmp_path: Path) -> None:
    model = drawn(KNOWN[name])
    written(model, tmp_path)
    assert difference(model, VOCABULARIES, tmp_path) < 1e-5


@pytest.mark.parametrize("name", ["post", "rotary"])
def test_the_engine_writes_what_the_model_writes(name: str, tmp_path: Path) -> None:
    model = drawn(KNOWN[name])
    engine = written(model, tmp_path)
    sources = [[5, 6, 7, 8, 9], [4], [10, 9, 4]]
    for source in sources:
        tokens = Tokens(torch.tensor([[*source, EOS]]), torch.tensor([len(source) + 1]))
        [[best]] = Beam(beam_size=1)(model, tokens)
        [found] = engine.translate_batch(
            [[NAMES[id_] for id_ in source]],
            beam_size=1,
            max_decoding_length=2 * len(source) + 12,
            suppress_sequences=[["<pad>"], ["<bos>"]],
        )
        assert found.hypotheses[0] == [NAMES[id_] for id_ in best.tokens]


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_part_that_the_engine_does_not_know_is_named(name: str, tmp_path: Path) -> None:
    make, message = UNKNOWN[name]
    with pytest.raises(ExportError, match=message):
        write_ctranslate2(make().eval(), VOCABULARIES, tmp_path, max_len=MAX_LEN)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_gives_something_else_is_refused(tmp_path: Path) -> None:
    written(drawn(KNOWN["pre"]), tmp_path)
    with pytest.raises(ExportError, match="log-probabilities differ from the model's by"):
        difference(KNOWN["pre"]().eval(), VOCABULARIES, tmp_path)


def test_files_that_the_engine_cannot_run_are_refused(tmp_path: Path) -> None:
    failing = r"^the TransformerTranslator cannot be exported: run from the file, it fails: [^\n]+$"
    with pytest.raises(ExportError, match=failing):
        difference(KNOWN["pre"]().eval(), VOCABULARIES, tmp_path)
