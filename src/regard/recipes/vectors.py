"""Pretrained word vectors, put into the embeddings of a model."""

from pathlib import Path

import torch
from torch import nn

from regard.data.tokenizers import Tokenizer
from regard.data.vectors import read_vectors

__all__ = ["use_vectors"]


def use_vectors(model: nn.Module, path: Path, tokenizer: Tokenizer) -> int:
    """Begin with pretrained word vectors; return for how many words there are some.

    Raises:
        DataError: the file cannot be used.
        ValueError: the model has no word embeddings, or of another width.
    """
    embedding: nn.Embedding | None = getattr(model, "embedding", None)
    if embedding is None:
        raise ValueError("vocabulary.vectors begin word embeddings, which this reader has not")
    vectors = read_vectors(path, tokenizer)
    width = vectors.rows.shape[1]
    if width != embedding.embedding_dim:
        raise ValueError(
            f"{path} has vectors of width {width}; set model.embed_dim to {width}, now "
            f"{embedding.embedding_dim}"
        )
    with torch.no_grad():
        embedding.weight[vectors.is_found] = vectors.rows[vectors.is_found]
    return int(vectors.is_found.sum())
