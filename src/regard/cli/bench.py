"""`regard bench`."""

import platform
from pathlib import Path

import torch
from rich.console import Console

from regard.bench import report
from regard.bench.measuring import measure
from regard.bench.suites import SUITES, Sizes
from regard.cli.parser import Parser, UsageError
from regard.files import replacing
from regard.recipes.run import device_named

__all__ = ["run"]

DESCRIPTION = """Measure how fast attention is here, against what you would write or use instead.

  regard bench
  regard bench additive dot
  regard bench growth --folder bench/
  regard bench --shrink 8 --repeats 3

The sides of each comparison run in turn; medians are compared, and the most memory that a run
holds at once beyond its inputs. Leave the machine alone meanwhile. All of it takes some ten
minutes on two processor cores. What there is:

""" + "\n".join(
    f"  {name:14} {(suite.__doc__ or '').partition(chr(10))[0]}" for name, suite in SUITES.items()
)


def run(words: list[str]) -> int:
    """Measure, show, and where asked write down and plot."""
    given = _parser().parse_words(words)
    names = given.suites or list(SUITES)
    for name in names:
        if name not in SUITES:
            raise UsageError(f"no comparison {name}; there are {', '.join(SUITES)}")
    if given.repeats < 1 or given.shrink < 1 or not given.seconds > 0:
        raise UsageError("--repeats and --shrink must be 1 or more, and --seconds above 0")
    if given.folder is not None:
        _make(given.folder)
    device = device_named(given.device)
    console = Console(highlight=False)
    console.print(_machine(device))
    written = [_machine(device)]
    for name in names:
        rows, titles = [], set()
        console.print(f"\n[bold]{name}[/bold]  {_about(name)}")
        written.append(f"## {name}\n\n{_about(name)}")
        for case in SUITES[name](Sizes(given.shrink, device)):
            if case.title in titles:
                continue  # lengths so short that shrunk they are the same
            titles.add(case.title)
            found = measure(case, repeats=given.repeats, budget=given.seconds, device=device)
            absent = [f"Without {side}: {reason}." for side, reason in case.absent.items()]
            console.print(case.title, report.table(found), *absent, sep="\n")
            written += [report.markdown(case.title, found), *absent]
            rows += found
        if given.folder is not None and any(row.length is not None for row in rows):
            report.plot(rows, given.folder / f"{name}.png", title=_about(name))
            written.append(f"![{name}]({name}.png)")
    if given.folder is not None:
        with replacing(given.folder / "bench.md") as unfinished:
            unfinished.write_text("\n\n".join(written) + "\n", "utf-8")
        console.print(f"\nwrote {given.folder / 'bench.md'}", markup=False, soft_wrap=True)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="regard bench", description=DESCRIPTION)
    parser.add_argument(
        "suites", nargs="*", type=str, default=[], help="which comparisons; all if not given"
    )
    parser.add_argument("--repeats", type=int, default=21, help="how often each side runs")
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="begin no round of a comparison after so long"
    )
    parser.add_argument("--shrink", type=int, default=1, help="divide all lengths by this")
    parser.add_argument("--folder", type=Path | None, help="write bench.md and plots here")
    parser.add_device()
    return parser


def _make(folder: Path) -> None:
    """Make the folder before anything is measured."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--folder {folder} cannot be made: {error.strerror}") from None


def _about(name: str) -> str:
    return " ".join((SUITES[name].__doc__ or "").split())


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, PyTorch {torch.__version__}"
    threads = torch.get_num_threads()
    return f"{platform.machine()} with {threads} threads, PyTorch {torch.__version__}"
