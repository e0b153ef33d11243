"""The language model is PyTorch's own layers behind a causal mask, and has GPT-2's size."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from regard import nn as layers
from regard.interfaces import Tokens
from regard.models import TransformerLanguageModel

WIDTH, HEADS, HIDDEN, LAYERS, VOCAB = 12, 3, 20, 2, 17


def test_with_gpt_2s_sizes_it_has_gpt_2s_parameters() -> None:
    """Radford et al. 2019, table 2, its smallest; as released it has 124,439,808 parameters."""
    width, vocab = 768, 50_257
    with torch.device("meta"):
        model = TransformerLanguageModel(
            vocab=vocab,
            embed_dim=width,
            decoder=layers.TransformerDecoder.plain(
                width,
                num_layers=12,
                num_heads=12,
                feedforward_dim=4 * width,
                has_source=False,
                norm=layers.PreNorm,
            ),
            positions=partial(layers.LearnedPositions, 1024, width),
            tied=True,
        )
    # Its output has no bias.
    assert sum(p.numel() for p in model.parameters()) == 124_439_808 + vocab


def torchs(ours: TransformerLanguageModel, *, norm_first: bool) -> nn.TransformerEncoder:
    """Make PyTorch's layers with the weights of ours."""
    options: dict[str, Any] = {"dropout": 0.0, "batch_first": True, "norm_first": norm_first}
    stack = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, **options),
        LAYERS,
        norm=nn.LayerNorm(WIDTH) if norm_first else None,
        enable_nested_tensor=False,
    )
    for theirs, own in zip(stack.layers, ours.decoder.layers, strict=True):
        projections = [own.attention.query, own.attention.key, own.attention.value]
        with torch.no_grad():
            theirs.self_attn.in_proj_weight.copy_(torch.cat([part.weight for part in projections]))
            theirs.self_attn.in_proj_bias.copy_(torch.cat([part.bias for part in projections]))
        for part, given in (
            (theirs.self_attn.out_proj, own.attention.output),
            (theirs.norm1, own.attention_norm.norm),
            (theirs.norm2, own.feedforward_norm.norm),
            (theirs.linear1, own.feedforward[0]),
            (theirs.linear2, own.feedforward[3]),
        ):
            part.load_state_dict(given.state_dict())
    if stack.norm is not None:
        stack.norm.load_state_dict(ours.decoder.norm.state_dict())
    return stack


@pytest.mark.parametrize("norm", [layers.PostNorm, layers.PreNorm])
def test_transplanted_weights_give_the_same_output(norm: type) -> None:
    ours = TransformerLanguageModel(
        vocab=VOCAB,
        embed_dim=WIDTH,
        decoder=layers.TransformerDecoder.plain(
            WIDTH,
            num_layers=LAYERS,
            num_heads=HEADS,
            feedforward_dim=HIDDEN,
            has_source=False,
            norm=norm,
        ),
    ).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # norms and biases begin as if they were not there
        for parameter in ours.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    theirs = torchs(ours, norm_first=norm is layers.PreNorm).eval()
    ids = torch.randint(4, VOCAB, (3, 6), generator=generator)
    embedded = ours.positions(ours.embedding(ids) * WIDTH**0.5)
    causal = nn.Transformer.generate_square_subsequent_mask(6)
    wanted = ours.output(theirs(embedded, mask=causal, is_causal=True))
    found = ours(Tokens(ids, torch.full((3,), 6)))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
