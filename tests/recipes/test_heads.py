"""Where every head looks: the weights are the model's own, beside the right tokens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from regard.data.encoders import TextEncoder
from regard.data.labels import Labels
from regard.data.line_ends import LineTokenizer
from regard.data.tokenizers import Tokenizer
from regard.decoding import Beam
from regard.functional import normalizers
from regard.inspection.head_weights import HeadWeights
from regard.interfaces import EOS, UNK
from regard.models import RecurrentClassifier, TransformerClassifier, TransformerTranslator
from regard.nn.heads import Heads
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.generate import parts
from regard.recipes.generate.system import GenerationSystem
from regard.recipes.heads import FIRST, has_heads
from regard.recipes.translate.architectures import (
    TransformerSettings,
    WeightedTransformerSettings,
)
from regard.recipes.translate.model import make_model
from regard.recipes.translate.system import TranslationSystem
from tests import toy_text
from tests.toy_language import WORDS, tiny

SIZES: dict[str, Any] = {"embed_dim": 16, "num_layers": 2, "num_heads": 4, "feedforward_dim": 24}
SOURCE = Tokenizer.words(WORDS, min_frequency=1)
TARGET = Tokenizer.words(WORDS.values(), min_frequency=1)
TEXT = "ein mann sieht ein klein haus"
ATTENTIONS = {
    "encoder self-attention": ("encoder", "encoder.layers.{}.attention"),
    "decoder self-attention": ("decoder", "decoder.layers.{}.attention"),
    "cross-attention, target to source": ("source", "decoder.layers.{}.source_attention"),
}
"""What a translator's attentions are called: in pictures, in settings, in the model."""

Projections = dict[str, dict[str, Tensor]]
"""What each layer has made of what it was asked: `position width` of query and key."""


def translator(
    kind: type[TransformerSettings] = TransformerSettings, max_len: int = 20, **changes: Any
) -> TranslationSystem:
    """Make one that has learnt nothing, and looks here more than there."""
    settings = replace(tiny(), model=kind(**{**SIZES, **changes}))
    settings = replace(settings, data=replace(settings.data, max_len=max_len))
    model = make_model(settings, SOURCE.vocab_size, TARGET.vocab_size)
    look_sharply(model)
    return TranslationSystem(model, SOURCE, TARGET, max_len=max_len)


def look_sharply(model: nn.Module) -> None:
    with torch.no_grad():
        for name, part in model.named_parameters():
            if name.endswith(("query.weight", "key.weight")):
                part.mul_(3)


@contextmanager
def projected(model: nn.Module) -> Iterator[Projections]:
    """Note what every layer projects last while the block runs."""
    noted: Projections = {}

    def note(layer: str, part: str, _module: nn.Module, _given: Any, found: Tensor) -> None:
        noted.setdefault(layer, {})[part] = found[0].detach()

    hooks = [
        getattr(layer, part).register_forward_hook(partial(note, name, part))
        for name, layer in model.named_modules()
        if isinstance(layer, Heads)
        for part in ("query", "key")
    ]
    yield noted
    for hook in hooks:
        hook.remove()


def weights_of(
    noted: dict[str, Tensor],
    allowed: Tensor,
    normalizer: Callable[..., Tensor] = normalizers.softmax,
    num_heads: int = 4,
) -> Tensor:
    """Compute the weights by the formula, head by head."""
    width = noted["query"].shape[1] // num_heads
    num_shared = num_heads * width // noted["key"].shape[1]
    of_heads = []
    for head in range(num_heads):
        query = noted["query"][:, head * width :][:, :width]
        key = noted["key"][:, head // num_shared * width :][:, :width]
        of_heads.append(normalizer(query @ key.T / width**0.5, allowed))
    return torch.stack(of_heads)


def within(length: int, before: int, after: int) -> Tensor:
    """Spell out who may attend whom."""
    return torch.tensor(
        [[at - before <= key <= at + after for key in range(length)] for at in range(length)]
    )


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (TransformerSettings, {}),
        (TransformerSettings, {"norm": "pre", "reach": 2}),
        (TransformerSettings, {"num_kv_heads": 1, "reach": 1}),
        (TransformerSettings, {"num_kv_heads": 2}),
        (WeightedTransformerSettings, {"source_normalizer": "entmax15"}),
        (
            TransformerSettings,
            {
                "encoder_normalizer": "sparsemax",
                "decoder_normalizer": "sigmoid",
                "source_normalizer": "entmax15",
            },
        ),
    ],
    ids=str,
)
def test_the_weights_are_those_of_the_model(
    kind: type[TransformerSettings], changes: dict[str, Any]
) -> None:
    system = translator(kind, **changes)
    [[best]] = system.translate([TEXT], Beam(3, min_len=4, max_len=9))
    with projected(system.model) as noted:
        attentions = system.heads(TEXT, best)
    num_source, num_target = len(TEXT.split()) + 1, len(best.target_tokens) + 1
    reach = changes.get("reach", 1_000)
    allowed = [
        within(num_source, reach, reach),
        within(num_target, reach, 0),
        torch.ones(num_target, num_source, dtype=torch.bool),
    ]
    assert [attention.name for attention in attentions] == list(ATTENTIONS)
    for attention, mask in zip(attentions, allowed, strict=True):
        side, layers = ATTENTIONS[attention.name]
        normalizer = getattr(normalizers, changes.get(f"{side}_normalizer", "softmax"))
        assert len(attention.layers) == 2
        for layer, found in enumerate(attention.layers):
            wanted = weights_of(noted[layers.format(layer)], mask, normalizer)
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)
            if normalizer is not normalizers.sigmoid:
                torch.testing.assert_close(found.sum(-1), torch.ones(found.shape[:2]))
        drawn = torch.ones_like(mask) if attention.mask is None else attention.mask
        assert torch.equal(drawn, mask)


@pytest.mark.parametrize("beam_size", [1, 4])
@pytest.mark.parametrize(
    "changes", [{"positions": "rotary"}, {"positions": "learned", "aligned_by": 0}], ids=str
)
def test_a_translation_is_read_as_it_was_written(changes: dict[str, Any], beam_size: int) -> None:
    system = translator(**changes)
    [[best]] = system.translate([TEXT], Beam(beam_size, min_len=4, max_len=9))
    to_source = system.heads(TEXT, best)[2]
    layer = to_source.layers[changes.get("aligned_by", -1)]
    num_written = len(best.target_tokens)
    assert num_written >= 4
    torch.testing.assert_close(
        layer.mean(dim=0)[:num_written, :-1], best.alignment, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    ("chosen", "layer", "head"),
    [({"layer": 0}, 0, None), ({"layer": 0, "head": 3}, 0, 3), ({"head": -1}, 1, 3)],
    ids=str,
)
def test_an_alignment_is_that_of_the_chosen_head(
    chosen: dict[str, int], layer: int, head: int | None
) -> None:
    system = translator()
    [[unchosen]] = system.translate([TEXT], Beam(3, min_len=4, max_len=9))
    system.align_by(**chosen)
    [[best]] = system.translate([TEXT], Beam(3, min_len=4, max_len=9))
    assert best.target_tokens == unchosen.target_tokens
    assert not torch.allclose(best.alignment, unchosen.alignment, atol=1e-3)
    weights = system.heads(TEXT, best)[2].layers[layer]
    wanted = weights.mean(dim=0) if head is None else weights[head]
    found = best.alignment
    torch.testing.assert_close(wanted[: len(found), :-1], found, rtol=1e-4, atol=1e-6)


def test_a_head_that_is_not_there_is_named() -> None:
    system = translator()
    with pytest.raises(ValueError, match="there are 2 layers, from 0; there is no layer 2"):
        system.align_by(2)
    with pytest.raises(ValueError, match="there are 4 heads, from 0; there is no head -5"):
        system.align_by(0, -5)
    with pytest.raises(IndexError):
        cast(TransformerTranslator, system.model).align_by(0, 4)


def test_weights_stand_beside_the_tokens_that_look() -> None:
    system = translator()
    text = "ein qwertz sieht"
    [given] = system.align([text], ["a qwertz sees"])
    assert UNK in given.ids
    encoder, decoder, to_source = system.heads(text, given)
    source = ["ein", "qwertz", "sieht", "<eos>"]
    assert (encoder.query, encoder.key) == (source, source)
    read = ["<bos>", "a", "qwertz", "sees"]
    assert (decoder.query, decoder.key) == (read, read)
    assert (to_source.query, to_source.key) == (["a", "qwertz", "sees", "<eos>"], source)


def test_what_is_cut_is_not_looked_at() -> None:
    system = translator(max_len=3)
    [[best]] = system.translate([TEXT])
    assert best.num_cut == 3
    assert system.heads(TEXT, best)[0].key == ["ein", "mann", "sieht", "<eos>"]


def test_a_translation_that_came_to_no_end_has_no_end() -> None:
    system = translator(max_len=3, positions="learned")
    with torch.no_grad():
        system.model.get_parameter("output.bias")[EOS] = -1e4
    [[best]] = system.translate(["ein mann"])
    _, decoder, to_source = system.heads("ein mann", best)
    assert len(best.ids) == 16  # twice the source with its end, and 10
    assert to_source.query == best.target_tokens
    assert decoder.query == ["<bos>", *best.target_tokens[:-1]]


def test_looking_neither_drops_anything_nor_ends_a_training() -> None:
    system = translator(dropout=0.5)
    [[best]] = system.translate([TEXT])
    system.model.train()
    once, again = system.heads(TEXT, best), system.heads(TEXT, best)
    assert system.model.training
    for first, second in zip(once, again, strict=True):
        assert all(map(torch.equal, first.layers, second.layers))
        assert not any(weights.requires_grad for weights in first.layers)


def writer(**changes: Any) -> GenerationSystem:
    tokenizer = LineTokenizer(Tokenizer.characters(["abc .\n"]))
    model = parts.make_model(toy_text.tiny(model=changes), tokenizer.vocab_size)
    look_sharply(model)
    return GenerationSystem(model, tokenizer)


def test_a_language_model_looks_back_from_every_head() -> None:
    system = writer(reach=3, num_heads=4)
    with projected(system.model) as noted:
        [attention] = system.heads("a cab.")
    tokens = ["<bos>", *"a cab."]
    assert (attention.name, attention.query, attention.key) == ("self-attention", tokens, tokens)
    assert attention.mask is not None
    assert torch.equal(attention.mask, within(7, 3, 0))
    for layer, weights in enumerate(attention.layers):
        for head in range(4):
            looked = system.look("a cab.", layer=layer, head=head)
            torch.testing.assert_close(weights[head], looked.weights)
    assert system.model.get_submodule("decoder.layers.0.attention").rotate is not None
    unrotated = weights_of(noted["decoder.layers.0.attention"], attention.mask)
    assert not torch.allclose(attention.layers[0], unrotated, atol=1e-3)


def test_what_was_written_is_read_in_the_same_tokens() -> None:
    system = writer()
    [[written]] = system.generate(["ab"], length=5)
    [attention] = system.heads(written)
    assert attention.key == ["<bos>", *written.tokens]


def classifier(pooling: Any = None) -> ClassificationSystem:
    model = TransformerClassifier(
        vocab=SOURCE.vocab_size, num_outputs=1, embed_dim=16, pooling=pooling
    )
    look_sharply(model)
    return ClassificationSystem(model, TextEncoder(SOURCE, max_len=5), Labels(("bad", "good")))


@pytest.mark.parametrize("pooling", [None, "first"])
def test_a_classifier_looks_from_every_word(pooling: Any) -> None:
    system = classifier(pooling)
    with projected(system.model) as noted:
        [attention] = system.heads("Ein MANN sieht ein haus, klein")
    tokens = ["Ein", "MANN", "sieht", "ein", "haus"]
    assert attention.key == attention.query == ([FIRST, *tokens] if pooling else tokens)
    everyone = torch.ones(len(attention.key), len(attention.key), dtype=torch.bool)
    for layer, weights in enumerate(attention.layers):
        wanted = weights_of(noted[f"encoder.layers.{layer}.attention"], everyone)
        torch.testing.assert_close(weights, wanted, rtol=1e-4, atol=1e-6)
    assert attention.mask is None


def recurrent_translator() -> TranslationSystem:
    settings = tiny()
    return TranslationSystem(
        make_model(settings, SOURCE.vocab_size, TARGET.vocab_size), SOURCE, TARGET
    )


def recurrent_classifier() -> ClassificationSystem:
    model = RecurrentClassifier(vocab=SOURCE.vocab_size, num_outputs=1)
    return ClassificationSystem(model, TextEncoder(SOURCE), Labels(("bad", "good")))


def heads_of_translation(system: TranslationSystem, text: str) -> list[HeadWeights]:
    [[best]] = system.translate([text])
    return system.heads(text, best)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            lambda: heads_of_translation(recurrent_translator(), TEXT),
            "a RecurrentTranslator has no layers of heads to look into",
        ),
        (
            lambda: recurrent_classifier().heads(TEXT),
            "a RecurrentClassifier has no layers of heads to look into",
        ),
        (lambda: heads_of_translation(translator(), " "), "an empty text has no token that could"),
        (lambda: classifier().heads(""), "an empty text has no token that could look anywhere"),
        (lambda: classifier("first").heads(""), "an empty text has no token that could look"),
    ],
)
def test_what_has_no_heads_to_look_into_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        wrong()


def test_the_translation_of_another_text_is_refused() -> None:
    system = translator()
    [[best]] = system.translate([TEXT])
    with pytest.raises(ValueError, match="the translation of another text than 'ein haus'"):
        system.heads("ein haus", best)


def test_transformers_have_heads() -> None:
    systems = (translator(), translator(WeightedTransformerSettings), writer(), classifier())
    assert all(has_heads(system.model) for system in systems)
    assert not has_heads(recurrent_translator().model)
    assert not has_heads(recurrent_classifier().model)
