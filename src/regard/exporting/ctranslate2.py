"""A Transformer in the format of CTranslate2, an engine that translates fast on CPUs and GPUs."""

from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from regard.exporting.files import TOLERANCE, largest_difference, running
from regard.exporting.programs import ExportError, example_texts, require_evaluation
from regard.functional.masks import Window
from regard.functional.normalizers import softmax
from regard.functional.rotary import rotary
from regard.interfaces import BOS, EOS, UNK, Tokens
from regard.nn.multihead import CachedMultiHeadAttention
from regard.nn.norms import PostNorm, PreNorm
from regard.nn.scores import ScaledDotScore
from regard.nn.transformer import (
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    TransformerDecoder,
    TransformerEncoder,
)

__all__ = ["Vocabularies", "difference", "write_ctranslate2"]


class Vocabularies(NamedTuple):
    """The tokens of either side, by their ids."""

    source: list[str]
    target: list[str]


@runtime_checkable
class _Transformer(Protocol):
    """What a Transformer that translates is made of."""

    encoder: TransformerEncoder
    decoder: TransformerDecoder
    source_embedding: nn.Embedding
    target_embedding: nn.Embedding
    source_positions: nn.Module | None
    target_positions: nn.Module | None
    output: nn.Linear
    reach: int | None
    aligned_by: int


def write_ctranslate2(
    model: nn.Module, vocabularies: Vocabularies, folder: Path, *, max_len: int
) -> None:
    """Write a Transformer for CTranslate2 to a folder that is there.

    Args:
        max_len: tokens of the longest source; a translation may have twice as many, and twelve.

    Raises:
        ExportError: the model is no Transformer, or the engine does not know one of its parts.
        ValueError: the model is in training.
    """
    require_evaluation(model)
    if not isinstance(getattr(model, "encoder", None), TransformerEncoder):
        raise ExportError(f"CTranslate2 runs Transformers; this is a {type(model).__name__}")
    transformer = cast(_Transformer, model)
    _check_parts(transformer)
    spec = _specification(transformer)
    _fill_encoder(spec.encoder, transformer, max_len + 1)
    _fill_decoder(spec.decoder, transformer, 2 * max_len + 12)
    spec.register_source_vocabulary(vocabularies.source)
    spec.register_target_vocabulary(vocabularies.target)
    spec.config.bos_token = spec.config.decoder_start_token = vocabularies.target[BOS]
    spec.config.eos_token = vocabularies.target[EOS]
    spec.config.unk_token = vocabularies.target[UNK]
    spec.config.add_source_eos = True
    spec.config.layer_norm_epsilon = _first(transformer).attention_norm.norm.eps
    spec.validate()
    spec.optimize(quantization=None)
    spec.save(str(folder))


@torch.no_grad()
def difference(model: nn.Module, vocabularies: Vocabularies, folder: Path) -> float:
    """Return by how much the engine's log-probabilities differ from the model's at most.

    Raises:
        ExportError: they differ by more than `TOLERANCE`, or the engine cannot run what it reads.
    """
    from ctranslate2 import Translator as Engine

    sources = example_texts(len(vocabularies.source))[0]
    targets = example_texts(len(vocabularies.target))[1].ids[: len(sources.ids), :4]
    with running(type(model).__name__):
        scored = Engine(str(folder), device="cpu").score_batch(
            [_tokens(row[:-1], vocabularies.source) for row in _rows(sources)],
            [_tokens(row, vocabularies.target) for row in targets.tolist()],
        )
    found = torch.tensor([result.log_probs for result in scored])
    ends = sources.ids.scatter(1, (sources.lengths - 1).unsqueeze(1), EOS)
    written = Tokens(F.pad(targets, (1, 0), value=BOS), torch.full_like(sources.lengths, 5))
    log_probs = model(sources._replace(ids=ends), written).float().log_softmax(dim=-1)
    wanted = log_probs.gather(2, F.pad(targets, (0, 1), value=EOS).unsqueeze(2)).squeeze(2)
    largest = largest_difference(wanted, found)
    if largest > TOLERANCE:
        raise ExportError(
            f"the engine's log-probabilities differ from the model's by {largest:.1g}"
        )
    return largest


def _rows(texts: Tokens) -> list[list[int]]:
    rows, lengths = texts.ids.tolist(), texts.lengths.tolist()
    return [row[:length] for row, length in zip(rows, lengths, strict=True)]


def _tokens(ids: list[int], vocabulary: list[str]) -> list[str]:
    return [vocabulary[id_] for id_ in ids]


def _first(model: _Transformer) -> EncoderLayer:
    return cast(EncoderLayer, model.encoder.layers[0])


def _check_parts(model: _Transformer) -> None:
    """Refuse what the engine would compute otherwise, or not at all."""
    if model.reach is not None:
        raise ExportError(f"CTranslate2 knows no window of self-attention; reach is {model.reach}")
    stacks: dict[str, TransformerEncoder | TransformerDecoder] = {
        "encoder": model.encoder,
        "decoder": model.decoder,
    }
    parts = [(f"{a}.{b}", c) for a, stack in stacks.items() for b, c in stack.named_modules()]
    # Attention first, which can say more than the layer that it is a part of.
    for name, part in parts:
        if isinstance(part, CachedMultiHeadAttention):
            of_source = name.endswith("source_attention")
            reason = _unknown_in_attention(part, of_source=of_source)
            reason = reason or _other_than(_first(model).attention, part, of_source=of_source)
            _refuse_unknown(name, part, reason)
    for name, part in parts:
        if isinstance(part, EncoderLayer | DecoderLayer):
            _refuse_unknown(name, part, _unknown_in_layer(part, stacks[name.partition(".")[0]]))


def _refuse_unknown(name: str, part: nn.Module, reason: str | None) -> None:
    if reason is not None:
        raise ExportError(f"CTranslate2 does not know {name} ({type(part).__name__}): {reason}")


def _unknown_in_attention(attention: CachedMultiHeadAttention, *, of_source: bool) -> str | None:
    if type(attention) is not CachedMultiHeadAttention:
        return "it is no plain multi-head attention"
    if type(attention.score) is not ScaledDotScore:
        return f"its score is a {type(attention.score).__name__}"
    if attention.normalizer is not softmax:
        named = getattr(attention.normalizer, "__name__", type(attention.normalizer).__name__)
        return f"its normalizer is {named}"
    if attention.num_shared > 1:
        return "its heads share keys and values"
    if attention.rotate is not None and (attention.rotate is not rotary or of_source):
        return "it turns queries and keys in another way"
    return None


def _other_than(
    first: CachedMultiHeadAttention, attention: CachedMultiHeadAttention, *, of_source: bool
) -> str | None:
    """Say in what an attention is not like the first, since the engine is told of one alone."""
    if attention.head_dim != first.head_dim:
        return f"its heads are {attention.head_dim} wide, those of the first {first.head_dim}"
    if attention.rotate is not first.rotate and not of_source:
        return "it turns queries and keys, or does not, other than the first"
    return None


def _unknown_in_layer(
    layer: EncoderLayer | DecoderLayer, stack: TransformerEncoder | TransformerDecoder
) -> str | None:
    if not isinstance(layer.feedforward, FeedForward):
        return "it has no feed-forward layer"
    if isinstance(layer, DecoderLayer) and layer.window != Window(None, 0):
        return f"it has a window of self-attention; reach is {layer.window.before}"
    kind = type(cast(EncoderLayer | DecoderLayer, stack.layers[0]).attention_norm)
    for norm in (layer.attention_norm, layer.feedforward_norm, getattr(layer, "source_norm", None)):
        if norm is not None and type(norm) is not kind:
            return f"it has a {type(norm).__name__}, the first layer a {kind.__name__}"
    return None


def _specification(model: _Transformer) -> Any:
    """Return what the engine is told of the architecture; weights are to be filled in."""
    from ctranslate2.specs import transformer_spec as specs

    attention = _first(model).attention
    shape = {
        "num_heads": attention.num_heads,
        **({} if attention.rotate is None else {"rotary_dim": attention.head_dim}),
    }
    aligned = {"alignment_layer": model.aligned_by, "alignment_heads": attention.num_heads}
    # Layers that normalise first are those that a final norm follows.
    encoder, decoder = (
        {"num_layers": len(stack.layers), "pre_norm": isinstance(stack.norm, nn.LayerNorm)}
        for stack in (model.encoder, model.decoder)
    )
    return specs.TransformerSpec(
        specs.TransformerEncoderSpec(**encoder, **shape),
        specs.TransformerDecoderSpec(**decoder, **shape, **aligned),
    )


def _fill_encoder(spec: Any, model: _Transformer, num_positions: int) -> None:
    spec.embeddings[0].weight = _numbers(model.source_embedding.weight)
    spec.position_encodings.encodings = _places(model.source_positions, num_positions, model)
    if isinstance(model.encoder.norm, nn.LayerNorm):
        _fill_norm(spec.layer_norm, model.encoder.norm)
    for filled, layer in zip(spec.layer, model.encoder.layers, strict=True):
        own = cast(EncoderLayer, layer)
        _fill_own(filled.self_attention, own.attention, own.attention_norm)
        _fill_feedforward(filled.ffn, own)


def _fill_decoder(spec: Any, model: _Transformer, num_positions: int) -> None:
    spec.embeddings.weight = _numbers(model.target_embedding.weight)
    if hasattr(spec, "position_encodings"):
        spec.position_encodings.encodings = _places(model.target_positions, num_positions, model)
    if isinstance(model.decoder.norm, nn.LayerNorm):
        _fill_norm(spec.layer_norm, model.decoder.norm)
    _fill_linear(spec.projection, model.output)
    for filled, layer in zip(spec.layer, model.decoder.layers, strict=True):
        own = cast(DecoderLayer, layer)
        _fill_own(filled.self_attention, own.attention, own.attention_norm)
        attention, norm = own.source_attention, own.source_norm
        if attention is None or norm is None:
            raise ExportError("CTranslate2 translates from a source; a layer attends to none")
        _fill_linear(filled.attention.linear[0], attention.query)
        _fill_linear(filled.attention.linear[1], attention.key, attention.value)
        _fill_linear(filled.attention.linear[2], attention.output)
        _fill_norm(filled.attention.layer_norm, norm.norm)
        _fill_feedforward(filled.ffn, own)


def _fill_own(spec: Any, attention: CachedMultiHeadAttention, norm: PreNorm | PostNorm) -> None:
    _fill_linear(spec.linear[0], attention.query, attention.key, attention.value)
    _fill_linear(spec.linear[1], attention.output)
    _fill_norm(spec.layer_norm, norm.norm)


def _fill_feedforward(spec: Any, layer: EncoderLayer | DecoderLayer) -> None:
    feedforward, norm = cast(FeedForward, layer.feedforward), layer.feedforward_norm
    _fill_linear(spec.linear_0, cast(nn.Linear, feedforward[0]))
    _fill_linear(spec.linear_1, cast(nn.Linear, feedforward[3]))
    if norm is not None:
        _fill_norm(spec.layer_norm, norm.norm)


def _fill_linear(spec: Any, *maps: nn.Linear) -> None:
    """Fill in maps of one input, one below the other."""
    spec.weight = np.concatenate([_numbers(each.weight) for each in maps])
    if maps[0].bias is not None:
        spec.bias = np.concatenate([_numbers(each.bias) for each in maps])


def _fill_norm(spec: Any, norm: nn.LayerNorm) -> None:
    spec.gamma, spec.beta = _numbers(norm.weight), _numbers(norm.bias)


@torch.no_grad()
def _places(positions: nn.Module | None, number: int, model: _Transformer) -> NDArray[np.float32]:
    """Return what is added at each position: nothing, where attention tells positions."""
    width = model.source_embedding.embedding_dim
    if positions is None:
        return np.zeros((number, width), np.float32)
    learnt = getattr(positions, "vectors", None)
    if isinstance(learnt, nn.Embedding):
        return _numbers(learnt.weight)
    return _numbers(positions(torch.zeros(number, width)))


def _numbers(tensor: Tensor) -> NDArray[np.float32]:
    numbers: NDArray[np.float32] = tensor.detach().float().cpu().contiguous().numpy()
    return numbers
