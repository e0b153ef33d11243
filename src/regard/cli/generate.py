"""`regard generate`."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from regard.cli.limits import check_beam, check_lengths
from regard.cli.parser import Parser, UsageError, require_text, typed_flags
from regard.cli.pictures import add_pictures, check_files, draw, numbered, pictures_asked
from regard.cli.reading import read_texts
from regard.decoding import Beam, Sampling
from regard.inspection.terminal import HeatMap
from regard.recipes.generate.system import (
    LENGTH,
    TEMPERATURE,
    Generation,
    GenerationSystem,
    TextLook,
)
from regard.recipes.looks import attention_of
from regard.recipes.run import load_as

__all__ = ["run"]

DESCRIPTION = """Continue text with a trained run: prompts as arguments, or lines of standard input.

  regard generate runs/characters
  regard generate runs/characters "The " --length 400 --temperature 0.7
  regard generate runs/characters "The " --samples 3 --top_k 10 --seed 7
  regard generate runs/characters "The " --beam 4
  regard generate runs/characters "The class" --length 30 --attention
  regard generate runs/characters "The class" --length 30 --png attention.png --layer 0 --head 2
  cat prompts.txt | regard generate runs/characters --json

Text is sampled, the same for the same --seed; with --beam the most probable is searched for
instead (1 is greedy). Without a prompt, it begins anywhere. --attention shows where each token that
was read looked among those up to itself: a row per token, of the last layer, the mean over its
heads, unless --layer and --head choose."""

LOOKS = ("attention", "png", "svg", "pdf")
SAMPLING = ("temperature", "top_k", "top_p", "samples", "seed")


def run(words: list[str]) -> int:
    """Write, and print what is asked for."""
    given = _parser().parse_words(words)
    _check(given)
    system = load_as(GenerationSystem, given.run, device=given.device)
    if typed_flags(given, *LOOKS):
        _look(system, "", given)  # whatever is wrong with that is said before anything is written
    prompts = given.prompt or _piped() or [""]
    if typed_flags(given, *LOOKS):
        check_lengths(system, prompts, num_added=given.length or LENGTH)
    found = system.iterate(prompts, _search(given, system.device), length=given.length)
    total = len(prompts) * (given.samples or 1)
    number = 0
    for prompt, generations in zip(prompts, found, strict=True):
        if given.json:
            print(json.dumps(_as_json(prompt, generations), ensure_ascii=False), flush=True)
            continue
        for generation in generations:
            number += 1
            if total > 1:
                print(f"--- {number} ---")
            print(generation.text, flush=True)
            if typed_flags(given, *LOOKS):
                _show(system, generation, given, number, total)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="regard generate", description=DESCRIPTION)
    parser.add_argument("run", type=Path, help="a run directory of regard train generate")
    parser.add_argument("prompt", nargs="*", type=str, default=[], help="beginnings of texts")
    # No defaults: what is given to the search that does not run is refused.
    parser.add_argument(
        "--length", type=int | None, help=f"tokens that may be added to a prompt ({LENGTH})"
    )
    parser.add_argument("--samples", type=int | None, help="texts for each prompt (1)")
    parser.add_argument(
        "--temperature",
        type=float | None,
        help=f"of samples: below 1, the probable more often ({TEMPERATURE})",
    )
    parser.add_argument("--top_k", type=int | None, help="of samples: from so many tokens alone")
    parser.add_argument(
        "--top_p", type=float | None, help="of samples: from the likeliest with this share (1)"
    )
    parser.add_argument("--seed", type=int | None, help="of samples (1)")
    parser.add_argument("--beam", type=int | None, help="search with so many at once; 1 is greedy")
    parser.add_device()
    parser.add_argument(
        "--attention", action="store_true", help="show where each token looked, as a heat map"
    )
    add_pictures(parser, "draw the attention")
    parser.add_argument(
        "--layer", type=int | None, help="whose attention, from 0 or from the end (-1)"
    )
    parser.add_argument(
        "--head", type=int | None, help="whose attention of the layer, from 0; else their mean"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a prompt")
    return parser


def _check(given: Any) -> None:
    require_text(given.prompt)
    if given.beam is not None:
        for flag in SAMPLING:
            if given[flag] is not None:
                raise UsageError(f"--{flag} is of samples; leave out --beam, or leave it out")
    check_beam(given)
    for flag in ("length", "samples", "top_k"):
        if given[flag] is not None and given[flag] < 1:
            raise UsageError(f"--{flag} must be at least 1; got {given[flag]}")
    if given.seed is not None and not 0 <= given.seed < 2**63:
        raise UsageError(f"--seed must be from 0 to {2**63 - 1}; got {given.seed}")
    looks = typed_flags(given, *LOOKS)
    if looks and given.json:
        raise UsageError(f"--json prints no attention; leave out {looks}")
    for flag in ("layer", "head"):
        if given[flag] is not None and not looks:
            raise UsageError(f"--{flag} would do nothing here; add --attention or --png")
    check_files(given)


def _piped() -> list[str]:
    """Return the lines that are piped in; nobody is waited for."""
    return [] if sys.stdin.isatty() else read_texts([], None)


def _search(given: Any, device: torch.device) -> Beam | Sampling:
    """Return the search that the flags ask for, which are checked."""
    if given.beam is not None:
        return Beam(given.beam)
    return Sampling(
        given.samples or 1,
        temperature=TEMPERATURE if given.temperature is None else given.temperature,
        top_k=given.top_k,
        top_p=1.0 if given.top_p is None else given.top_p,
        generator=torch.Generator(device).manual_seed(1 if given.seed is None else given.seed),
    )


def _show(
    system: GenerationSystem, generation: Generation, given: Any, number: int, total: int
) -> None:
    look = _look(system, generation, given)
    if given.attention:
        Console(highlight=False).print(HeatMap(attention_of(look)))
    for path in pictures_asked(given):
        draw(attention_of(look), numbered(path, number, total))


def _look(system: GenerationSystem, text: str | Generation, given: Any) -> TextLook:
    layer = -1 if given.layer is None else given.layer
    return system.look(text, layer=layer, head=given.head)


def _as_json(prompt: str, generations: list[Generation]) -> dict[str, Any]:
    return {"prompt": prompt, "texts": [generation._asdict() for generation in generations]}
