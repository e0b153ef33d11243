"""Word embeddings, as readers of text begin with them."""

import torch
from torch import nn

from regard.interfaces import PAD

__all__ = ["word_embedding"]


def word_embedding(vocab: int, embed_dim: int) -> nn.Embedding:
    """Make embeddings of words, 0 for padding.

    They are drawn from N(0, 0.1²): readers learn far faster from small ones than from those of
    `nn.Embedding`, N(0, 1), which is what their states are then mostly made of.

    >>> word_embedding(5, 3)(torch.tensor([0]))
    tensor([[0., 0., 0.]], grad_fn=<EmbeddingBackward0>)
    """
    embedding = nn.Embedding(vocab, embed_dim, padding_idx=PAD)
    nn.init.normal_(embedding.weight, std=0.1)
    with torch.no_grad():
        embedding.weight[PAD] = 0
    return embedding
