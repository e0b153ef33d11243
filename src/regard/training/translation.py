"""What it means to train a translation model."""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional import masks
from regard.interfaces import Predictions, Tokens, TranslationBatch, Translator
from regard.training.module import ParameterGroup
from regard.training.next_token import NextTokenTraining, mean_loss
from regard.training.reinforce import Reinforce
from regard.training.settings import TrainingSettings
from regard.training.sharding import whole
from regard.training.shares import ShareLearning, branches, named_shares, shares_of
from regard.training.teacher_forcing import share_at, with_own_words

__all__ = ["TranslationTraining", "predictions", "teacher_forced_loss"]


class TranslationTraining(NextTokenTraining):
    """Minimise the cross-entropy of each target token, given the source and the tokens before it.

    Validation is teacher-forced throughout. Shares of branches are logged after every epoch.

    Args:
        teacher_forcing: share of true words among those given at the last step; see `share_at`.
        shares: how the shares of branches are learnt, of a model that has some.
        reinforce: how choices are rewarded, of a model whose attention draws what it reads.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: TrainingSettings,
        *,
        num_batches: int,
        teacher_forcing: float = 1.0,
        shares: ShareLearning | None = None,
        reinforce: Reinforce | None = None,
    ) -> None:
        super().__init__(model, settings, num_batches=num_batches)
        self.teacher_forcing = teacher_forcing
        self.shares = shares
        self.reinforce = reinforce

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the weights, with how fast they learn: shares of branches at their own rate."""
        (weights,) = super().parameter_groups()
        if self.shares is None:
            return [weights]
        shares = shares_of(self.model)
        known = {id(each) for each in shares}
        others = [each for each in weights.parameters if id(each) not in known]
        factor = self.shares.factor(self.num_steps)
        return [
            weights._replace(parameters=others),
            ParameterGroup(shares, self.shares.learning_rate, factor),
        ]

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        # Here, not in a later hook: averages take the weights right after the step.
        for attention in branches(self.model).values():
            attention.project()

    def on_train_start(self) -> None:
        self._log_shares()

    def on_train_epoch_end(self) -> None:
        self._log_shares()

    def _log_shares(self) -> None:
        if self.shares is None or self.logger is None:
            return
        with whole(self.model):
            self.logger.log_metrics(named_shares(self.model), step=self.global_step)

    def predicted(
        self, batch: TranslationBatch
    ) -> tuple[Float[Tensor, "tokens vocab"], Int[Tensor, " tokens"]]:
        found, following = predictions(self.model, batch)
        return found.logits, following

    def training_step(self, batch: TranslationBatch, batch_idx: int) -> Float[Tensor, ""]:
        share = share_at(self.global_step, num_steps=self.num_steps, final=self.teacher_forcing)
        found, following = predictions(self.model, batch, teacher_forcing=share)
        loss = self.smoothed_loss(found.logits, following)
        if found.choices is None:
            return loss
        if self.reinforce is None:
            raise TypeError("the model's attention draws what it reads: give reinforce=Reinforce()")
        rewards = _log_probs(found.logits, following)
        # What is expected of later words depends on the choices before them.
        if found.expected is not None and self.reinforce.discount == 0:
            rewards = rewards - _log_probs(found.expected, following)
        lengths = batch.target.lengths - 1
        for_choices: Tensor = self.reinforce(rewards, following, lengths, found.choices)
        return loss + for_choices


def _log_probs(
    logits: Float[Tensor, "tokens vocab"], words: Int[Tensor, " tokens"]
) -> Float[Tensor, " tokens"]:
    return logits.detach().float().log_softmax(-1).gather(1, words.unsqueeze(1)).squeeze(1)


def predictions(
    model: nn.Module, batch: TranslationBatch, *, teacher_forcing: float = 1.0
) -> tuple[Predictions, Int[Tensor, " tokens"]]:
    """Return predictions and truth for every target token that follows another, padding left out.

    Args:
        teacher_forcing: share of true words among those given; others are the model's own.

    Raises:
        TypeError: the model is no `Translator`.
    """
    if not isinstance(model, Translator):
        raise TypeError(f"{type(model).__name__} has no predictions; see Translator")
    target = batch.target
    given = Tokens(target.ids[:, :-1], (target.lengths - 1).clamp(min=0))
    real = masks.real(given).squeeze(-2)
    if teacher_forcing < 1:
        given = with_own_words(model, batch.source, given, teacher_forcing)
    found = model.predictions(batch.source, given)
    return found._replace(logits=found.logits.float()), target.ids[:, 1:][real]


@torch.no_grad()
def teacher_forced_loss(model: nn.Module, batches: Iterable[TranslationBatch]) -> float:
    """Return the mean cross-entropy of the target tokens, in nats a token."""
    device = next(model.parameters()).device
    on_device = (
        TranslationBatch(_to(source, device), _to(target, device)) for source, target in batches
    )
    found = (predictions(model, batch) for batch in on_device)
    return mean_loss((each.logits, following) for each, following in found)


def _to(tokens: Tokens, device: torch.device) -> Tokens:
    return Tokens(tokens.ids.to(device), tokens.lengths)
