"""Comparing times on a machine that is never quite quiet: sides in turn, and medians."""

import statistics
import time
from collections.abc import Callable, Sequence

__all__ = ["medians"]


def medians(sides: Sequence[Callable[[], object]], *, repeats: int, warmup: int = 1) -> list[float]:
    """Return the median seconds of each side, all run in turn."""
    seconds: list[list[float]] = [[] for _ in sides]
    for repeat in range(warmup + repeats):
        for side, run in enumerate(sides):
            start = time.perf_counter()
            run()
            if repeat >= warmup:
                seconds[side].append(time.perf_counter() - start)
    return [statistics.median(times) for times in seconds]
