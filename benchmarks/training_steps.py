"""How long a training step of a recurrent translator takes, for every attention that is compared.

    scripts/bench training_steps

A step of each variant of `regard compare translate` on the same batch of 128 sentence pairs, as
long as Multi30k's in 2,000 sub-words, in turn; medians. Models as wide as those of the comparison
in RESULTS.md, bfloat16, one thread.
"""

import argparse
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table

from regard.bench.measuring import medians
from regard.data.encoding import collate
from regard.interfaces import BOS, EOS, TranslationBatch
from regard.recipes.fitting import num_parameters
from regard.recipes.translate.architectures import RecurrentSettings
from regard.recipes.translate.model import make_model
from regard.recipes.translate.settings import TranslateSettings
from regard.recipes.translate.variants import VARIANTS
from regard.training.reinforce import Reinforce
from regard.training.translation import TranslationTraining

VOCAB, ROWS, WARMUP = 2000, 128, 2
SHARED = TranslateSettings(model=RecurrentSettings(embed_dim=128, hidden_dim=256, dropout=0.3))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=15, help="timed steps of each variant")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    batch = _batch()
    trainings = {name: _training(variant(SHARED)) for name, variant in VARIANTS.items()}
    steps = [_step(training, batch) for training in trainings.values()]
    seconds = medians(steps, repeats=repeats, warmup=WARMUP)
    table = Table("attention", "a step (ms)", "parameters")
    for (name, training), each in zip(trainings.items(), seconds, strict=True):
        table.add_row(name, f"{1000 * each:.0f}", f"{num_parameters(training.model):,}")
    Console().print(table)


def _batch() -> TranslationBatch:
    """Make pairs whose sides have 8 to 24 words, somewhat alike within a pair."""
    draw = torch.Generator().manual_seed(0)

    def words(number: int) -> list[int]:
        return torch.randint(4, VOCAB, (number,), generator=draw).tolist()

    lengths = torch.linspace(8, 24, ROWS).long().tolist()
    return collate([([*words(n), EOS], [BOS, *words(n + 1), EOS]) for n in lengths])


def _training(settings: TranslateSettings) -> TranslationTraining:
    torch.manual_seed(0)
    model = make_model(settings, VOCAB, VOCAB)
    training = TranslationTraining(
        model, settings.training, num_batches=1, reinforce=Reinforce(VOCAB)
    )
    training.log = lambda *args, **options: None  # no trainer listens
    return training


def _step(training: TranslationTraining, batch: TranslationBatch) -> Callable[[], None]:
    optimizer = torch.optim.Adam(training.parameters(), fused=True)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            loss = training.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


if __name__ == "__main__":
    main()
