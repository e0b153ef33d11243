"""How many requests a second a served run answers, and whether it keeps its memory.

    scripts/bench serving RUN
    scripts/bench serving RUN --soak 10

The date reader of `regard demo` is asked for random dates, with pictures, as the page asks: by 16
clients that each ask again as soon as they have an answer. Clients and server share the machine.

With --soak, so many minutes of good requests among malformed, hostile, huge and broken off ones:
what the answers' statuses are, how many hold a traceback, and how much the server's memory has
grown from a tenth of the time to the end.
"""

import argparse
import http.client
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import IO, Any, NamedTuple

from rich.console import Console
from rich.table import Table

from regard.data.dates import FIRST_DAY, FORMATS, LAST_DAY, LOCALES, write_date

WARM_UP = 3.0
JSON = {"content-type": "application/json"}


class Server(NamedTuple):
    """A server that was started: where it is, and what it is asked for."""

    host: str
    port: int
    run: str
    process: "subprocess.Popen[str]"

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection of one's own."""
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    @property
    def megabytes(self) -> float:
        """The memory that the server holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        [resident] = re.findall(r"VmRSS:\s+(\d+) kB", status)
        return int(resident) / 1024


class Answered(NamedTuple):
    """An answer: when it came, how long it took, its status, and whether it shows our insides."""

    at: float
    seconds: float
    status: int
    traceback: bool


def main() -> int:
    """Start a server, ask it, and print what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", help="a date reader: a run directory of regard demo")
    parser.add_argument("--clients", type=int, default=16, help="that ask at once (16)")
    parser.add_argument("--seconds", type=float, default=20, help="of measuring (20)")
    parser.add_argument("--beam", type=int, help="hypotheses at once, else as the page has it")
    parser.add_argument("--soak", type=float, help="minutes of mixed requests instead")
    given = parser.parse_args()
    with tempfile.TemporaryFile() as log:
        with started(given.run, log) as server:
            if given.soak:
                wrong = soak(server, given.clients, 60 * given.soak)
            else:
                wrong = measure(server, given.clients, given.seconds, given.beam)
        log.seek(0)
        said = log.read().decode()
        print(f"{said.count('Traceback')} tracebacks in the server's log")
        sys.stderr.write(said[-2_000:])
    return int(wrong or "Traceback" in said)


@contextmanager
def started(run: str, log: IO[bytes]) -> Iterator[Server]:
    """Serve a run at a port that is free; what is wrong there, the log is told."""
    words = [sys.executable, "-m", "regard.cli.main", "serve", run, "--port", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603
    try:
        lines = (re.match(r"http://([\d.]+):(\d+)/", line) for line in process.stdout or ())
        address = next(filter(None, lines), None)
        if address is None:
            sys.exit("the server did not start")
        host, port = address[1], int(address[2])
        connection = http.client.HTTPConnection(host, port)
        connection.request("GET", "/api/runs")
        name = json.load(connection.getresponse())["runs"][0]["name"]
        yield Server(host, port, name, process)
    finally:
        process.terminate()
        process.wait()


def measure(server: Server, clients: int, seconds: float, beam: int | None) -> bool:
    """Print how many good requests a second are answered, and how long they take."""
    options = {} if beam is None else {"beam": beam}

    def ask(connection: http.client.HTTPConnection, rng: random.Random) -> Answered:
        return post(connection, "/api/look", good(server, rng, options))

    answers = asked(server, clients, WARM_UP + seconds, ask)
    first = min(answer.at for answer in answers)
    counted = [answer for answer in answers if answer.at >= first + WARM_UP]
    took = sorted(answer.seconds for answer in counted)
    cuts = quantiles(took, n=100)
    table = Table("clients", "requests a second", "p50 (ms)", "p99 (ms)", "slowest (ms)", "errors")
    errors = sum(answer.status != 200 for answer in counted)
    table.add_row(
        str(clients),
        f"{len(counted) / seconds:.1f}",
        f"{1000 * cuts[49]:.0f}",
        f"{1000 * cuts[98]:.0f}",
        f"{1000 * took[-1]:.0f}",
        str(errors),
    )
    Console().print(table)
    return errors > 0


def soak(server: Server, clients: int, seconds: float) -> bool:
    """Print what mixed requests are answered, and how much memory has grown."""
    grown: dict[str, float] = {}
    early = threading.Timer(seconds / 10, lambda: grown.update(early=server.megabytes))
    early.start()
    asks = [ask_good(server), *map(ask_bad(server), BAD), leave(server)]
    weights = [len(BAD), *([1] * len(BAD)), 1]

    def ask(connection: http.client.HTTPConnection, rng: random.Random) -> Answered:
        [chosen] = rng.choices(asks, weights)
        return chosen(connection, rng)

    answers = asked(server, clients, seconds, ask)
    early.join()
    late = server.megabytes
    statuses = Counter(answer.status for answer in answers)
    table = Table("status", "answers")
    for status, number in sorted(statuses.items()):
        table.add_row(str(status) if status else "left before the answer", f"{number:,}")
    console = Console()
    console.print(table)
    growth = 100 * (late / grown["early"] - 1)
    broken = sum(number for status, number in statuses.items() if status >= 500)
    tracebacks = sum(answer.traceback for answer in answers)
    console.print(
        f"{len(answers):,} requests in {seconds / 60:g} minutes; {broken} answers of 5xx, "
        f"{tracebacks} tracebacks; memory {grown['early']:.0f} → {late:.0f} MB ({growth:+.1f} %)"
    )
    return broken > 0 or tracebacks > 0 or growth > 10


Ask = Callable[[http.client.HTTPConnection, random.Random], Answered]


def asked(server: Server, clients: int, seconds: float, ask: Ask) -> list[Answered]:
    """Let clients ask one after another for so long; return all answers."""
    answers: list[Answered] = []
    until = time.monotonic() + seconds

    def client(seed: int) -> None:
        rng, connection = random.Random(seed), server.connect()
        while time.monotonic() < until:
            try:
                answers.append(ask(connection, rng))
            except (http.client.HTTPException, OSError):
                connection.close()  # refused before all was sent, or left
        connection.close()

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def post(
    connection: http.client.HTTPConnection,
    path: str,
    body: bytes,
    headers: dict[str, str] = JSON,
) -> Answered:
    """Ask, and wait for the answer."""
    began = time.monotonic()
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    content = response.read()
    ended = time.monotonic()
    return Answered(ended, ended - began, response.status, b"Traceback" in content)


def good(server: Server, rng: random.Random, options: dict[str, Any]) -> bytes:
    """Return a request to look at a date."""
    day = FIRST_DAY + timedelta(rng.randrange((LAST_DAY - FIRST_DAY).days + 1))
    text = write_date(day, rng.choice(LOCALES), rng.choice(FORMATS))
    return json.dumps({"run": server.run, "text": text, "options": options}).encode()


BAD: tuple[Callable[[str], bytes], ...] = (
    lambda run: b"{",
    lambda run: b"[" * 100_000,
    lambda run: b"\xff\xfe",
    lambda run: b'{"run": 1e999}',
    lambda run: json.dumps({"run": run}).encode(),
    lambda run: json.dumps({"run": "../" * 50, "text": "x"}).encode(),
    lambda run: json.dumps({"run": run, "text": "x" * 9_000}).encode(),
    lambda run: json.dumps({"run": run, "text": "x" * 1_000_000}).encode(),
    lambda run: json.dumps({"run": run, "text": "x" * 20_000_000}).encode(),
    lambda run: json.dumps({"run": run, "text": "\x00\x1b[31m\u202e" * 20}).encode(),
    lambda run: json.dumps({"run": run, "text": "</script><script>alert(1)"}).encode(),
    lambda run: json.dumps({"run": run, "text": "\ud800"}).encode(),
    lambda run: json.dumps({"run": run, "text": "x", "options": {"beam": 10**9}}).encode(),
    lambda run: json.dumps({"run": run, "text": "x", "options": {"head": float("nan")}}).encode(),
    lambda run: b'{"run": "' + b"9" * 10_000 + b'", "text": ' + b"9" * 10_000 + b"}",
)
"""Bodies that no client should send, and some that are only odd."""


def ask_good(server: Server) -> Ask:
    """Return what looks, predicts or draws."""

    def ask(connection: http.client.HTTPConnection, rng: random.Random) -> Answered:
        asked = json.loads(good(server, rng, {"beam": rng.randint(1, 8)}))
        way = rng.random()
        if way < 0.02:
            wanted = {**asked, "format": rng.choice(["svg", "html", "json"])}
            return post(connection, "/api/picture", json.dumps(wanted).encode())
        if way < 0.05:
            wanted = {"run": server.run, "texts": [asked["text"]] * rng.randint(1, 20)}
            return post(connection, "/api/predict", json.dumps(wanted).encode())
        return post(connection, "/api/look", json.dumps(asked).encode())

    return ask


def ask_bad(server: Server) -> Callable[[Callable[[str], bytes]], Ask]:
    """Return what makes a way to ask of a bad body."""

    def make(bad: Callable[[str], bytes]) -> Ask:
        def ask(connection: http.client.HTTPConnection, rng: random.Random) -> Answered:
            path = rng.choice(["/api/look", "/api/predict", "/api/picture", "/", "/nowhere"])
            headers = JSON if rng.random() < 0.9 else {"content-type": "text/plain"}
            return post(connection, path, bad(server.run), headers)

        return ask

    return make


def leave(server: Server) -> Ask:
    """Return what asks, and leaves before it has an answer."""

    def ask(_: http.client.HTTPConnection, rng: random.Random) -> Answered:
        body = good(server, rng, {"beam": 10})
        head = f"POST /api/look HTTP/1.1\r\nHost: {server.host}\r\nContent-Type: application/json"
        with socket.create_connection((server.host, server.port)) as left:
            left.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            time.sleep(rng.random() / 50)
        return Answered(time.monotonic(), 0.0, 0, traceback=False)

    return ask


if __name__ == "__main__":
    sys.exit(main())
