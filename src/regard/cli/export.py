"""`regard export`."""

import textwrap
from pathlib import Path

from regard.cli.parser import Parser, UsageError
from regard.recipes.exports import TARGETS, export_run

__all__ = ["run"]

DESCRIPTION = """Write what a run has learnt to files that other programs run, without Regard.

  regard export runs/ngram --to onnx
  regard export runs/abcnn3 --to onnx
  regard export runs/subwords --to torch --output translator
  regard export runs/transformer --to ctranslate2

To a new folder, RUN/onnx or RUN/torch unless --output names one, go the programs, the tokenizers
and export.json, which says what each program takes and gives. A classifier is one program: ids and
lengths of texts to logits; so is a matcher, of two texts. A translator is two: the encoder reads
the source, the step reads the last word, predicts the next one and says where it looked. Texts may
be of any number and length. What is written is run once, and compared with the run.

onnx: for ONNX Runtime and other engines (pip install 'regard[export]').
ctranslate2: for CTranslate2, which translates fast on CPUs and GPUs; Transformers of plain parts.
torch: for torch.export.load, in Python, or to be compiled for C++."""


def run(words: list[str]) -> int:
    """Export, and say what was written."""
    parser = Parser(prog="regard export", description=DESCRIPTION)
    parser.add_argument("run", type=Path, help="a run directory of regard train")
    parser.add_argument("--to", choices=list(TARGETS), help="which kind of files")
    parser.add_argument("--output", type=Path | None, help="a new folder (RUN/onnx or RUN/torch)")
    given = parser.parse_words(words)
    if given.to is None:
        raise UsageError(f"say with --to which kind of files: {', '.join(TARGETS)}")
    folder: Path = given.run / given.to if given.output is None else given.output
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} exists already: delete it, or choose another --output")
    exported = export_run(given.run, given.to, folder)
    print(textwrap.fill(f"wrote {folder}: {', '.join(exported.files)}", 88, break_long_words=False))
    print(
        f"what it gives is what the run gives; the largest difference is {exported.difference:.1g}"
    )
    return 0
