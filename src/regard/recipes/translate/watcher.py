"""Watching a translator learn: after every epoch it translates the validation set."""

from collections.abc import Callable, Sequence
from typing import Any

import torch.distributed as dist
from lightning.pytorch import Callback, LightningModule, Trainer

from regard.interfaces import Pair
from regard.recipes.translate.system import TranslationSystem
from regard.training.sharding import whole
from regard.training.translation_metrics import exact_match, tokenised_bleu

__all__ = ["ValidationTranslator"]


class ValidationTranslator(Callback):
    """Log `validation_bleu` (lowercased, tokenised, greedy) and `validation_exact` every epoch.

    Under several processes each translates its share.
    """

    def __init__(
        self,
        system: TranslationSystem,
        pairs: Sequence[Pair],
        report: Callable[[str], None],
    ) -> None:
        self._system = system
        self._sources = [pair.source for pair in pairs]
        self._references = [system.target_tokenizer.as_written(pair.target) for pair in pairs]
        self._report = report

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        with trainer.precision_plugin.forward_context(), whole(self._system.model):
            hypotheses = self._translate(trainer)
        figures = {
            "validation_bleu": tokenised_bleu(hypotheses, self._references),
            "validation_exact": exact_match(hypotheses, self._references),
        }
        pl_module.log_dict(figures, prog_bar=True, sync_dist=True)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        seen: dict[str, Any] = trainer.callback_metrics
        if trainer.is_global_zero:
            self._report(
                f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
                f"  validation loss {seen['validation_loss']:.3f}"
                f"  perplexity {seen['validation_perplexity']:.2f}"
                f"  BLEU {seen['validation_bleu']:.2f}  exact {seen['validation_exact']:.2f} %"
            )

    def _translate(self, trainer: Trainer) -> list[str]:
        rank, num_ranks = trainer.global_rank, trainer.world_size
        texts = [best.text for [best] in self._system.translate(self._sources[rank::num_ranks])]
        if num_ranks == 1:
            return texts
        shares: list[list[str]] = [[] for _ in range(num_ranks)]
        dist.all_gather_object(shares, texts)
        gathered = [""] * len(self._sources)
        for share_rank, share in enumerate(shares):
            gathered[share_rank::num_ranks] = share
        return gathered
