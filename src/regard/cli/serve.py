"""`regard serve`."""

import dataclasses
import os
import sys
import webbrowser
from pathlib import Path

from rich.console import Console

from regard.cli.parser import Parser, UsageError

__all__ = ["run"]

DESCRIPTION = """Serve runs as a page: type a text, see what they make of it, and where they look.

  regard serve runs/subwords
  regard serve runs/bahdanau runs/luong --open
  regard serve runs/abcnn3 --port 8080 --examples pairs.tsv

Runs of any kind stand side by side: translators, classifiers, matchers and language models. Two of
the same text can be compared. What is seen can be linked to, and saved as SVG, HTML or JSON. The
same is there for programs: POST /api/look and /api/predict, described at /openapi.json.

  curl http://127.0.0.1:8000/api/predict -H 'content-type: application/json' \\
    -d '{"run": "subwords", "texts": ["ein mann mit einem hut ."]}'

Only this machine can ask, unless --host says otherwise: there is no password. Nothing that is asked
for opens a file: the runs are those given here, by the names of their folders. Requests for the
same are computed together; what is too long, too large or too much at once is refused, by the
limits below. The page loads nothing from elsewhere. Ctrl-C ends it."""


def run(words: list[str]) -> int:
    """Open the runs, and serve them until that is ended."""
    parser = _parser()
    given = parser.parse_words(words)
    if not 0 <= given.port < 65_536:
        raise UsageError(f"--port must be from 0 to 65535; got {given.port}")
    # Imported here: they bring in a web server, which nothing else needs.
    from regard.web import Limits, make_application, open_runs, warm_up
    from regard.web.examples import read_examples
    from regard.web.server import address_of, is_loopback, listen, serve

    limits = Limits(**vars(given.limits))
    _use_threads(given.threads)
    examples = [] if given.examples is None else read_examples(given.examples)
    with listen(given.host, given.port) as listening:
        runs = open_runs(given.run, limits, device=given.device, examples=examples)
        warm_up(runs.values(), limits)
        application = make_application(runs, limits, [given.host, *(given.allow or "").split(",")])
        address = address_of(listening, given.host)
        if not is_loopback(listening):
            print(
                f"regard: whoever reaches {given.host} can ask: there is no password",
                file=sys.stderr,
            )

        def ready() -> None:
            served = ", ".join(f"{name} ({each.system.kind})" for name, each in runs.items())
            console = Console(highlight=False)
            console.print(f"Serving {served}", markup=False, soft_wrap=True)
            console.print(f"{address}  (Ctrl-C ends it)", markup=False, soft_wrap=True)
            if given.open:
                webbrowser.open(address)

        serve(application, listening, ready)
    return 0


def _parser() -> Parser:
    # Imported here, as above.
    from regard.web.limits import Limits

    parser = Parser(prog="regard serve", description=DESCRIPTION)
    parser.add_argument("run", type=Path, nargs="+", help="run directories of regard train")
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve at")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any that is free")
    parser.add_argument(
        "--allow",
        type=str | None,
        help="other names of this machine by which browsers may ask for it, with commas between",
    )
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument(
        "--examples",
        type=Path | None,
        help="texts to try: a file with one a line, or two with a tab between",
    )
    parser.add_device()
    parser.add_argument(
        "--threads",
        type=int | None,
        help="processor threads that compute; all but one of the cores if not given",
    )
    parser.add_class_arguments(Limits, "limits")
    parser.set_defaults({"limits": dataclasses.asdict(Limits())})
    return parser


def _use_threads(threads: int | None) -> None:
    import torch

    if threads is not None and threads < 1:
        raise UsageError(f"--threads must be at least 1; got {threads}")
    # One core is left to those who ask.
    torch.set_num_threads(threads or max(1, (os.cpu_count() or 1) - 1))
