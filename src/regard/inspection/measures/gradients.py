"""How much a prediction would change with each token it was made from, by its gradient."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from regard.interfaces import EOS, Tokens

__all__ = ["TokenGradients", "token_gradients"]


class TokenGradients(NamedTuple):
    """How strongly an output answers to each token.

    Args:
        of_input: the size of gradient times embedding, which says how the output changes, to the
            first order, as the embedding goes to 0.
        norm: the length of the gradient.
    """

    of_input: Float[Tensor, " tokens"]
    norm: Float[Tensor, " tokens"]


def token_gradients(
    model: nn.Module, ids: Sequence[int], output: Callable[[Tensor], Tensor]
) -> TokenGradients | None:
    r"""Return how strongly an output of a model answers to each token of a text.

    $$\left\lvert \left\langle \frac{\partial y}{\partial e_t}, e_t \right\rangle \right\rvert,
    \quad \left\lVert \frac{\partial y}{\partial e_t} \right\rVert$$

    with $e_t$ the embedding of each token. Attention changes with it. None of a model that reads no
    embeddings.

    Args:
        model: takes `Tokens`; its words' `nn.Embedding` is called `embedding`.
        output: the number y, made from what the model returns.

    Source: Jain & Wallace 2019, "Attention is not Explanation", arXiv:1902.10186, algorithm 1
    (gradient times input).

    Differs: there the weights of attention are held fixed.

    >>> class Sum(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.embedding = nn.Embedding.from_pretrained(torch.tensor([[0.0], [2.0], [-3.0]]))
    ...     def forward(self, text):
    ...         return 2 * self.embedding(text.ids).sum()
    >>> token_gradients(Sum(), [1, 2, 1], lambda total: total)
    TokenGradients(of_input=tensor([4., 6., 4.]), norm=tensor([2., 2., 2.]))
    """
    embedding = getattr(model, "embedding", None)
    if not isinstance(embedding, nn.Embedding):
        return None
    weight = embedding.weight.detach()
    given = torch.tensor(ids, dtype=torch.long, device=weight.device)
    # Each token gets a row of its own, but for the ends of sentences, by which models divide texts.
    own = weight[given].requires_grad_()
    places = len(weight) + torch.arange(len(given), device=weight.device)
    text = Tokens(torch.where(given == EOS, given, places)[None], torch.tensor([len(ids)]))
    was_training = model.training
    model.eval()
    try:
        # On GPUs, cuDNN's recurrences have gradients in training only.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            rows = {"embedding.weight": torch.cat([weight, own])}
            found = output(functional_call(model, rows, (text,), tie_weights=False))
            [gradient] = torch.autograd.grad(found, own, materialize_grads=True)
    finally:
        model.train(was_training)
    of_input = (gradient * own.detach()).sum(-1).abs()
    return TokenGradients(of_input.float().cpu(), gradient.norm(dim=-1).float().cpu())
