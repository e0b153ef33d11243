"""What every request passes: who may ask in which words, and how answers are to be handled."""

import asyncio
import contextlib
from collections.abc import Collection
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from regard.web.limits import Limits
from regard.web.refusals import RefusedError, refusal

__all__ = ["HEADERS", "Gate"]

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""What every answer says of how it is to be handled."""

MOST_DIGITS = 15
"""Of a length: one with more is no number that anybody has to read."""

MOST_DROPPED = 64 * 1024 * 1024
"""Bytes of a request that is refused already which are still taken, so that its answer is read."""


class Gate:
    """Lets pass what comes for one of our names, in JSON, and is not too large.

    Other sites can thus neither ask under a name of theirs that leads here (DNS rebinding) nor
    through a form, whose content is never JSON. An address in numbers is nobody's name.

    Args:
        names: by which this server may be asked for, beside `localhost` and addresses.
    """

    def __init__(self, application: ASGIApp, limits: Limits, names: Collection[str] = ()) -> None:
        self._application = application
        self._limits = limits
        self._names = {"localhost", *(name.strip().lower() for name in names)} - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("cache-control", "no-store")
                headers.update(HEADERS)
            await send(message)

        coming = _Coming(receive)
        try:
            self._check(Headers(scope=scope))
            body = await self._read(coming)
        except RefusedError as error:
            await self._refuse(error, scope, coming, send_with_headers)
            return
        await self._application(scope, _repeating(body, receive), send_with_headers)

    async def _refuse(
        self, error: RefusedError, scope: Scope, coming: "_Coming", send: Send
    ) -> None:
        """Answer, and drop what is still coming: many clients read no answer before all is sent."""

        async def send_and_stay(message: Message) -> None:
            await send({**message, "more_body": True})

        await refusal(error)(scope, coming, send_and_stay)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.seconds):
                await coming.drop()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _check(self, headers: Headers) -> None:
        """Refuse what may not pass, by what it says of itself.

        Raises:
            RefusedError: it may not.
        """
        if not self._is_ours(headers.get("host", "")):
            raise RefusedError(
                400,
                "unknown_host",
                "this server is not known under that name; regard serve --allow NAME tells it",
            )
        said = headers.get("content-length", "0")
        if not said.isdecimal() or len(said) > MOST_DIGITS or int(said) > self._limits.body:
            raise self._too_large()
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        has_body = said != "0" or "transfer-encoding" in headers
        if has_body and kind != "application/json":
            raise RefusedError(415, "wrong_type", "send JSON, as content-type: application/json")

    async def _read(self, receive: Receive) -> bytes:
        """Return the body of what may pass.

        Raises:
            RefusedError: it is too large, or does not come to its end.
        """
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._received(receive)
        except TimeoutError:
            raise RefusedError(408, "slow", "the request did not come to its end") from None

    async def _received(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._limits.body:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> RefusedError:
        most = self._limits.body
        return RefusedError(413, "too_large", f"a request may have up to {most:,} bytes")

    def _is_ours(self, host: str) -> bool:
        name, colon, port = host.rpartition(":")
        if not (colon and port.isdecimal()):
            name = host
        if name.lower() in self._names:
            return True
        try:
            ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True


class _Coming:
    """What comes of a request, and whether its end has come."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self._ended = not message.get("more_body", False)
        return message

    async def drop(self) -> None:
        """Take what is left, or much of it, and do nothing with it."""
        dropped = 0
        while not self._ended and dropped < MOST_DROPPED:
            dropped += len((await self()).get("body", b""))


def _repeating(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already, and then whatever comes."""
    given = False

    async def repeat() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return repeat
