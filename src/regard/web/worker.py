"""One thread that computes what many ask for, together where they ask alike."""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["BusyError", "Worker"]

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

PATIENCE = 0.003
"""Seconds that a request waits for others like it, which are then computed together."""


class BusyError(Exception):
    """As many wait as may."""


@dataclass(eq=False)
class _Job(Generic[Asked, Answer]):
    """What is asked, what it is alike to, when it came, and what will hold the answer."""

    asked: Asked
    alike: Hashable
    since: float
    answer: "asyncio.Future[Answer]"


class Worker(Generic[Asked, Answer]):
    """A queue before a single thread, to be used within one event loop.

    What nobody waits for any more, since they left or their time has run out, is not computed. What
    fails fails alone: what was computed together with it is computed again, one by one.

    Args:
        compute: takes what was asked alike; returns for each an answer, or what is wrong with it.
        together: how many are computed together, at most.
        waiting: how many may wait.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Asked]], Sequence[Answer | Exception]],
        *,
        together: int = 1,
        waiting: int = 64,
    ) -> None:
        self._compute = compute
        self._together = together
        self._places = waiting
        self._jobs: deque[_Job[Asked, Answer]] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="regard")

    @property
    def num_waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._jobs)

    async def ask(self, asked: Asked, *, alike: Hashable, seconds: float) -> Answer:
        """Wait for the answer; cancelled, give the place up.

        Args:
            alike: equal for what may be computed together.

        Raises:
            BusyError: as many wait as may.
            TimeoutError: there is no answer after so many seconds.
            Exception: whatever computing the answer raises.
        """
        if len(self._jobs) >= self._places:
            raise BusyError
        loop = asyncio.get_running_loop()
        job: _Job[Asked, Answer] = _Job(asked, alike, loop.time(), loop.create_future())
        self._jobs.append(job)
        self._arrived.set()
        try:
            async with asyncio.timeout(seconds):
                return await job.answer
        finally:
            if job in self._jobs:
                self._jobs.remove(job)

    async def work(self) -> None:
        """Answer what is asked, until this is cancelled; then drop what is left."""
        try:
            while True:
                jobs = await self._next()
                await self._answer(jobs)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _next(self) -> list[_Job[Asked, Answer]]:
        """Return what came first, with others like it, which are given a moment to come."""
        loop = asyncio.get_running_loop()
        while True:
            while not self._jobs:
                self._arrived.clear()
                await self._arrived.wait()
            first = self._jobs[0]
            alike = [job for job in self._jobs if job.alike == first.alike]
            left = first.since + PATIENCE - loop.time()
            if len(alike) >= self._together or left <= 0:
                taken = alike[: self._together]
                for job in taken:
                    self._jobs.remove(job)
                return taken
            await asyncio.sleep(left)

    async def _answer(self, jobs: Sequence[_Job[Asked, Answer]]) -> None:
        asked = [job.asked for job in jobs]
        computed = asyncio.get_running_loop().run_in_executor(self._thread, self._compute, asked)
        await asyncio.wait([computed])
        error = computed.exception()
        if error is not None and len(jobs) > 1:
            for job in jobs:
                if not job.answer.done():
                    await self._answer([job])
            return
        answers = [error] if error is not None else computed.result()
        for job, answer in zip(jobs, answers, strict=True):
            if job.answer.done():  # its time has run out meanwhile, or who asked has left
                continue
            if isinstance(answer, BaseException):
                job.answer.set_exception(answer)
            else:
                job.answer.set_result(answer)
