"""How requests are turned away: one shape for all, a sentence that says what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from regard.inspection.labels import printable, shorten
from regard.web.answered import Refusal, Wrong

__all__ = ["RefusedError", "add_handlers", "documented", "refusal"]

LONGEST = 300  # characters of a message, which may quote what was sent


class RefusedError(Exception):
    """A request cannot be answered.

    Args:
        code: a word for programs.
        message: a sentence for people.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


def refusal(error: RefusedError) -> JSONResponse:
    """Return the answer to a request that is turned away."""
    message = shorten(printable(str(error)), LONGEST)
    content = Refusal(error=Wrong(code=error.code, message=message)).model_dump()
    return JSONResponse(content, error.status, error.headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the schema of the API says of answers with these statuses."""
    return {status: {"model": Refusal} for status in statuses}


def add_handlers(application: FastAPI) -> None:
    """Let the application answer every mistake in the one shape."""

    @application.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> JSONResponse:
        return refusal(error)

    @application.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return refusal(RefusedError(400, "malformed", "the body is not JSON"))
        return refusal(RefusedError(422, "invalid", _in_words(first["loc"], first["msg"])))

    @application.exception_handler(HTTPException)
    async def unanswered(_: Request, error: HTTPException) -> JSONResponse:
        code, message = _UNANSWERED.get(error.status_code, ("refused", str(error.detail)))
        return refusal(RefusedError(error.status_code, code, message, error.headers))

    @application.exception_handler(Exception)
    async def broken(_: Request, __: Exception) -> JSONResponse:
        # The server's own log has the rest; nobody else is shown it.
        message = "something is broken here; the server's log says what"
        return refusal(RefusedError(500, "broken", message))


_UNANSWERED = {
    400: ("malformed", "the body is not JSON that can be read"),
    404: ("unknown_path", "there is nothing here; /openapi.json says what there is"),
    405: ("wrong_method", "this is not asked for in this way; /openapi.json says how"),
}


def _in_words(where: Sequence[Any], message: str) -> str:
    """Say what is wrong with which part of a body, without what was sent."""
    path = ".".join(str(part) for part in where[1:]) or "the body"
    message = message.removeprefix("Value error, ")
    return f"{path}: {message[:1].lower()}{message[1:]}"
