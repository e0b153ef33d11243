"""Pretrained word vectors, put into the embeddings of a model."""

from pathlib import Path

import torch
from torch import nn

from regard.data.tokenizers import Tokenizer
from regard.data.vectors import read_vectors

__all__ = ["use_vectors"]


def use_vectors(model: nn.Module, path: Path, tokenizer: Tokenizer) -> int:
    """Begin with pretrained word vectors; return for how many words there are some.

    Those of all other words are made as large: of the same root mean square.

    Source: Kim 2014, section 4.1 (the same variance).

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
        found = vectors.rows[vectors.is_found]
        others = embedding.weight[~vectors.is_found]
        # Padding stays 0.
        as_large = found.square().mean().sqrt() / others.square().mean().sqrt()
        embedding.weight[~vectors.is_found] = others * as_large
        embedding.weight[vectors.is_found] = found
    return int(vectors.is_found.sum())
