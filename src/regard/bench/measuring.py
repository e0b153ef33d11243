"""Comparing times on a machine that is never quite quiet: sides in turn, and medians."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile

__all__ = ["Case", "Row", "measure", "medians", "peak_memory"]

MIN_ROUNDS = 3


class Case(NamedTuple):
    """Several ways to do the same, the first of them Regard's.

    `length` is what a plot has on its axis, for cases that differ in nothing else; `absent` says
    why others are not among the sides.
    """

    title: str
    sides: Mapping[str, Callable[[], object]]
    length: int | None = None
    absent: Mapping[str, str] = {}


class Row(NamedTuple):
    """What one side of a case took; `ratio` is its time by that of the first side."""

    title: str
    side: str
    seconds: float
    ratio: float
    peak_bytes: int
    length: int | None


def measure(case: Case, *, repeats: int, budget: float, device: torch.device) -> list[Row]:
    """Measure the sides of a case, in turn.

    Args:
        repeats: how often each side runs.
        budget: seconds after which no further round begins, once there were three.
    """
    runs = [_waiting(run, device) for run in case.sides.values()]
    seconds = medians(runs, repeats=repeats, budget=budget)
    return [
        Row(case.title, side, took, took / seconds[0], peak_memory(run, device), case.length)
        for side, run, took in zip(case.sides, runs, seconds, strict=True)
    ]


def _waiting(run: Callable[[], object], device: torch.device) -> Callable[[], object]:
    if device.type != "cuda":
        return run

    def run_and_wait() -> None:
        run()
        torch.cuda.synchronize(device)

    return run_and_wait


def medians(
    sides: Sequence[Callable[[], object]],
    *,
    repeats: int,
    warmup: int = 2,
    budget: float = float("inf"),
) -> list[float]:
    """Return the median seconds of each side, all run in turn."""
    for run in (*sides,) * warmup:
        run()
    seconds: list[list[float]] = [[] for _ in sides]
    begun = time.perf_counter()
    for repeat in range(repeats):
        if repeat >= MIN_ROUNDS and time.perf_counter() - begun > budget:
            break
        for side, run in enumerate(sides):
            start = time.perf_counter()
            run()
            seconds[side].append(time.perf_counter() - start)
    return [statistics.median(times) for times in seconds]


def peak_memory(run: Callable[[], object], device: torch.device) -> int:
    """Return the most bytes of tensors that a run holds beyond what was there, results included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        run()
        return torch.cuda.max_memory_allocated(device) - before
    # The profiler's own messages would stand between the tables.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        run()
    # The only place where single allocations can be read.
    recorded: list[Any] = profiled.profiler.kineto_results.events()
    events = [event for event in recorded if event.name() == "[memory]"]
    changes: list[int] = [event.nbytes() for event in sorted(events, key=lambda e: e.start_ns())]
    return max(accumulate(changes, initial=0))
