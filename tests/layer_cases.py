"""Every public layer, with the properties it declares; see `tests/cases.py`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from regard import masks, normalizers
from regard import nn as layers
from regard.nn.transformer import DecoderReading
from tests.cases import WIDTH, LayerCase
from tests.pair_cases import PAIR_LAYERS


def _read_pooled(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    return layer(sequence, lengths)


def _queries(sequence: Tensor) -> Tensor:
    """Two queries for every sequence that know nothing of it, nor of the others."""
    asked = torch.linspace(-1, 1, 2 * WIDTH, dtype=sequence.dtype).view(1, 2, WIDTH)
    return asked.expand(sequence.shape[0], 2, WIDTH)


def _read_attention(layer: Any, sequence: Tensor, lengths: Tensor) -> Tensor:
    mask = masks.padding(lengths, sequence.shape[1])
    return layer(_queries(sequence), layer.memory(sequence, sequence, mask))


def _read_in_turn(layer: Any, sequence: Tensor, lengths: Tensor) -> Tensor:
    """Let two queries read, the second knowing what the first has left behind."""
    memory = layer.memory(sequence, sequence, masks.padding(lengths, sequence.shape[1]))
    contexts = []
    for query in _queries(sequence).split(1, dim=1):
        context, memory = layer.read(query, memory)
        contexts.append(context)
    return torch.cat(contexts, dim=1)


def _read_heads(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    mask = masks.padding(lengths, sequence.shape[1])
    return layer(_queries(sequence), sequence, sequence, mask=mask)


def _read_asked(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    return layer(sequence, _queries(sequence)[:, 0], lengths)


def _read_real(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    mask = masks.padding(lengths, sequence.shape[1])
    return layer(sequence, mask).masked_fill(~mask.transpose(1, 2), 0).sum(dim=1)


def _read_forward(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    """Read what each position makes of itself and of those before it."""
    found = layer(sequence)
    found = found.sequence if isinstance(found, DecoderReading) else found
    found = found[0] if isinstance(found, tuple) else found
    return found.masked_fill(~masks.padding(lengths, sequence.shape[1]).mT, 0).sum(dim=1)


def _read_branch(norm: Any, sequence: Tensor, lengths: Tensor) -> Tensor:
    left = norm.leave(sequence, torch.tanh(norm.enter(sequence)))
    return left.masked_fill(~masks.padding(lengths, sequence.shape[1]).mT, 0).sum(dim=1)


def encoder_layer(dropout: float = 0.0) -> layers.EncoderLayer:
    attention, feedforward = layers.CachedMultiHeadAttention(WIDTH, 2), layers.FeedForward(WIDTH, 5)
    norm = partial(layers.PreNorm, WIDTH, dropout=dropout)
    return layers.EncoderLayer(attention, feedforward, norm=norm)


def _decoder_layer(**options: Any) -> layers.DecoderLayer:
    attention, feedforward = layers.CachedMultiHeadAttention(WIDTH, 2), layers.FeedForward(WIDTH, 5)
    norm = partial(layers.PostNorm, WIDTH)
    return layers.DecoderLayer(attention, None, feedforward, norm=norm, **options)


def _drawn(norm: Any) -> Any:
    """Return a norm that does not begin as all others do."""
    nn.init.normal_(norm.norm.weight)
    return norm


def _of_no_heads(layer: Any) -> Tensor:
    """Return what branches make of heads that have read nothing."""
    return layer.joined(torch.zeros(2, 1, WIDTH // 2, dtype=layer.output.weight.dtype))


def _read_final(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    return layer(sequence, lengths)[1]


def _read_features(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    return layers.MeanPooling(1)(layer(sequence, lengths), lengths)


def _read_alternatives(layer: Any, sequence: Tensor, lengths: Tensor) -> Tensor:
    memory = layer.memory(sequence, sequence, masks.padding(lengths, sequence.shape[1]))
    values, shares = layer.alternatives(_queries(sequence), memory)
    return (values * shares.unsqueeze(-1)).sum(dim=-2)


def _read_known(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    """Read out of what is known of each sequence: twice the sum of its real positions."""
    real = masks.padding(lengths, sequence.shape[1])
    known = sequence.masked_fill(~real.transpose(1, 2), 0).sum(dim=1)
    return layer(known, known)


def _read_written(layer: Any, sequence: Tensor, lengths: Tensor) -> Tensor:
    """Let a decoder write two words, about which it knows nothing of the sequence."""
    memory = layer.attention.memory(sequence, sequence, masks.padding(lengths, sequence.shape[1]))
    state = layer.start(memory, sequence.new_zeros(sequence.shape[0], WIDTH))
    features = []
    for word in _queries(sequence).unbind(dim=1):
        reading, state = layer(layer.words(word), state)
        features.append(layer.features(reading, word))
    return torch.cat(features, dim=-1)


def _of_nothing(read: Callable[..., Tensor]) -> Callable[[Any], Tensor]:
    """Return what is read of an empty sequence: not 0, for who knows something else besides."""

    def read_nothing(layer: Any) -> Tensor:
        dtype = next(layer.parameters()).dtype
        nothing = torch.zeros(1, 1, WIDTH, dtype=dtype)
        return read(layer, nothing, torch.zeros(1, dtype=torch.long)).squeeze(0)

    return read_nothing


def _decoder(make: Any, **options: Any) -> nn.Module:
    attention = layers.Attention(layers.AdditiveScore(3, WIDTH, 5))
    return make(attention, embed_dim=WIDTH, context_dim=WIDTH, hidden_dim=3, **options)


def _recurrence(cell: type[nn.GRU] | type[nn.LSTM], **options: Any) -> layers.RecurrentEncoder:
    return layers.RecurrentEncoder(cell(WIDTH, 3, batch_first=True, **options))


LAYERS = [
    LayerCase(
        "Attention",
        lambda: layers.Attention(layers.AdditiveScore(WIDTH, WIDTH, 5), normalizers.sparsemax),
        _read_attention,
    ),
    LayerCase(
        "MultiHeadAttention",
        lambda: layers.MultiHeadAttention(WIDTH, 2),
        _read_heads,
        of_nothing=lambda layer: layer.output.bias,
    ),
    LayerCase(
        "MultiQueryAttention",
        lambda: layers.MultiHeadAttention(WIDTH, 2, num_kv_heads=1, normalizer=layers.Entmax(2)),
        _read_heads,
        of_nothing=lambda layer: layer.output.bias,
        name="MultiHeadAttention",
    ),
    LayerCase(
        "LocalAttention",
        lambda: layers.LocalAttention(layers.BilinearScore(WIDTH, WIDTH), WIDTH, 3, half_width=2),
        _read_attention,
    ),
    LayerCase(
        "LocalAttention_biased",
        lambda: layers.LocalAttention(
            layers.AdditiveScore(WIDTH, WIDTH, 5),
            WIDTH,
            3,
            half_width=1,
            form="biased",
            normalizer=normalizers.sparsemax,
        ),
        _read_attention,
        name="LocalAttention",
    ),
    LayerCase(
        "LocalMonotonicAttention",
        lambda: layers.LocalMonotonicAttention(layers.BilinearScore(WIDTH, WIDTH), half_width=1),
        _read_in_turn,
    ),
    LayerCase(
        "CoverageAttention", lambda: layers.CoverageAttention(WIDTH, WIDTH, 5), _read_in_turn
    ),
    LayerCase(
        "MonotonicAttention",
        lambda: layers.MonotonicAttention(layers.AdditiveScore(WIDTH, WIDTH, 5), noise=0.0),
        _read_in_turn,
        exportable=False,  # for any number of keys
    ),
    LayerCase(
        "MonotonicAttention_chunkwise",
        lambda: layers.MonotonicAttention(
            layers.AdditiveScore(WIDTH, WIDTH, 5),
            chunk_score=layers.BilinearScore(WIDTH, WIDTH),
            chunk_len=2,
            noise=0.0,
        ),
        _read_in_turn,
        exportable=False,
        name="MonotonicAttention",
    ),
    LayerCase(
        "HardAttention",
        lambda: layers.HardAttention(layers.BilinearScore(WIDTH, WIDTH)).eval(),
        _read_in_turn,
        learns=False,  # with one of few positions taken, two layers may agree by chance
    ),
    LayerCase(
        "MarginalAttention",
        lambda: layers.MarginalAttention(layers.AdditiveScore(WIDTH, WIDTH, 5)),
        _read_attention,
    ),
    LayerCase(
        "MarginalAttention_alternatives",
        lambda: layers.MarginalAttention(layers.AdditiveScore(WIDTH, WIDTH, 5), num_alternatives=3),
        _read_alternatives,
        exportable=False,  # for any number of keys, of which there may be fewer than alternatives
        name="MarginalAttention",
    ),
    *(
        LayerCase(
            make.__name__,
            lambda make=make: make((WIDTH, WIDTH), 3),
            _read_known,
            of_nothing=_of_nothing(_read_known),
            attends=False,
        )
        for make in (layers.TanhReadout, layers.MaxoutReadout)
    ),
    *(
        LayerCase(
            make.__name__,
            lambda make=make: _decoder(make, num_layers=2, residual=True),
            _read_written,
            of_nothing=_of_nothing(_read_written),
            attends=False,  # what attends is in it
        )
        for make in (layers.BahdanauDecoder, layers.LuongDecoder)
    ),
    LayerCase("LastPooling", lambda: layers.LastPooling(WIDTH), _read_pooled, learns=False),
    LayerCase(
        "LastPooling_bidirectional",
        lambda: layers.LastPooling(WIDTH, bidirectional=True),
        _read_pooled,
        learns=False,
        name="LastPooling",
    ),
    LayerCase("MeanPooling", lambda: layers.MeanPooling(WIDTH), _read_pooled, learns=False),
    LayerCase("MaxPooling", lambda: layers.MaxPooling(WIDTH), _read_pooled, learns=False),
    LayerCase("AttentionPooling", lambda: layers.AttentionPooling(WIDTH, 3), _read_pooled),
    LayerCase(
        "AttentionPooling_additive",
        lambda: layers.AttentionPooling(WIDTH, 3, score=layers.AdditiveScore(3, 3, 5)),
        _read_pooled,
        name="AttentionPooling",
    ),
    LayerCase(
        "AttentionPooling_hard",
        lambda: layers.AttentionPooling(
            WIDTH, 3, normalizer=layers.StraightThroughGumbel().eval()
        ).eval(),
        _read_pooled,
        learns=False,  # with one of few positions taken, two layers may agree by chance
        name="AttentionPooling",
    ),
    LayerCase(
        "MultiHeadAttentionPooling",
        lambda: layers.MultiHeadAttentionPooling(WIDTH, 2, normalizer=layers.Entmax(2)),
        _read_pooled,
    ),
    LayerCase("QueryPooling", lambda: layers.QueryPooling(WIDTH, WIDTH), _read_asked),
    LayerCase("LastStateAttention", lambda: layers.LastStateAttention(WIDTH, 3), _read_pooled),
    LayerCase(
        "LastStateAttention_additive",
        lambda: layers.LastStateAttention(
            WIDTH,
            3,
            score=layers.AdditiveScore(WIDTH, WIDTH, 5),
            normalizer=normalizers.entmax15,
        ),
        _read_pooled,
        name="LastStateAttention",
    ),
    *PAIR_LAYERS,
    LayerCase(
        "NgramConvolution",
        lambda: layers.NgramConvolution(WIDTH, 3, 2),
        _read_features,
        attends=False,
    ),
    LayerCase(
        "NgramConvolutions",
        lambda: layers.NgramConvolutions(WIDTH, 3, (1, 4)),
        _read_features,
        attends=False,
    ),
    LayerCase(
        "RecurrentEncoder",
        lambda: _recurrence(nn.GRU, bidirectional=True),
        _read_final,
        exportable=False,  # it cannot be compiled; exported: test_exported_recurrences.py
        attends=False,
    ),
    LayerCase(
        "RecurrentEncoder_lstm",
        lambda: _recurrence(nn.LSTM, bidirectional=True, num_layers=2),
        _read_final,
        name="RecurrentEncoder",
        exportable=False,
        attends=False,
    ),
    LayerCase(
        "RecurrentLayers",
        lambda: layers.RecurrentLayers(WIDTH, 3, num_layers=2),
        _read_final,
        exportable=False,
        attends=False,
    ),
    LayerCase(
        "RecurrentLayers_residual",
        lambda: layers.RecurrentLayers(WIDTH, 3, num_layers=3, two_biases=True, residual=True),
        lambda layer, sequence, lengths: layer(sequence, lengths)[0].sum(dim=1),
        exportable=False,
        attends=False,
        name="RecurrentLayers",
    ),
    LayerCase(
        "CachedMultiHeadAttention",
        lambda: layers.CachedMultiHeadAttention(WIDTH, 2, num_kv_heads=1),
        _read_attention,
        of_nothing=lambda layer: layer.output.bias,
    ),
    LayerCase(
        "BranchedAttention",
        lambda: layers.BranchedAttention(WIDTH, 2, feedforward_dim=6),
        _read_attention,
        of_nothing=_of_no_heads,
    ),
    # What attends is in them.
    LayerCase("EncoderLayer", encoder_layer, _read_real, attends=False),
    LayerCase("DecoderLayer", _decoder_layer, _read_forward, attends=False),
    LayerCase(
        "DecoderLayer_window",
        lambda: _decoder_layer(reach=1),
        _read_forward,
        attends=False,
        name="DecoderLayer",
    ),
    LayerCase(
        "TransformerEncoder",
        lambda: layers.TransformerEncoder.plain(
            WIDTH, num_layers=2, num_heads=2, feedforward_dim=5, norm=layers.PreNorm, dropout=0.0
        ),
        _read_real,
        attends=False,
    ),
    LayerCase(
        "TransformerDecoder",
        lambda: layers.TransformerDecoder.plain(
            WIDTH, num_layers=2, num_heads=2, feedforward_dim=5, has_source=False, dropout=0.0
        ),
        _read_forward,
        attends=False,
    ),
    LayerCase("FeedForward", lambda: layers.FeedForward(WIDTH, 5), _read_forward, attends=False),
    LayerCase("PreNorm", lambda: _drawn(layers.PreNorm(WIDTH)), _read_branch, attends=False),
    LayerCase("PostNorm", lambda: _drawn(layers.PostNorm(WIDTH)), _read_branch, attends=False),
    LayerCase(
        "SinusoidPositions",
        layers.SinusoidPositions,
        _read_forward,
        attends=False,
        learns=False,
    ),
    LayerCase(
        "LearnedPositions",
        lambda: layers.LearnedPositions(16, WIDTH),
        _read_forward,
        attends=False,
    ),
]
