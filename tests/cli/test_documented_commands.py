"""Whatever the documentation shows to be typed works, tried in the order of reading."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.documents import PART, Snippet, documents, snippets
from tests.cli.programs import PROGRAMS, parse, try_command
from tests.cli.reader import make_belongings, shrink_recipes

DOCUMENTS = {name: text for name, text in documents().items() if PART.search(text)}


@pytest.fixture(autouse=True)
def small_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink_recipes(monkeypatch)


@pytest.fixture(scope="module")
def belongings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make what a reader has, once."""
    folder = tmp_path_factory.mktemp("belongings")
    with pytest.MonkeyPatch.context() as patched:
        shrink_recipes(patched)
        patched.chdir(folder)
        make_belongings()
    return folder


@pytest.fixture
def reader(belongings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a reader's own folder."""
    monkeypatch.chdir(shutil.copytree(belongings, tmp_path / "reader"))


def run_python(snippet: Snippet, names: dict[str, Any]) -> None:
    """Run a block of Python with the names of the blocks before it."""
    text = "\n" * (snippet.line - 1) + snippet.text  # so that a traceback names the line
    exec(compile(text, snippet.document, "exec"), names)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_shown_to_be_typed_works(
    document: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names: dict[str, Any] = {}
    faults = []
    for snippet in snippets(document, DOCUMENTS[document]):
        if snippet.is_python:
            run_python(snippet, names)
        elif fault := try_command(snippet.text, capsys, monkeypatch):
            faults.append(f"{snippet.where}: {snippet.text}\n  {fault}")
    assert not faults, "\n" + "\n".join(faults)


PAGE = r"""
Type `regard data` or, `scripts/test -k "a b"`, not `regard.load` nor `scripts/`.

```sh
# A remark, and a command on two lines.
regard translate runs/mine \
    "ein haus"
make
```

```console
$ regard data   (what there is)
and what it prints
```

```
regard catalogue
scores = score(query, key)
scripts/        install demo
cat a | regard translate runs/mine > b
```

```python
one = 1

two = 2
```
"""


def test_what_is_shown_is_found() -> None:
    found = [(snippet.line, snippet.text) for snippet in snippets("page", PAGE)]
    assert found == [
        (2, "regard data"),
        (2, 'scripts/test -k "a b"'),
        (7, 'regard translate runs/mine "ein haus"'),
        (8, "make"),
        (12, "regard data"),
        (17, "regard catalogue"),
        (20, "cat a | regard translate runs/mine > b"),
        (24, "one = 1\n\ntwo = 2\n"),
    ]


def test_the_documents_are_read() -> None:
    assert {"README.md", "CONTRIBUTING.md", "RESULTS.md"} <= set(DOCUMENTS)
    assert {"docs/translate.md", "docs/classify.md"} <= set(DOCUMENTS)
    assert {"regard demo --help", "regard train translate --help"} <= set(DOCUMENTS)
    assert {"regard train classify --help", "regard classify --help"} <= set(DOCUMENTS)
    found = [snippet for name, text in DOCUMENTS.items() for snippet in snippets(name, text)]
    with_python = {snippet.document for snippet in found if snippet.is_python}
    assert {"README.md", "docs/attention.md", "docs/masks.md"} <= with_python
    programs = {parse(snippet.text).words[0] for snippet in found if not snippet.is_python}
    undocumented = set(PROGRAMS) - programs
    assert not undocumented, "nobody needs these in PROGRAMS any more"


def test_a_block_in_another_language_is_not_passed_over() -> None:
    with pytest.raises(ValueError, match=r"what to do with blocks of 'fish'"):
        list(snippets("page", "```fish\nregard data\n```\n"))


def test_a_line_is_taken_apart_as_a_shell_would() -> None:
    assert parse('cat a | regard translate r "b c" > d  # e') == (
        ["regard", "translate", "r", "b c"],
        "a",
        "d",
    )
    assert parse("A_B=c python d.py").words == ["python", "d.py"]


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("make all", "add it to PROGRAMS"),
        ("scripts/gone", "add it to PROGRAMS"),
        ("regard translat", "did you mean translate"),
        ("regard catalogue --al", "unknown flag --al"),
        ("regard train translate --data.train gone.tsv", "gone.tsv: no such file"),
        ("regard inspect runs/gone", "there is no run directory runs/gone"),
        ("torchrun -m regard.cli.gone demo", "must start -m regard.cli.main"),
        ("torchrun --gone 1 -m regard.cli.main demo", "ended with 2"),
        ("pip install 'regard[gone]'", "no extra gone"),
        ("pip remove regard", "not known to take"),
        ("python examples/gone.py", "gone.py"),
        ("KERAS_BACKEND=torch python examples/keras/reverse.py --gone", "unrecognized"),
        ("scripts/bench gone", "gone.py"),
        ("scripts/bench recurrent_translator --repeats many", "invalid int value: 'many'"),
        ("scripts/bench recurrent_translator --run runs/gone", "there is no runs/gone"),
        ("scripts/check all", "takes no"),
        ("scripts/docs gone", "MkDocs is not known to take"),
        ("scripts/install train,gone", "no extra gone"),
        ("scripts/test tests/gone.py -k reader", "there is no tests/gone.py"),
    ],
)
def test_a_line_that_does_not_work_is_found(
    line: str,
    fault: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert fault in (try_command(line, capsys, monkeypatch) or "nothing")
