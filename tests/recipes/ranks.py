"""`regard`, telling what each process ends with: `ranks.py FOLDER WORDS...` writes FOLDER/RANK."""

import hashlib
import os
import sys
from pathlib import Path

from regard.cli.main import main
from regard.training.module import Training


def tell_to(folder: Path) -> None:
    """Make the training write how many processes there are, and a digest of its weights."""

    def tell(self: Training) -> None:
        weights = b"".join(tensor.numpy().tobytes() for tensor in self.model.state_dict().values())
        digest = hashlib.sha256(weights).hexdigest()
        (folder / os.environ["RANK"]).write_text(f"{self.trainer.world_size} {digest}", "utf-8")

    Training.on_train_end = tell  # type: ignore[method-assign]


if __name__ == "__main__":
    tell_to(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
