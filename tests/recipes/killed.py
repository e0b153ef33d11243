"""`regard`, killed while it trains: `killed.py STEP WORDS...` dies before that many batches."""

import os
import signal
import sys
from typing import Any

from regard.cli.main import main
from regard.training.module import Training


def kill_before(step: int) -> None:
    """Make the training kill its process before this batch, counted over all epochs."""
    start = Training.on_train_batch_start

    def start_or_die(self: Training, batch: Any, batch_idx: int) -> None:
        if self.trainer.fit_loop.epoch_loop.total_batch_idx == step:
            os.kill(os.getpid(), signal.SIGKILL)
        start(self, batch, batch_idx)

    Training.on_train_batch_start = start_or_die  # type: ignore[method-assign]


if __name__ == "__main__":
    kill_before(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
