"""`regard translate`."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track

from regard.cli.heads import add_aligned_by, align_by
from regard.cli.limits import check_beam
from regard.cli.parser import Parser, UsageError, require_text
from regard.cli.pictures import (
    add_pictures,
    check_files,
    cut_notice,
    draw,
    numbered,
    pictures_asked,
)
from regard.cli.reading import read_texts
from regard.decoding import Beam, Sampling, Search
from regard.decoding.lengths import LENGTH_PENALTY
from regard.inspection.terminal import HeatMap
from regard.recipes.looks import alignment_of
from regard.recipes.run import load_as
from regard.recipes.translate.system import Translation, TranslationSystem

__all__ = ["run"]

DESCRIPTION = """Translate text with a trained run: arguments, a file, or standard input.

  regard translate runs/subwords "ein mann mit einem hut ."
  regard translate runs/subwords "ein mann mit einem hut ." --beam 5 --alignment
  regard translate runs/transformer "ein mann mit einem hut ." --alignment --layer 1 --head 0
  regard translate runs/subwords --file test.de > test.en
  cat test.de | regard translate runs/subwords --json
  regard translate runs/subwords "ein mann ." --beam 6 --groups 3 --num_best 6
  regard translate runs/subwords "ein mann ." --samples 5 --top_p 0.9

One line in, one line out; an empty line stays empty. Lines longer than the model was trained for
are cut, with a warning. Translations are searched for with a beam, or drawn with --samples."""

BEAM = ("beam", "groups", "diversity", "length_penalty", "coverage_penalty", "num_best")
SAMPLING = ("temperature", "top_k", "top_p", "seed")


def run(words: list[str]) -> int:
    """Translate, and print what is asked for."""
    given = _parser().parse_words(words)
    _check(given)
    system = load_as(TranslationSystem, given.run, device=given.device)
    align_by(system, given)
    texts = read_texts(given.text, given.file)
    prefixes = [given.prefix] * len(texts) if given.prefix else []
    found = system.iterate(texts, _search(given, system.device), prefixes=prefixes)
    for number, translations in enumerate(_with_progress(found, len(texts)), start=1):
        if translations[0].num_cut:
            print(cut_notice(number, translations[0]), file=sys.stderr)
        _print(texts[number - 1], translations, given)
        for path in pictures_asked(given) if translations[0].target_tokens else ():
            draw(alignment_of(translations[0]), numbered(path, number, len(texts)))
    return 0


def _parser() -> Parser:
    parser = Parser(prog="regard translate", description=DESCRIPTION)
    parser.add_argument("run", type=Path, help="a run directory of regard train translate")
    parser.add_argument("text", nargs="*", type=str, default=[], help="sentences to translate")
    parser.add_argument("--file", type=Path | None, help="translate each line of a file")
    _add_search(parser)
    parser.add_device()
    parser.add_argument(
        "--alignment", action="store_true", help="show where each word looked, as a heat map"
    )
    add_aligned_by(parser)
    add_pictures(parser, "draw the alignment")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line, with scores and alignments"
    )
    return parser


def _add_search(parser: Parser) -> None:
    # No defaults: what is given to the search that does not run is refused.
    parser.add_argument("--beam", type=int | None, help="hypotheses at once (5); 1 is greedy")
    parser.add_argument("--num_best", type=int | None, help="translations per sentence (1)")
    parser.add_argument(
        "--length_penalty",
        type=float | None,
        help=f"above 0 favours longer translations ({LENGTH_PENALTY})",
    )
    parser.add_argument(
        "--coverage_penalty",
        type=float | None,
        help="above 0 favours translations that look at all of the source (0)",
    )
    parser.add_argument(
        "--groups", type=int | None, help="parts of the beam that are to differ from each other (1)"
    )
    parser.add_argument(
        "--diversity", type=float | None, help="with --groups: how much they are kept apart (0.5)"
    )
    parser.add_argument("--samples", type=int | None, help="draw so many translations instead")
    parser.add_argument(
        "--temperature", type=float | None, help="of samples: below 1, the probable more often (1)"
    )
    parser.add_argument("--top_k", type=int | None, help="of samples: from so many tokens alone")
    parser.add_argument(
        "--top_p", type=float | None, help="of samples: from the likeliest with this share (1)"
    )
    parser.add_argument("--seed", type=int | None, help="of samples (1)")
    parser.add_argument("--prefix", type=str | None, help="what each translation begins with")
    parser.add_argument(
        "--min_len",
        type=int,
        default=0,
        help="tokens of a translation at least, its end not counted",
    )
    parser.add_argument(
        "--max_len", type=int | None, help="tokens at most, its end counted; else by the source"
    )


def _search(given: Any, device: torch.device) -> Search:
    """Return the search that the flags ask for, which are checked."""
    names = {"beam": "beam_size", "groups": "num_groups"}
    chosen = SAMPLING if given.samples else BEAM
    numbers = {names.get(flag, flag): given[flag] for flag in chosen if given[flag] is not None}
    limits = {"min_len": given.min_len, "max_len": given.max_len}
    if given.samples:
        seed = numbers.pop("seed", 1)
        generator = torch.Generator(device).manual_seed(seed)
        return Sampling(given.samples, **numbers, **limits, generator=generator)
    return Beam(**{"beam_size": 5} | numbers, **limits)


def _check(given: Any) -> None:
    require_text(given.text)
    if given.file is not None and given.text:
        raise UsageError("give sentences or --file, not both")
    _check_search(given)
    check_files(given)
    if given.json and given.alignment:
        raise UsageError("--json holds the alignments already; leave out --alignment")


def _check_search(given: Any) -> None:
    sampling = given.samples is not None
    for flag in BEAM if sampling else SAMPLING:
        if given[flag] is not None:
            with_samples = "leave out --samples" if sampling else "add --samples"
            raise UsageError(f"--{flag} would do nothing here; {with_samples}, or leave it out")
    check_beam(given)
    for flag, least in {"num_best": 1, "groups": 1, "samples": 1, "top_k": 1}.items():
        if given[flag] is not None and given[flag] < least:
            raise UsageError(f"--{flag} must be at least {least}; got {given[flag]}")
    beam, num_best, groups = given.beam or 5, given.num_best or 1, given.groups or 1
    if num_best > beam:
        raise UsageError(f"--num_best {num_best} needs --beam {num_best} or more")
    if beam % groups:
        raise UsageError(f"--groups {groups} must divide --beam, which is {beam}")
    if groups == 1 and given.diversity is not None:
        raise UsageError("--diversity is of --groups 2 or more")
    if beam == 1 and given.coverage_penalty:
        raise UsageError("--coverage_penalty ranks what a --beam of 2 or more finds")
    if given.seed is not None and not 0 <= given.seed < 2**63:
        raise UsageError(f"--seed must be from 0 to {2**63 - 1}; got {given.seed}")


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
        # By what was asked for, so that all lines are alike: a search may find fewer.
        scored = f"{translation.score:.3f}\t" if (given.num_best or given.samples or 1) > 1 else ""
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
