"""The command `regard`."""

import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import NamedTuple

from regard import __version__

__all__ = ["main"]


class _Command(NamedTuple):
    """A subcommand: its words, what it is for, and the module whose `run` it is."""

    words: str
    summary: str
    module: str


COMMANDS = (
    _Command("demo", "train a date reader in minutes and see where it looks", "demo"),
    _Command("train classify", "learn to classify text", "train_classify"),
    _Command("classify", "classify text, and show which words counted", "classify"),
    _Command("train match", "learn what two texts have to do with each other", "train_match"),
    _Command("match", "match two texts, and show where they do", "match"),
    _Command("train translate", "learn to translate from parallel text", "train_translate"),
    _Command("compare translate", "which attention should I use?", "compare_translate"),
    _Command("translate", "translate text, and show the alignment", "translate"),
    _Command("train generate", "learn to write from plain text", "train_generate"),
    _Command("generate", "continue text, and show where the model looked", "generate"),
    _Command("evaluate", "score a trained run", "evaluate"),
    _Command("export", "write a run to files that run without Regard", "export"),
    _Command("inspect", "look into a run: settings, figures, attention", "inspect"),
    _Command("serve", "serve runs as a page where they can be tried", "serve"),
    _Command("curves", "draw how trainings went", "curves"),
    _Command("mechanism", "how attention computes, number by number", "mechanism"),
    _Command("catalogue", "every mechanism, with formula and source", "catalogue"),
    _Command("bench", "how fast attention is here, against what others have", "bench"),
    _Command("data", "the data sets known by name", "data"),
)


EXTRAS = {
    "export": ("ctranslate2", "onnx", "onnxruntime", "onnxscript"),
    "web": ("fastapi", "pydantic", "starlette", "uvicorn"),
}
"""What is installed by which extra; all else by those that training and pictures need."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a mistake of the user's is one line on stderr and exit code 2."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Of `regard ... | head`: end quietly when nobody reads on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError) as error:
        print(f"regard: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        print(
            "regard: there is not enough memory for that; ask for less at once: shorter texts, "
            "smaller batches or beams",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt as interrupt:
        advice = f"; {interrupt}" if str(interrupt) else ""
        print(f"regard: interrupted{advice}", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("regard"):
            raise
        package = error.name.partition(".")[0]
        extras = next((name for name, held in EXTRAS.items() if package in held), "train,plot")
        print(f"regard: this needs {package}: pip install 'regard[{extras}]'", file=sys.stderr)
        return 2


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if words[0] == "--version":
        print(f"regard {__version__}")
        return 0
    for command in COMMANDS:
        names = command.words.split()
        if words[: len(names)] == names:
            run: Callable[[list[str]], int] = import_module(f"regard.cli.{command.module}").run
            return run(words[len(names) :])
    raise ValueError(_unknown(words))


def _is_out_of_memory(error: Exception) -> bool:
    """Say whether Python, or PyTorch on any device, got no memory."""
    told = ("allocate memory", "enough memory", "out of memory")
    return isinstance(error, MemoryError) or any(words in str(error) for words in told)


def _unknown(words: list[str]) -> str:
    known = [command.words for command in COMMANDS]
    longer = [command for command in known if command.startswith(f"{words[0]} ")]
    if longer:
        return f"regard {words[0]} what? There is: {', '.join(longer)}"
    nearest = get_close_matches(words[0], known, n=1, cutoff=0.4)
    hint = f"; did you mean {nearest[0]}?" if nearest else "; see regard --help"
    return f"unknown command {words[0]}{hint}"


def _overview() -> str:
    width = max(len(command.words) for command in COMMANDS)
    lines = [f"  regard {command.words:{width}}  {command.summary}" for command in COMMANDS]
    return "\n".join(
        [
            "Attention you can train, trust and see.",
            "",
            *lines,
            "",
            "Each explains itself with --help. Start with: regard demo",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
