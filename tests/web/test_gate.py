"""What every request passes: the names of this server, what answers say of themselves, time."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Message, Scope

from regard.web.gate import HEADERS, Gate
from regard.web.limits import Limits
from tests.web.conftest import in_a_loop

OPEN = PlainTextResponse("open")


def asked_as(host: str, *names: str) -> int:
    client = TestClient(Gate(OPEN, Limits(), names))
    return client.get("/", headers={"host": host}).status_code


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:8000", "[::1]:8000", "[::1]"),
        *("192.168.1.5:8000", "box.local", "BOX.local:1", "box"),
    ],
)
def test_the_names_of_the_server_and_addresses_are_known(host: str) -> None:
    assert asked_as(host, "box.local", "Box") == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8000", "localhost.evil.example", "", "127.0.0.1.nip.io"),
        *("box.local.evil.example", "other", "[evil]:80", "localhost:80:80", "1"),
    ],
)
def test_other_names_are_refused(host: str) -> None:
    assert asked_as(host, "box.local", "") == 400


def test_a_name_that_is_refused_is_told_what_to_do() -> None:
    answer = TestClient(Gate(OPEN, Limits())).get("/", headers={"host": "evil.example"})
    assert answer.json()["error"] == {
        "code": "unknown_host",
        "message": "this server is not known under that name; regard serve --allow NAME tells it",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/page.js"),
        ("GET", "/nothing"),
        ("POST", "/api/look"),
        ("GET", "/api/runs"),
    ],
)
def test_every_answer_says_how_it_is_to_be_handled(
    client: TestClient, method: str, path: str
) -> None:
    answer = client.request(method, path, headers={"origin": "http://evil.example"})
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] in ("no-store", "no-cache")
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    assert HEADERS["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert HEADERS["x-content-type-options"] == "nosniff"
    assert HEADERS["referrer-policy"] == "no-referrer"


def test_other_sites_are_not_let_in(client: TestClient) -> None:
    answer = client.options(
        "/api/look",
        headers={"origin": "http://evil.example", "access-control-request-method": "POST"},
    )
    assert answer.status_code == 405
    assert not any(name.startswith("access-control") for name in answer.headers)


def answers_to(
    *messages: Message | None, headers: dict[str, str] | None = None, seconds: float = 0.05
) -> list[Message]:
    """Return what a gate sends when it is sent messages; None is waited for in vain."""
    given = {"host": "localhost", "content-type": "application/json", **(headers or {})}
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    coming, sent = iter(messages), []

    async def receive() -> Message:
        message = next(coming, None)
        if message is None:
            await asyncio.sleep(10)
        assert message is not None
        return message

    async def send(message: Message) -> None:
        sent.append(message)

    in_a_loop(Gate(OPEN, Limits(body=100, seconds=seconds))(scope, receive, send))
    return sent


def piece(size: int, *, more: bool) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


def test_what_says_that_it_is_too_large_is_not_read() -> None:
    start, body, end = answers_to(None, headers={"content-length": "101"})
    assert start["status"] == 413
    # Its answer is all there at once, though more of the request may be coming.
    assert len(body["body"]) == int(dict(start["headers"])[b"content-length"])
    assert (body["more_body"], end["more_body"]) == (True, False)


def test_what_turns_out_too_large_is_read_no_further() -> None:
    start, *_ = answers_to(piece(60, more=True), piece(60, more=True), None)
    assert start["status"] == 413


def test_nothing_more_is_waited_for_behind_the_end() -> None:
    """A last piece that is too much leaves nothing to drop: whoever asked is not kept waiting."""
    began = time.monotonic()
    start, *_ = answers_to(piece(101, more=False), None, seconds=5.0)
    assert start["status"] == 413
    assert time.monotonic() - began < 2


def test_what_does_not_come_to_its_end_is_refused() -> None:
    start, body, _ = answers_to(piece(60, more=True), None)
    assert start["status"] == 408
    assert b"the request did not come to its end" in body["body"]


def test_what_is_as_large_as_may_be_passes() -> None:
    start, _ = answers_to(piece(60, more=True), piece(40, more=False))
    assert start["status"] == 200


@pytest.mark.parametrize("said", ["-1", "x", "9" * 30, "9" * 9_000, "1e3", ""])
def test_a_length_that_is_none_is_refused(said: str) -> None:
    start, *_ = answers_to(None, headers={"content-length": said})
    assert start["status"] == 413


def test_the_application_reads_what_was_sent() -> None:
    read: list[Any] = []

    async def application(_: Scope, receive: Callable[[], Any], send: Any) -> None:
        read.append(await receive())
        await OPEN({"type": "http"}, receive, send)

    client = TestClient(Gate(application, Limits()), base_url="http://localhost")
    client.post("/", content=b"[1]", headers={"content-type": "application/json"})
    assert read == [{"type": "http.request", "body": b"[1]", "more_body": False}]
