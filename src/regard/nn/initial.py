"""What the weights of a Transformer are before training."""

import torch
from torch import nn

__all__ = ["draw_weights"]


def draw_weights(model: nn.Module, embed_dim: int) -> None:
    r"""Draw all matrices as Glorot & Bengio (2010) do, and embeddings from $N(0, 1/d)$.

    Such embeddings, times $\sqrt d$, are as large as sinusoids are; where they are also what words
    are predicted by, logits are at first about 1. Those of padding are 0.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=embed_dim**-0.5)
            if module.padding_idx is not None:
                with torch.no_grad():
                    module.weight[module.padding_idx] = 0
