"""`regard translate`."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from regard.cli.parser import Parser, UsageError, require_text
from regard.cli.pictures import alignment_of, cut_notice, draw
from regard.cli.reading import read_texts
from regard.decoding.lengths import LENGTH_PENALTY
from regard.inspection.terminal import HeatMap
from regard.recipes.run import load_as
from regard.recipes.translate.system import Translation, TranslationSystem

__all__ = ["run"]

DESCRIPTION = """Translate text with a trained run: arguments, a file, or standard input.

  regard translate runs/subwords "ein mann mit einem hut ."
  regard translate runs/subwords "ein mann mit einem hut ." --beam 5 --alignment
  regard translate runs/subwords --file test.de > test.en
  cat test.de | regard translate runs/subwords --json

One line in, one line out; an empty line stays empty. Lines longer than the model was trained for
are cut, with a warning."""


def run(words: list[str]) -> int:
    """Translate, and print what is asked for."""
    given = _parser().parse_words(words)
    _check(given)
    system = load_as(TranslationSystem, given.run, device=given.device)
    texts = read_texts(given.text, given.file)
    found = system.iterate(
        texts, beam_size=given.beam, length_penalty=given.length_penalty, num_best=given.num_best
    )
    for number, translations in enumerate(_with_progress(found, len(texts)), start=1):
        if translations[0].num_cut:
            print(cut_notice(number, translations[0]), file=sys.stderr)
        _print(texts[number - 1], translations, given)
        if given.png and translations[0].target_tokens:
            draw(translations[0], _numbered(given.png, number, len(texts)))
    return 0


def _parser() -> Parser:
    parser = Parser(prog="regard translate", description=DESCRIPTION)
    parser.add_argument("run", type=Path, help="a run directory of regard train translate")
    parser.add_argument("text", nargs="*", type=str, default=[], help="sentences to translate")
    parser.add_argument("--file", type=Path | None, help="translate each line of a file")
    parser.add_argument("--beam", type=int, default=5, help="hypotheses at once; 1 is greedy")
    parser.add_argument(
        "--length_penalty",
        type=float,
        default=LENGTH_PENALTY,
        help="above 0 favours longer translations",
    )
    parser.add_argument("--num_best", type=int, default=1, help="translations per sentence")
    parser.add_device()
    parser.add_argument(
        "--alignment", action="store_true", help="show where each word looked, as a heat map"
    )
    parser.add_argument(
        "--png", type=Path | None, help="draw the alignment to a .png, .svg or .pdf file"
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line, with scores and alignments"
    )
    return parser


def _check(given: Any) -> None:
    require_text(given.text)
    if given.file is not None and given.text:
        raise UsageError("give sentences or --file, not both")
    if given.beam < 1:
        raise UsageError(f"--beam must be at least 1; got {given.beam}")
    if given.num_best < 1:
        raise UsageError(f"--num_best must be at least 1; got {given.num_best}")
    if given.num_best > given.beam:
        raise UsageError(f"--num_best {given.num_best} needs --beam {given.num_best} or more")
    if given.png is not None and given.png.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(f"--png writes .png, .svg or .pdf; got {given.png}")
    if given.json and given.alignment:
        raise UsageError("--json holds the alignments already; leave out --alignment")


def _with_progress(found: Iterable[list[Translation]], total: int) -> Iterable[list[Translation]]:
    """Show progress where a person waits and the output goes elsewhere."""
    if sys.stdout.isatty() or not sys.stderr.isatty() or total < 2:
        return found
    return track(found, "translating", total=total, console=Console(stderr=True))


def _print(text: str, translations: list[Translation], given: Any) -> None:
    if given.json:
        print(json.dumps(_as_json(text, translations), ensure_ascii=False), flush=True)
        return
    for translation in translations:
        scored = f"{translation.score:.3f}\t" if given.num_best > 1 else ""
        print(f"{scored}{translation.text}", flush=True)
        if given.alignment:
            Console(highlight=False).print(HeatMap(alignment_of(translation)))


def _as_json(text: str, translations: list[Translation]) -> dict[str, Any]:
    return {
        "source": text,
        "translations": [
            {**translation._asdict(), "alignment": translation.alignment.tolist()}
            for translation in translations
        ],
    }


def _numbered(path: Path, number: int, total: int) -> Path:
    return path if total == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
