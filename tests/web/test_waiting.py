"""A served run that takes its time: who waits, who is turned away, and who has left."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import torch

from regard.inspection.report import TextExample
from regard.inspection.shading import ShadedText
from regard.web import Limits, ServedRun, make_application
from regard.web.answered import Choices, Classified, Kind, Prediction
from regard.web.asked import Options
from regard.web.sights import Sight, Texts
from tests.web.conftest import served

LIMITS = Limits(seconds=1.0, waiting=3, together=2)


class Slow:
    """Answers when it is told to go on, and keeps what it was asked."""

    kind: Kind = "classify"
    num_texts = 1

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.goes_on = threading.Event()

    def choices(self) -> Choices:
        return Choices()

    def check(self, texts: Texts, options: Options) -> None:
        pass

    def look(self, asked: Sequence[Texts], options: Options) -> list[Sight]:
        self.asked += [text for [text] in asked]
        assert self.goes_on.wait(20)
        prediction = Classified(labels=["x"], probabilities={"x": 1.0})
        drawn = TextExample(ShadedText("x", [(0, 1)], torch.ones(1)))
        return [Sight(texts, prediction, drawn, []) for texts in asked]

    def predict(self, asked: Sequence[Texts], options: Options) -> list[Prediction]:
        return [sight.prediction for sight in self.look(asked, options)]


@pytest.fixture
def slow() -> Iterator[Slow]:
    """Return what is slow, and lets go whoever waits for it in the end."""
    system = Slow()
    yield system
    system.goes_on.set()


def body(text: str) -> bytes:
    return json.dumps({"run": "slow", "text": text}).encode()


def ask(address: str, text: str) -> tuple[int, Any, Any]:
    request = Request(f"{address}api/look", body(text), {"content-type": "application/json"})
    try:
        with urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, json.load(answer)
    except HTTPError as error:
        return error.code, error.headers, json.load(error)


def waiting(address: str) -> int:
    with urlopen(f"{address}health", timeout=20) as answer:
        return int(json.load(answer)["waiting"])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def application(system: Slow, limits: Limits = LIMITS) -> Any:
    return make_application({"slow": ServedRun("slow", system, {}, [])}, limits)


def test_what_takes_too_long_is_told_to_come_back(slow: Slow) -> None:
    with served(application(slow)) as address:
        began = time.monotonic()
        status, headers, answer = ask(address, "a")
        assert time.monotonic() - began < 5
    assert (status, answer["error"]["code"]) == (503, "too_slow")
    assert answer["error"]["message"] == "there was no answer within 1 seconds"
    assert int(headers["retry-after"]) > 0


def test_more_than_may_wait_are_told_to_come_back(slow: Slow) -> None:
    limits = Limits(seconds=20.0, waiting=2, together=1)
    with served(application(slow, limits)) as address, ThreadPoolExecutor(9) as clients:
        first = clients.submit(ask, address, "first")
        until(lambda: slow.asked == ["first"])
        others = [clients.submit(ask, address, str(number)) for number in range(2)]
        until(lambda: waiting(address) == 2)
        status, headers, answer = ask(address, "too many")
        slow.goes_on.set()
        answered = [each.result()[0] for each in (first, *others)]
    assert (status, answer["error"]["code"]) == (503, "busy")
    assert headers["retry-after"] == "1"
    assert answered == [200, 200, 200]
    assert "too many" not in slow.asked


def test_who_leaves_gives_the_place_up(slow: Slow) -> None:
    with (
        served(application(slow, Limits(seconds=20.0))) as address,
        ThreadPoolExecutor(9) as clients,
    ):
        first = clients.submit(ask, address, "first")
        until(lambda: slow.asked == ["first"])
        where = urlsplit(address)
        with socket.create_connection((where.hostname or "", where.port or 0)) as leaving:
            leaving.sendall(
                b"POST /api/look HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                + f"content-length: {len(body('leaving'))}\r\n\r\n".encode()
                + body("leaving")
            )
            until(lambda: waiting(address) == 1)
        until(lambda: waiting(address) == 0)
        slow.goes_on.set()
        assert first.result()[0] == 200
        assert ask(address, "next")[0] == 200
    assert slow.asked == ["first", "next"]


def test_what_cannot_be_answered_in_time_is_not_computed(slow: Slow) -> None:
    with served(application(slow)) as address, ThreadPoolExecutor(9) as clients:
        first = clients.submit(ask, address, "first")
        until(lambda: slow.asked == ["first"])
        late = clients.submit(ask, address, "late")
        assert (first.result()[0], late.result()[0]) == (503, 503)
        slow.goes_on.set()
        assert ask(address, "next")[0] == 200
    assert slow.asked == ["first", "next"]


def test_those_who_ask_for_much_let_others_pass(slow: Slow) -> None:
    texts = [str(number) for number in range(8)]
    asked = json.dumps({"run": "slow", "texts": texts}).encode()
    limits = Limits(seconds=20.0, together=2)
    with served(application(slow, limits)) as address, ThreadPoolExecutor(9) as clients:
        request = Request(f"{address}api/predict", asked, {"content-type": "application/json"})
        much = clients.submit(urlopen, request, None, timeout=20)
        until(lambda: len(slow.asked) == 2)
        one = clients.submit(ask, address, "one")
        until(lambda: waiting(address) == 1)
        slow.goes_on.set()
        assert one.result()[0] == 200
        much.result().close()
    assert slow.asked == ["0", "1", "one", *texts[2:]]


def test_many_texts_are_predicted_where_few_may_wait(slow: Slow) -> None:
    slow.goes_on.set()
    asked = json.dumps({"run": "slow", "texts": ["x"] * 9}).encode()
    limits = Limits(seconds=20.0, together=8, waiting=2)
    with served(application(slow, limits)) as address:
        request = Request(f"{address}api/predict", asked, {"content-type": "application/json"})
        with urlopen(request, timeout=20) as answer:
            assert len(json.load(answer)["predictions"]) == 9


def test_fifty_megabytes_are_refused_over_the_wire(slow: Slow) -> None:
    with served(application(slow)) as address:
        status, _, answer = ask(address, "x" * 50_000_000)
        assert (status, answer["error"]["code"]) == (413, "too_large")
        slow.goes_on.set()
        assert ask(address, "next")[0] == 200
    assert slow.asked == ["next"]
