"""The queue: alike together, in turn, no more than may wait, and nothing that nobody waits for."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from regard.web.worker import BusyError, Worker
from tests.web.conftest import in_a_loop


class Echo:
    """Answers what it is asked, and keeps what it was asked at once; waits where it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[Any]] = []
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __call__(self, asked: Sequence[Any]) -> list[Any]:
        self.asked.append(list(asked))
        assert self.goes_on.wait(10)
        if "broken" in asked:
            raise RuntimeError("broken")
        return [ValueError("bad") if each == "bad" else each for each in asked]


def running(echo: Echo, what: Callable[[Worker[Any, Any]], Awaitable[Any]], **limits: int) -> Any:
    """Run something that asks a worker."""

    async def run() -> Any:
        worker: Worker[Any, Any] = Worker(echo, **limits)
        work = asyncio.create_task(worker.work())
        try:
            return await what(worker)
        finally:
            echo.goes_on.set()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    return in_a_loop(run())


def ask(worker: Worker[Any, Any], what: Any, alike: Any = 0, seconds: float = 5.0) -> Any:
    return asyncio.create_task(worker.ask(what, alike=alike, seconds=seconds))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def test_what_is_alike_is_computed_together_as_much_as_may_be() -> None:
    echo = Echo()

    async def what(worker: Worker[Any, Any]) -> list[Any]:
        return await asyncio.gather(*(ask(worker, number) for number in range(10)))

    assert running(echo, what, together=4) == list(range(10))
    assert echo.asked == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_what_is_not_alike_is_computed_apart_in_turn() -> None:
    echo = Echo()

    async def what(worker: Worker[Any, Any]) -> list[Any]:
        kinds = "abacb"
        return await asyncio.gather(*(ask(worker, at, kind) for at, kind in enumerate(kinds)))

    assert running(echo, what, together=4) == [0, 1, 2, 3, 4]
    assert echo.asked == [[0, 2], [1, 4], [3]]


def test_more_than_may_wait_are_turned_away() -> None:
    echo = Echo()
    echo.goes_on.clear()

    async def what(worker: Worker[Any, Any]) -> list[Any]:
        first = ask(worker, "first")
        await until(lambda: bool(echo.asked))
        waiting = [ask(worker, number) for number in range(5)]
        await asyncio.sleep(0.01)
        assert worker.num_waiting == 3
        echo.goes_on.set()
        return await asyncio.gather(first, *waiting, return_exceptions=True)

    *answered, one, two = running(echo, what, waiting=3)
    assert answered == ["first", 0, 1, 2]
    assert isinstance(one, BusyError)
    assert isinstance(two, BusyError)


def test_who_leaves_gives_the_place_up_and_is_not_computed() -> None:
    echo = Echo()
    echo.goes_on.clear()

    async def what(worker: Worker[Any, Any]) -> list[Any]:
        first = ask(worker, "first")
        await until(lambda: bool(echo.asked))
        leaving = ask(worker, "leaving")
        await until(lambda: worker.num_waiting == 1)
        leaving.cancel()
        await until(lambda: worker.num_waiting == 0)
        staying = ask(worker, "staying")
        await asyncio.sleep(0.01)
        echo.goes_on.set()
        return await asyncio.gather(first, staying)

    assert running(echo, what, waiting=1) == ["first", "staying"]
    assert echo.asked == [["first"], ["staying"]]


def test_what_has_run_out_of_time_is_not_computed() -> None:
    echo = Echo()
    echo.goes_on.clear()

    async def what(worker: Worker[Any, Any]) -> Any:
        first = ask(worker, "first")
        await until(lambda: bool(echo.asked))
        with pytest.raises(TimeoutError):
            await ask(worker, "late", seconds=0.02)
        echo.goes_on.set()
        return await asyncio.gather(first, ask(worker, "next"))

    assert running(echo, what) == ["first", "next"]
    assert echo.asked == [["first"], ["next"]]


def test_an_answer_after_the_time_is_dropped() -> None:
    echo = Echo()
    echo.goes_on.clear()

    async def what(worker: Worker[Any, Any]) -> Any:
        with pytest.raises(TimeoutError):
            await ask(worker, "slow", seconds=0.02)
        echo.goes_on.set()
        return await ask(worker, "next")

    assert running(echo, what) == "next"


def test_what_is_wrong_with_one_is_no_matter_to_the_others() -> None:
    echo = Echo()

    async def what(worker: Worker[Any, Any]) -> list[Any]:
        asked = ("good", "bad", "fine")
        return await asyncio.gather(*(ask(worker, each) for each in asked), return_exceptions=True)

    good, bad, fine = running(echo, what, together=4)
    assert (good, fine) == ("good", "fine")
    assert isinstance(bad, ValueError)
    assert len(echo.asked) == 1


def test_what_breaks_together_is_computed_one_by_one() -> None:
    echo = Echo()

    async def what(worker: Worker[Any, Any]) -> list[Any]:
        asked = ("good", "broken", "fine")
        return await asyncio.gather(*(ask(worker, each) for each in asked), return_exceptions=True)

    good, broken, fine = running(echo, what, together=4)
    assert (good, fine) == ("good", "fine")
    assert isinstance(broken, RuntimeError)
    assert echo.asked == [["good", "broken", "fine"], ["good"], ["broken"], ["fine"]]
