"""How fast additive attention is on each backend of Keras, beside Keras's own layer.

    scripts/bench keras_layers
    scripts/bench keras_layers --backends jax --repeats 30

`regard.keras.AdditiveAttention` and `keras.layers.AdditiveAttention`, with the same weight, let
8 × 128 queries attend to as many keys, of width 512, in float32 on two cores; and again with the
gradients of query, value, key and weight. On each backend the sides alternate in one process;
medians are compared. On JAX and TensorFlow both are compiled by XLA, on TensorFlow also
run as a plain graph; on PyTorch ours runs as it is, Keras's as it is and under torch.compile. The
memory is by how much another process grows during a call, at most.

Backends are taken from .venv-keras, which `scripts/test --keras` makes, or from where this runs.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from regard.bench.measuring import medians

BACKENDS = ("torch", "jax", "tensorflow")
ROOT = Path(__file__).resolve().parents[1]
CORES = 2

# Read when it is imported, which Keras does.
TENSORFLOW = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_NUM_INTEROP_THREADS": str(CORES),
    "TF_NUM_INTRAOP_THREADS": str(CORES),
}

Run = Callable[[], object]
Figures = dict[str, list[float]]

SEEN = {
    "milliseconds": {},
    # With oneDNN, TensorFlow would keep what it has once had, and nothing would be seen to grow.
    "mebibytes": {"TF_ENABLE_ONEDNN_OPTS": "0"},
}


class Sides(NamedTuple):
    """The same call by either layer, and how it is compiled."""

    title: str
    ours: Run
    theirs: Run


def main() -> None:
    """Measure in a process for each backend, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--backends", nargs="+", choices=BACKENDS, default=BACKENDS, help="which to measure"
    )
    parser.add_argument("--repeats", type=int, default=21, help="timed calls of each side")
    parser.add_argument(
        "--shape",
        type=int,
        nargs=4,
        metavar=("BATCH", "QUERY", "KEY", "WIDTH"),
        default=(8, 128, 128, 512),
        help="how much there is to compare",
    )
    parser.add_argument("--inside", choices=MEASURES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(MEASURES[given.inside](given.shape, given.repeats)))
        return
    table = Table("", "ms", "Keras, ms", "times", "MiB", "Keras, MiB")
    for backend in given.backends:
        try:
            times, memory = (
                in_its_process(measure, backend, given.shape, given.repeats) for measure in MEASURES
            )
        except RuntimeError as missing:
            table.add_row(backend, str(missing))
            continue
        for title, (ours, theirs) in times.items():
            mebibytes = [f"{grown:,.0f}" for grown in memory[title]]
            table.add_row(
                title, *(f"{each:,.1f}" for each in (ours, theirs, theirs / ours)), *mebibytes
            )
    Console().print(table)


def in_its_process(measure: str, backend: str, shape: list[int], repeats: int) -> Figures:
    """Measure on a backend.

    Raises:
        RuntimeError: it is not there, or failed.
    """
    own = ROOT / ".venv-keras" / "bin" / "python"
    words = ["--inside", measure, "--repeats", str(repeats), "--shape", *map(str, shape)]
    done = subprocess.run(  # noqa: S603 (ourselves)
        [own if own.exists() else sys.executable, __file__, *words],
        env={**os.environ, "KERAS_BACKEND": backend, **TENSORFLOW, **SEEN[measure]},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        *_, reason = done.stderr.strip().splitlines() or ["nothing is said"]
        raise RuntimeError(reason)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def milliseconds(shape: list[int], repeats: int) -> Figures:
    """Return what the sides take, in turn."""
    return {
        sides.title: [1000 * took for took in medians([sides.ours, sides.theirs], repeats=repeats)]
        for sides in sides_of(shape)
    }


def mebibytes(shape: list[int], _repeats: int) -> Figures:
    """Return by how much the process grows at most during a call of either side."""
    return {sides.title: [growth(sides.ours), growth(sides.theirs)] for sides in sides_of(shape)}


def sides_of(shape: list[int]) -> list[Sides]:
    """Return what is compared on this process's backend."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    import keras

    from regard.keras import AdditiveAttention

    batch, query_len, key_len, width = shape
    random = np.random.default_rng(0)
    sizes = ((batch, query_len, width), (batch, key_len, width), (batch, key_len, width))
    arrays = [random.standard_normal(size).astype("float32") for size in sizes]
    layers = AdditiveAttention(), keras.layers.AdditiveAttention()
    for layer in layers:
        layer.build([array.shape for array in arrays])
    layers[0].set_weights(layers[1].get_weights())
    arrays += layers[0].get_weights()
    calls = [partial(called, layer) for layer in layers]
    return WAYS[keras.backend.backend()](*calls, arrays)


def called(layer: Any, query: Any, value: Any, key: Any, weight: Any) -> Any:
    """Call a layer as a function of its inputs and its weight."""
    output, _ = layer.stateless_call([weight], [], [query, value, key])
    return output


def on_torch(ours: Any, theirs: Any, arrays: list[Any]) -> list[Sides]:
    """Compute ours as it is, whose kernel compiles itself; Keras's as it is, and compiled."""
    import torch

    torch.set_num_threads(CORES)
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]

    @torch.no_grad()
    def forward(call: Any) -> Any:
        return call(*tensors)

    def both(call: Any) -> Any:
        return torch.autograd.grad(call(*tensors).sum(), tensors)

    found = []
    for name, other in (("", theirs), (", Keras's compiled", torch.compile(theirs))):
        found += [
            Sides(f"PyTorch, {what}{name}", partial(run, ours), partial(run, other))
            for what, run in (("forward", forward), ("with backward", both))
        ]
    return found


def on_jax(ours: Any, theirs: Any, arrays: list[Any]) -> list[Sides]:
    """Compile both by XLA."""
    import jax

    given = [jax.numpy.asarray(array) for array in arrays]

    def both(call: Any) -> Any:
        return jax.grad(lambda *tensors: call(*tensors).sum(), argnums=range(len(given)))

    def running(function: Any) -> Run:
        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(*given))

    return [
        Sides("JAX, forward", running(ours), running(theirs)),
        Sides("JAX, with backward", running(both(ours)), running(both(theirs))),
    ]


def on_tensorflow(ours: Any, theirs: Any, arrays: list[Any]) -> list[Sides]:
    """Compile both by XLA, and run both as plain graphs."""
    import tensorflow as tf

    given = [tf.constant(array) for array in arrays]

    def both(call: Any) -> Any:
        def gradients(*tensors: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                total = tf.reduce_sum(call(*tensors))
            return tape.gradient(total, tensors)

        return gradients

    def running(function: Any, by_xla: bool) -> Run:
        compiled = tf.function(function, jit_compile=by_xla, autograph=False)
        return lambda: compiled(*given)

    return [
        Sides(f"TensorFlow, {name}, {what}", running(of(ours), xla), running(of(theirs), xla))
        for name, xla in (("XLA", True), ("graph", False))
        for what, of in (("forward", lambda call: call), ("with backward", both))
    ]


WAYS: dict[str, Callable[[Any, Any, list[Any]], list[Sides]]] = {
    "jax": on_jax,
    "tensorflow": on_tensorflow,
    "torch": on_torch,
}


MEASURES: dict[str, Callable[[list[int], int], Figures]] = {
    "milliseconds": milliseconds,
    "mebibytes": mebibytes,
}


def growth(run: Run) -> float:
    """Return by how many MiB a call lets the process grow, where the system (Linux) says it."""
    run()
    status, forget = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not forget.exists():
        return float("nan")
    ctypes.CDLL(None).malloc_trim(0)  # what earlier calls have left, and the next would take again
    forget.write_text("5", "utf-8")
    before = _kibibytes(status, "VmRSS")
    run()
    return (_kibibytes(status, "VmHWM") - before) / 2**10


def _kibibytes(status: Path, name: str) -> int:
    [line] = [line for line in status.read_text("utf-8").splitlines() if line.startswith(name)]
    return int(line.split()[1])


if __name__ == "__main__":
    main()
