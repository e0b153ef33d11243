"""`regard`, telling what each process has seen: `ranks.py FOLDER WORDS...` writes there.

FOLDER/RANK tells how many processes there were, and a digest of the weights it ended with;
FOLDER/RANK.losses.json the loss of every batch that it trained on.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from torch.distributed.tensor import DTensor

from regard.cli.main import main
from regard.training.module import Training


def tell_to(folder: Path) -> None:
    """Make the training write what it has seen."""
    rank = os.environ.get("RANK", "0")
    losses: list[float] = []

    def keep(self: Training, outputs: Any, *_: Any) -> None:
        losses.append(outputs["loss"].item() * self.trainer.accumulate_grad_batches)

    def tell(self: Training) -> None:
        whole = (
            tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
            for tensor in self.model.state_dict().values()
        )
        weights = b"".join(tensor.numpy().tobytes() for tensor in whole)
        digest = hashlib.sha256(weights).hexdigest()
        (folder / rank).write_text(f"{self.trainer.world_size} {digest}", "utf-8")
        (folder / f"{rank}.losses.json").write_text(json.dumps(losses), "utf-8")

    Training.on_train_batch_end = keep  # type: ignore[method-assign]
    Training.on_train_end = tell  # type: ignore[method-assign]


if __name__ == "__main__":
    tell_to(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
