"""Watching a matcher learn: after every epoch it matches the validation set."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from regard.recipes.fitting import Report
from regard.recipes.match.figures import LabelledPairs, evaluate_matcher, figure_names
from regard.recipes.match.system import MatchingSystem
from regard.training.sharding import whole

__all__ = ["ValidationMatcher"]

NAMES = {"map": "MAP", "mrr": "MRR", "f1": "F1", "macro_f1": "macro F1"}


class ValidationMatcher(Callback):
    """Log and report what the best epoch may be chosen by.

    Every process scores all pairs, since a ranking cannot be scored in parts.
    """

    def __init__(
        self,
        system: MatchingSystem,
        labelled: LabelledPairs,
        report: Report,
    ) -> None:
        self._system, self._labelled, self._report = system, labelled, report
        self._names = figure_names(system, ranked=labelled.is_ranked)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        with trainer.precision_plugin.forward_context(), whole(self._system.model):
            figures = evaluate_matcher(self._system, *self._labelled)
        seen = {f"validation_{name}": figures[name] for name in self._names}
        pl_module.log_dict(seen, prog_bar=True, sync_dist=True)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        seen: dict[str, Any] = trainer.callback_metrics
        if trainer.is_global_zero:
            figures = [
                f"{NAMES.get(name, name)} {seen[f'validation_{name}']:.2f}" for name in self._names
            ]
            self._report(
                f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
                f"  validation loss {seen['validation_loss']:.3f}  {'  '.join(figures)}"
            )
