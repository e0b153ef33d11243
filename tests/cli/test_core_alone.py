"""With the packages of the core alone, the command says what is missing."""

import subprocess
import sys
from textwrap import dedent

import pytest


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--help"], 0, "Start with: regard demo"),
        (["--version"], 0, "regard "),
        (["data"], 2, "regard: this needs rich: pip install"),
    ],
)
def test_the_command_runs_or_says_what_it_needs(words: list[str], code: int, said: str) -> None:
    program = f"""
        import sys
        for name in ("jsonargparse", "lightning", "matplotlib", "rich", "tokenizers"):
            sys.modules[name] = None
        from regard.cli.main import main
        sys.exit(main({words}))
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(program)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
