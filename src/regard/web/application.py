"""The application: a page, and the API that it asks."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request, Response

from regard import __version__
from regard.inspection.report import behaviour, stylesheet
from regard.web.answered import Predictions, Runs, Seen
from regard.web.asked import Look, Picture, Predict
from regard.web.desk import Desk
from regard.web.gate import Gate
from regard.web.limits import Limits
from regard.web.pictures import TYPES
from regard.web.refusals import add_handlers, documented
from regard.web.served import ServedRun

__all__ = ["make_application"]

PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""The files of the page, by the paths under which they are asked for."""

REFUSALS = documented(400, 404, 413, 415, 422, 503)


def make_application(
    runs: Mapping[str, ServedRun], limits: Limits | None = None, names: Collection[str] = ()
) -> Gate:
    """Make the application that serves runs.

    Args:
        runs: by their names.
        names: of hosts by which the server may be asked for, beside `localhost` and addresses.
    """
    limits = limits or Limits()
    desk = Desk(runs, limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with desk.open():
            yield

    # The pages of documentation that FastAPI makes load scripts from elsewhere.
    application = FastAPI(
        title="Regard",
        version=__version__,
        summary="Ask trained models for what they make of a text, and where they look.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    add_handlers(application)
    _add_page(application)
    _add_api(application, desk)
    return Gate(application, limits, names)


def _add_page(application: FastAPI) -> None:
    folder = files("regard.web").joinpath("page")
    contents = {
        path: (folder.joinpath(name).read_bytes(), kind) for path, (name, kind) in PAGE.items()
    }
    contents["/regard.css"] = (stylesheet().encode(), "text/css; charset=utf-8")
    contents["/regard.js"] = (behaviour().encode(), "text/javascript; charset=utf-8")

    async def file(request: Request) -> Response:
        content, kind = contents[request.url.path]
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    for path in contents:
        application.add_api_route(path, file, methods=["GET", "HEAD"], include_in_schema=False)


def _add_api(application: FastAPI, desk: Desk) -> None:
    described = Runs(
        version=__version__,
        limits=asdict(desk.limits),
        runs=[run.describe() for run in desk.runs.values()],
    )

    @application.get("/health")
    async def health() -> dict[str, str | int]:
        """Say that the server answers, and how many requests wait."""
        return {"status": "ok", "waiting": desk.num_waiting}

    @application.get("/api/runs", response_model=Runs)
    async def list_runs() -> Runs:
        """List the runs, what may be chosen of each, and what one request may ask for."""
        return described

    @application.post("/api/look", response_model=Seen, responses=REFUSALS)
    async def look(asked: Look, request: Request) -> Response:
        """Say what a run makes of a text and where it looks, with a picture of that."""
        return Response(await desk.look(asked, request), media_type="application/json")

    @application.post("/api/predict", response_model=Predictions, responses=REFUSALS)
    async def predict(asked: Predict, request: Request) -> Response:
        """Say what a run makes of several texts."""
        return Response(await desk.predict(asked, request), media_type="application/json")

    content: dict[str, Any] = {kind.partition(";")[0]: {} for kind in TYPES.values()}
    drawn: dict[int | str, Any] = {200: {"content": content, "description": "The file."}}

    @application.post("/api/picture", response_class=Response, responses=REFUSALS | drawn)
    async def picture(asked: Picture, request: Request) -> Response:
        """Look, and return the picture as a file."""
        file = await desk.draw(asked, request)
        headers = {"content-disposition": f'attachment; filename="regard.{asked.format}"'}
        return Response(file.content, media_type=file.media_type, headers=headers)
