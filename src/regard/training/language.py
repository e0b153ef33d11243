"""What it means to train a language model."""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional import masks
from regard.interfaces import LanguageModel, Tokens
from regard.training.next_token import NextTokenTraining, mean_loss

__all__ = ["LanguageTraining", "next_tokens", "text_loss"]


class LanguageTraining(NextTokenTraining):
    """Minimise the cross-entropy of each token of a text, given those before it."""

    def predicted(
        self, batch: Tokens
    ) -> tuple[Float[Tensor, "tokens vocab"], Int[Tensor, " tokens"]]:
        return next_tokens(self.model, batch)


def next_tokens(
    model: nn.Module, text: Tokens
) -> tuple[Float[Tensor, "tokens vocab"], Int[Tensor, " tokens"]]:
    """Return logits and truth for every token that follows another, padding left out.

    Raises:
        TypeError: the model is no `LanguageModel`.
    """
    if not isinstance(model, LanguageModel):
        raise TypeError(f"{type(model).__name__} has no predictions; see LanguageModel")
    given = Tokens(text.ids[:, :-1], (text.lengths - 1).clamp(min=0))
    real = masks.real(given).squeeze(-2)
    return model.predictions(given).logits.float(), text.ids[:, 1:][real]


@torch.no_grad()
def text_loss(model: nn.Module, batches: Iterable[Tokens]) -> float:
    """Return the mean cross-entropy of the tokens that follow another, in nats a token."""
    device = next(model.parameters()).device
    on_device = (Tokens(batch.ids.to(device), batch.lengths) for batch in batches)
    return mean_loss(next_tokens(model, batch) for batch in on_device)
