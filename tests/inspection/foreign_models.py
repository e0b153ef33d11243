"""Tiny models of Hugging Face, made from configs, that look here more than there."""

from collections.abc import Callable
from typing import Any

import torch
import transformers
from torch import Tensor, nn

VOCAB, PADDED = 50, 2
"""How many words there are, and how many of the second text's positions are padding."""

SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
SHARED = {**SIZES, "num_key_value_heads": 2, "head_dim": 8}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def sharp(model: nn.Module) -> Any:
    """Let a model that has learnt nothing prefer some keys to others."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.eval()


def bert(**chosen: Any) -> Any:
    return sharp(transformers.BertModel(transformers.BertConfig(**SIZES, **chosen)))


def llama(**chosen: Any) -> Any:
    config = transformers.LlamaConfig(**SHARED, **SPECIAL, **chosen)
    return sharp(transformers.LlamaForCausalLM(config))


def gpt2(**chosen: Any) -> Any:
    config = transformers.GPT2Config(
        vocab_size=VOCAB, n_embd=32, n_layer=2, n_head=4, n_positions=64, **SPECIAL, **chosen
    )
    return sharp(transformers.GPT2LMHeadModel(config))


def mistral(**chosen: Any) -> Any:
    config = transformers.MistralConfig(**SHARED, **SPECIAL, sliding_window=3, **chosen)
    return sharp(transformers.MistralForCausalLM(config))


def modernbert(**chosen: Any) -> Any:
    config = transformers.ModernBertConfig(**SIZES, **SPECIAL, local_attention=4, **chosen)
    return sharp(transformers.ModernBertModel(config))


def gemma2(**chosen: Any) -> Any:
    config = transformers.Gemma2Config(
        **SHARED, **SPECIAL, sliding_window=3, attn_logit_softcapping=1.5, **chosen
    )
    return sharp(transformers.Gemma2ForCausalLM(config))


def gpt_oss(**chosen: Any) -> Any:
    config = transformers.GptOssConfig(
        **SHARED, **SPECIAL, num_local_experts=2, num_experts_per_tok=1, sliding_window=3, **chosen
    )
    return sharp(transformers.GptOssForCausalLM(config))


def t5(**chosen: Any) -> Any:
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    start = {"pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 0}
    config = transformers.T5Config(vocab_size=VOCAB, **sizes, **start, **chosen)
    return sharp(transformers.T5ForConditionalGeneration(config))


def bart(**chosen: Any) -> Any:
    sizes = {
        f"{part}_{what}": size
        for part in ("encoder", "decoder")
        for what, size in (("layers", 2), ("attention_heads", 4), ("ffn_dim", 48))
    }
    config = transformers.BartConfig(
        vocab_size=VOCAB, d_model=32, max_position_embeddings=64, **sizes, **SPECIAL, **chosen
    )
    return sharp(transformers.BartForConditionalGeneration(config))


SDPA: dict[str, Callable[..., Any]] = {
    make.__name__: make for make in (bert, llama, gpt2, mistral, modernbert, t5, bart)
}
"""Models that attend by sdpa if nothing else is said."""

EAGER: dict[str, Callable[..., Any]] = {make.__name__: make for make in (gemma2, gpt_oss)}
"""Models that cannot: their scores are capped, or some attention goes nowhere."""


def texts(model: Any) -> dict[str, Tensor]:
    """Draw two texts, the second of them padded, and for a decoder what it has written."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, VOCAB, (2, 7), generator=generator)
    mask = torch.ones(2, 7, dtype=torch.long)
    mask[1, -PADDED:] = 0
    given = {"input_ids": ids * mask, "attention_mask": mask}
    if model.config.is_encoder_decoder:
        given["decoder_input_ids"] = torch.randint(3, VOCAB, (2, 5), generator=generator)
    return given
