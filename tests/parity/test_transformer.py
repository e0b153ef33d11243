"""The Transformer is PyTorch's own, given the same weights, and has the tutorials' size."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from regard import nn as layers
from regard.interfaces import Tokens
from regard.models import TransformerTranslator
from regard.nn.heads import Heads

WIDTH, HEADS, HIDDEN, LAYERS, VOCAB = 12, 3, 20, 2, 17
LENGTHS = torch.tensor([6, 2, 5])


def number_of_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_tutorials_transformer_has_the_tutorials_size() -> None:
    """bentrevett/pytorch-seq2seq, tutorial 6."""
    model = TransformerTranslator(
        source_vocab=7_853,
        target_vocab=5_893,
        positions=partial(layers.LearnedPositions, 100, 256),
    )
    assert number_of_parameters(model) == 9_038_341


def give_attention(theirs: nn.MultiheadAttention, ours: Heads) -> None:
    with torch.no_grad():
        theirs.in_proj_weight.copy_(
            torch.cat([ours.query.weight, ours.key.weight, ours.value.weight])
        )
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]))
        theirs.out_proj.load_state_dict(ours.output.state_dict())


def give_layer(theirs: Any, ours: Any) -> None:
    """Copy the weights of one of our layers into theirs."""
    give_attention(theirs.self_attn, ours.attention)
    norms = [ours.attention_norm]
    if isinstance(ours, layers.DecoderLayer):
        give_attention(theirs.multihead_attn, ours.source_attention)
        norms.append(ours.source_norm)
    norms.append(ours.feedforward_norm)
    for number, norm in enumerate(norms, start=1):
        getattr(theirs, f"norm{number}").load_state_dict(norm.norm.state_dict())
    theirs.linear1.load_state_dict(ours.feedforward[0].state_dict())
    theirs.linear2.load_state_dict(ours.feedforward[3].state_dict())


def torchs(ours: TransformerTranslator, *, norm_first: bool) -> nn.Transformer:
    """Make PyTorch's Transformer with the weights of ours."""
    options: dict[str, Any] = {"dropout": 0.0, "batch_first": True, "norm_first": norm_first}
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, **options),
        LAYERS,
        norm=nn.LayerNorm(WIDTH) if norm_first else None,
        enable_nested_tensor=False,
    )
    decoder = nn.TransformerDecoder(
        nn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN, **options),
        LAYERS,
        norm=nn.LayerNorm(WIDTH) if norm_first else None,
    )
    # Made before they are given weights, since it draws its own.
    model = nn.Transformer(WIDTH, custom_encoder=encoder, custom_decoder=decoder, batch_first=True)
    for stack, own in ((encoder, ours.encoder), (decoder, ours.decoder)):
        for theirs, layer in zip(stack.layers, own.layers, strict=True):
            give_layer(theirs, layer)
        if stack.norm is not None:
            stack.norm.load_state_dict(own.norm.state_dict())
    return model


def perturbed(model: TransformerTranslator) -> TransformerTranslator:
    """Move all weights, since norms and biases begin as if they were not there."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def logits(
    theirs: nn.Transformer, ours: TransformerTranslator, source: Tensor, target: Tensor
) -> Tensor:
    embedded = [
        positions(embedding(ids) * WIDTH**0.5)
        for ids, embedding, positions in (
            (source, ours.source_embedding, ours.source_positions),
            (target, ours.target_embedding, ours.target_positions),
        )
    ]
    padding = torch.arange(source.shape[1]) >= LENGTHS.unsqueeze(1)
    causal = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
    return ours.output(
        theirs(
            *embedded,
            tgt_mask=causal,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
    )


@pytest.mark.parametrize("norm", [layers.PostNorm, layers.PreNorm])
def test_transplanted_weights_give_the_same_output(norm: type) -> None:
    sizes = {"num_layers": LAYERS, "num_heads": HEADS, "feedforward_dim": HIDDEN, "norm": norm}
    ours = perturbed(
        TransformerTranslator(
            source_vocab=VOCAB,
            target_vocab=VOCAB,
            embed_dim=WIDTH,
            encoder=layers.TransformerEncoder.plain(WIDTH, **sizes),
            decoder=layers.TransformerDecoder.plain(WIDTH, **sizes),
        )
    ).eval()
    theirs = torchs(ours, norm_first=norm is layers.PreNorm).eval()
    generator = torch.Generator().manual_seed(0)
    source = torch.randint(4, VOCAB, (3, 6), generator=generator)
    target = torch.randint(4, VOCAB, (3, 4), generator=generator)
    found = ours(Tokens(source, LENGTHS), Tokens(target, torch.full((3,), 4)))
    wanted = logits(theirs, ours, source, target)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
