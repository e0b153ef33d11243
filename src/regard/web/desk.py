"""Where requests are turned into answers: checked, queued, computed, and drawn."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple, TypeVar, cast

from pydantic import ValidationError
from starlette.requests import Request

from regard.web.answered import Prediction, Predictions
from regard.web.asked import Asked, Look, Options, Picture, Predict, Writing
from regard.web.limits import Limits
from regard.web.pictures import File, draw_file, seen
from regard.web.refusals import RefusedError
from regard.web.served import ServedRun
from regard.web.sights import Sight, Texts
from regard.web.sizes import check_characters
from regard.web.worker import BusyError, Worker

__all__ = ["Desk"]

Result = TypeVar("Result")


class _Question(NamedTuple):
    """What is asked of a run, and in which form the answer is wanted."""

    run: ServedRun
    options: Writing
    form: Literal["json", "sight", "prediction"]
    texts: Texts
    number: int = 1


_Answer = bytes | Sight | Prediction


class _Drawing(NamedTuple):
    """A sight that is to be drawn to a file of some kind."""

    run: str
    sight: Sight
    kind: str


class Desk:
    """Answers for all runs, with one thread that computes and one that draws.

    Args:
        runs: by their names.
    """

    def __init__(self, runs: Mapping[str, ServedRun], limits: Limits) -> None:
        self.runs = runs
        self.limits = limits
        together = {"together": limits.together, "waiting": limits.waiting}
        self._computing: Worker[_Question, _Answer] = Worker(_answers, **together)
        self._drawing: Worker[_Drawing, File] = Worker(_files, waiting=limits.waiting)

    @property
    def num_waiting(self) -> int:
        """How many requests wait for their turn."""
        return self._computing.num_waiting + self._drawing.num_waiting

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Answer while the block runs."""
        works = [asyncio.create_task(each.work()) for each in (self._computing, self._drawing)]
        try:
            yield
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    async def look(self, asked: Look, request: Request) -> bytes:
        """Return what is seen, as the JSON of a `Seen`.

        Raises:
            RefusedError: it cannot be answered.
        """
        question = self._question(asked)._replace(form="json", number=asked.number)
        return cast(bytes, await self._kept(self._ask(question), request))

    async def draw(self, asked: Picture, request: Request) -> File:
        """Return what is seen as a file.

        Raises:
            RefusedError: it cannot be answered.
        """
        return await self._kept(self._drawn(asked), request)

    async def predict(self, asked: Predict, request: Request) -> bytes:
        """Return what is made of each text, as the JSON of `Predictions`.

        Raises:
            RefusedError: it cannot be answered.
        """
        run = self._run(asked.run)
        texts = self._batch(asked, run)
        self._check(run, asked.options, texts)
        questions = [_Question(run, asked.options, "prediction", each) for each in texts]
        found = await self._kept(self._ask_all(questions), request)
        return Predictions(run=run.name, predictions=found).model_dump_json().encode()

    async def _drawn(self, asked: Picture) -> File:
        question = self._question(asked)
        sight = cast(Sight, await self._ask(question))
        drawing = _Drawing(question.run.name, sight, asked.format)
        return await self._drawing.ask(drawing, alike=object(), seconds=self.limits.seconds)

    async def _ask_all(self, questions: Sequence[_Question]) -> list[Prediction]:
        """Ask some at a time, so that others get their turn between them."""
        found: list[Prediction] = []
        together = min(self.limits.together, self.limits.waiting)
        for first in range(0, len(questions), together):
            some = questions[first : first + together]
            found += cast(list[Prediction], await asyncio.gather(*map(self._ask, some)))
        return found

    async def _ask(self, question: _Question) -> _Answer:
        alike = (question.run.name, question.options, question.form)
        return await self._computing.ask(question, alike=alike, seconds=self.limits.seconds)

    def _question(self, asked: Asked) -> _Question:
        run = self._run(asked.run)
        texts = _texts(asked, run)
        self._check(run, asked.options, [texts])
        return _Question(run, asked.options, "sight", texts)

    def _run(self, name: str) -> ServedRun:
        if name not in self.runs:
            raise RefusedError(
                404, "unknown_run", f"there is no run {name!r}; there is {', '.join(self.runs)}"
            )
        return self.runs[name]

    def _batch(self, asked: Predict, run: ServedRun) -> list[Texts]:
        texts = [(text,) for text in asked.texts or ()]
        pairs = [(pair.left, pair.right) for pair in asked.pairs or ()]
        wanted, unwanted = (pairs, texts) if run.system.num_texts == 2 else (texts, pairs)
        if unwanted or not wanted:
            name = "pairs" if run.system.num_texts == 2 else "texts"
            raise RefusedError(422, "invalid", f"{run.name} takes {name}, one or more")
        if len(wanted) > self.limits.texts:
            raise RefusedError(
                422,
                "too_many",
                f"a request may have up to {self.limits.texts} texts; it has {len(wanted)}",
            )
        return list(wanted)

    def _check(self, run: ServedRun, options: Writing, texts: Sequence[Texts]) -> None:
        try:
            for text in (text for some in texts for text in some):
                check_characters(text, self.limits)
        except ValueError as error:
            raise RefusedError(422, "too_long", str(error)) from None
        try:
            run.check(options)
        except ValueError as error:
            raise RefusedError(422, "no_such_choice", str(error)) from None

    async def _kept(self, answer: Awaitable[Result], request: Request) -> Result:
        """Wait for an answer as long as somebody waits for it.

        Raises:
            RefusedError: there is none, or not in time.
        """
        answering = asyncio.ensure_future(answer)
        leaving = asyncio.ensure_future(_has_left(request))
        try:
            async with asyncio.timeout(self.limits.seconds):
                await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                raise RefusedError(400, "gone", "nobody waits for the answer any more")
            return answering.result()
        except BusyError:
            message = "as many requests wait as may; ask again in a moment"
            raise RefusedError(503, "busy", message, {"retry-after": "1"}) from None
        except TimeoutError:
            message = f"there was no answer within {self.limits.seconds:g} seconds"
            raise RefusedError(503, "too_slow", message, {"retry-after": "5"}) from None
        except ValidationError:
            raise  # an answer of ours that is not what we say: no mistake of whoever asked
        except ValueError as error:
            raise RefusedError(422, "unreadable", str(error)) from None
        finally:
            answering.cancel()
            leaving.cancel()


def _texts(asked: Asked, run: ServedRun) -> Texts:
    pair = (asked.left, asked.right)
    if run.system.num_texts == 2:
        if asked.text is not None or asked.left is None or asked.right is None:
            raise RefusedError(422, "invalid", f"{run.name} matches two texts: left and right")
        return (asked.left, asked.right)
    if asked.text is None or pair != (None, None):
        raise RefusedError(422, "invalid", f"{run.name} takes one text: text")
    return (asked.text,)


async def _has_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _answers(questions: Sequence[_Question]) -> list[_Answer | Exception]:
    """Answer questions that differ in their texts alone."""
    run, options, form = questions[0][:3]
    wrong = {}
    for question in questions:
        try:
            run.system.check(question.texts, options)
        except ValueError as error:
            wrong[id(question)] = error
    good = [question for question in questions if id(question) not in wrong]
    texts = [question.texts for question in good]
    found: Sequence[_Answer]
    if form == "prediction":
        found = run.system.predict(texts, options)
    else:
        found = run.system.look(texts, cast(Options, options))
    answers = dict(zip(map(id, good), found, strict=True))
    return [
        wrong[id(question)] if id(question) in wrong else _formed(question, answers[id(question)])
        for question in questions
    ]


def _formed(question: _Question, answer: _Answer) -> _Answer:
    if question.form != "json":
        return answer
    sight = cast(Sight, answer)
    return seen(question.run.name, sight, question.number).model_dump_json().encode()


def _files(drawings: Sequence[_Drawing]) -> list[File]:
    return [draw_file(*drawing) for drawing in drawings]
