"""20 Newsgroups, divided by date, without what gives the group away: headers and the like."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from regard.data.files import DataError, plain_or_gz
from regard.data.hub import load_from_hub
from regard.data.labelled import LabelledText, read_folder, read_labelled
from regard.data.labelled_splits import LabelledSplits, hold_out_labelled
from regard.interfaces import Labelled

__all__ = ["load_newsgroups20", "strip_message"]

_HUB = "SetFit/20_newsgroups"  # whose messages are stripped already
_SPLITS = ("train", "test")

_QUOTING = re.compile(
    r"^[>|]"  # a quoted line
    r"|^In article|^Quoted from|writes in|writes:|wrote:|says:|said:"  # who is quoted
)


def load_newsgroups20(folder: Path | None) -> LabelledSplits:
    """Load the messages of 20 groups, stripped; validation is held out of train.

    A message of which nothing is left is skipped in train, but judged in the test set.

    Raises:
        DataError: if a file cannot be used, or the hub cannot be reached.
    """
    read = _hub() if folder is None else _reader(folder)
    train, test = map(read, _SPLITS)
    return LabelledSplits(*hold_out_labelled(train), test)


def strip_message(message: str) -> str:
    """Return what the writer of a message wrote on its subject.

    In this order, which is that of scikit-learn's `remove=("headers", "footers", "quotes")`:

    * the header goes: all before the first empty line;
    * the signature goes: all from the last line on that is blank or holds dashes only, unless that
      is the first;
    * quotes go: lines that begin with `>` or `|`, and those that say who is quoted.
    """
    _, _, body = message.partition("\n\n")
    lines = body.strip().split("\n")
    ends = [number for number, line in enumerate(lines) if not line.strip().strip("-")]
    if ends and ends[-1] > 0:
        lines = lines[: ends[-1]]
    return "\n".join(line for line in lines if not _QUOTING.search(line))


def _reader(folder: Path) -> Callable[[str], LabelledText]:
    tables = {split: plain_or_gz(folder / f"{split}.jsonl") for split in _SPLITS}
    if tables["train"].exists():
        return lambda split: _stripped(read_labelled(tables[split]), split)
    folders = {split: folder / f"20news-bydate-{split}" for split in _SPLITS}
    if folders["train"].is_dir():
        return lambda split: _stripped(
            read_folder(folders[split], pattern="*", encoding="latin-1"), split
        )
    raise DataError(
        f"{folder}: neither 20news-bydate-train nor train.jsonl nor train.jsonl.gz in it; get"
        " 20news-bydate from http://qwone.com/~jason/20Newsgroups"
    )


def _stripped(messages: LabelledText, split: str) -> LabelledText:
    return messages.rewrite(strip_message, keep_empty=split == "test")


def _hub() -> Callable[[str], LabelledText]:
    loaded = load_from_hub(_HUB)

    def read(split: str) -> Iterator[Labelled]:
        for row in loaded[split]:
            yield Labelled(row["text"], (row["label_text"],))

    return lambda split: LabelledText(
        lambda: read(split), f"{_HUB}, {split}", keep_empty=split == "test"
    )
