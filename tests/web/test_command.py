"""`regard serve`: what it prints, what it refuses in one line, and how it ends."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from regard.cli.main import main
from regard.web.server import listen


def refusal(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that a command says which must end with 2."""
    capsys.readouterr()
    assert main(["serve", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("regard: ")
    assert printed.err.count("\n") == 1, printed.err
    return printed.err.removeprefix("regard: ").rstrip("\n")


@pytest.fixture
def run(folders: dict[str, Path]) -> str:
    """Name a finished run as one would type it."""
    return str(folders["translator"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--port", "70000"], "--port must be from 0 to 65535; got 70000"),
        (["--port", "x"], "--port: expected int; got x"),
        (["--host", "256.1.1.1"], "--host 256.1.1.1 is no host that is known here"),
        (["--host", "192.0.2.1", "--port", "0"], "192.0.2.1 is no address of this machine"),
        (["--threads", "0"], "--threads must be at least 1; got 0"),
        (["--limits.beam", "0"], "limits.beam must be at least 1; got 0"),
        (["--limits.seconds", "0"], "limits.seconds must be above 0; got 0.0"),
        (["--limits.nothing", "1"], "unknown flag --limits.nothing; did you mean --limits."),
        (["--examples", "nowhere.txt"], "nowhere.txt: no such file"),
        (["--device", "toaster"], "device toaster cannot be used here"),
    ],
)
def test_what_cannot_be_is_refused(
    run: str, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal([run, *options], capsys).startswith(says)


def test_no_run_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert "run" in refusal([], capsys)


def test_runs_that_are_not_there_or_half_there_are_refused(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at_any = ["--port", "0"]
    nowhere = tmp_path / "nowhere"
    assert refusal([str(nowhere), *at_any], capsys) == f"there is no run directory {nowhere}"
    half = tmp_path / "half"
    shutil.copytree(folders["translator"], half)
    (half / "model.safetensors").unlink()
    says = refusal([str(folders["classifier"]), str(half), *at_any], capsys)
    assert says.startswith(f"{half} has no weights yet: finish its training")


def test_a_run_given_twice_is_refused(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    says = refusal([run, run, "--port", "0"], capsys)
    assert says == f"{run} is given twice; give each run once"


def test_a_port_in_use_is_refused(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        says = refusal([run, "--port", str(port)], capsys)
    assert says == (
        f"port {port} of 127.0.0.1 is in use; choose another --port, or 0 for any that is free"
    )


def test_a_port_is_in_use_before_a_server_answers_at_it(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with listen("127.0.0.1", 0) as starting:
        port = starting.getsockname()[1]
        says = refusal([run, "--port", str(port)], capsys)
    assert says.startswith(f"port {port} of 127.0.0.1 is in use; choose another --port")


@contextmanager
def started(*words: str, **environment: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start a server in a process of its own; yield it with its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "regard.cli.main", "serve", *words, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.match(r"(http://\S+:\d+/)  \(Ctrl-C ends it\)$", line):
                yield process, found[1]
                return
        assert process.stderr is not None
        raise AssertionError(process.stderr.read())
    finally:
        process.kill()
        process.communicate()


def ended(process: "subprocess.Popen[str]", by: signal.Signals) -> tuple[int, float, str]:
    """End a server; return its exit status, how long that took, and what it said."""
    began = time.monotonic()
    process.send_signal(by)
    status = process.wait(30)
    assert process.stderr is not None
    return status, time.monotonic() - began, process.stderr.read()


def test_a_server_opens_a_browser_answers_and_ends_at_once(run: str, tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n', "utf-8")
    browser.chmod(0o755)
    with started(run, "--open", BROWSER=f"{browser} %s") as (process, address):
        assert address.startswith("http://127.0.0.1:")
        with urlopen(address, timeout=20) as page:
            assert b"<title>Regard</title>" in page.read()
        body = json.dumps({"run": "translator", "texts": ["ein haus"]}).encode()
        request = Request(f"{address}api/predict", body, {"content-type": "application/json"})
        with urlopen(request, timeout=20) as answer:
            assert json.load(answer)["predictions"][0]["text"] == "a house"
        deadline = time.monotonic() + 20
        while not opened.exists() or not opened.read_text("utf-8"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert opened.read_text("utf-8").strip() == address
        status, seconds, said = ended(process, signal.SIGINT)
    assert (status, said) == (0, "")
    assert seconds < 10


def test_a_server_says_nothing_of_what_others_ask_wrongly(run: str) -> None:
    upgrade = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    asked = {
        b"GET / HTTP/1.1\r\nhost: localhost\r\n" + upgrade + b"\r\n": b"HTTP/1.1 200",
        b"nonsense\r\n\r\n": b"HTTP/1.1 400",
    }
    with started(run) as (process, address):
        port = int(address.rpartition(":")[2].rstrip("/"))
        for request, answer in asked.items():
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                connection.sendall(request)
                assert connection.recv(12) == answer
        status, _, said = ended(process, signal.SIGINT)
    assert (status, said) == (0, "")


def test_a_server_says_who_can_ask_and_ends_while_it_computes(folders: dict[str, Path]) -> None:
    words = ["--host", "0.0.0.0", "--allow", "box.local,box", "--limits.tokens", "100000"]
    with started(str(folders["writer"]), *words) as (process, address):
        port = int(address.rpartition(":")[2].rstrip("/"))
        request = Request(f"http://127.0.0.1:{port}/health", headers={"host": "box.local"})
        with urlopen(request, timeout=20) as answer:
            assert answer.status == 200
        body = json.dumps({"run": "writer", "text": "the", "options": {"length": 90_000}}).encode()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(
                b"POST /api/look HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                + f"content-length: {len(body)}\r\n\r\n".encode()
                + body
            )
            time.sleep(1)
            status, seconds, said = ended(process, signal.SIGINT)
    assert status == 0
    assert said == "regard: whoever reaches 0.0.0.0 can ask: there is no password\n"
    assert seconds < 10
