"""The fused tanh energy x softmax: whom it takes, and that its contracts hold where it can run."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from regard import kernels, normalizers, scores
from regard.kernels import tanh_energy_softmax
from regard.kernels.call import Call, take_apart

ROOT = Path(__file__).parents[2]
MOST_SHARED = 227 * 1024 // 4
"""Bytes of shared memory with which four programs fit on a multiprocessor of an H100."""

CONTRACTS = [f"tests/on_triton/{name}.py" for name in ("answers", "exactness", "operators")]

needs_triton = pytest.mark.skipif(
    not tanh_energy_softmax._HAS_TRITON, reason="Triton is not installed here"
)


def assert_contracts_hold(**environment: str) -> None:
    """Run them all in a process that has not imported Triton yet."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--jaxtyping-packages=", *CONTRACTS],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    assert re.search(r"\b[1-9]\d+ passed", done.stdout), done.stdout


@needs_triton
def test_contracts_hold_in_the_interpreter() -> None:
    assert_contracts_hold(TRITON_INTERPRET="1", CUDA_VISIBLE_DEVICES="")


@needs_triton
@pytest.mark.gpu
def test_contracts_hold_on_a_gpu() -> None:
    assert_contracts_hold(TRITON_INTERPRET="0")


def call(
    query: Tensor,
    key: Tensor | None = None,
    *,
    energy: Tensor | None = None,
    normalizer: Any = normalizers.softmax,
) -> Call:
    """Make a call whose values are its keys."""
    key = query if key is None else key
    energy = torch.ones(query.shape[-1]) if energy is None else energy
    score = partial(scores.tanh_energy, energy=energy)
    return take_apart(query, key, key, score, None, None, normalizer)


@pytest.fixture
def interpreting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls on the CPU be taken, without running any."""
    monkeypatch.setattr(tanh_energy_softmax, "_INTERPRETS", True)
    monkeypatch.setattr(tanh_energy_softmax, "_HAS_TRITON", True)


@pytest.mark.usefixtures("interpreting")
@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (call(torch.ones(3, 4)), None),
        (call(torch.ones(3, 4).half(), torch.ones(3, 4)), None),
        (call(torch.ones(3, 4), normalizer=normalizers.sparsemax), "normalises by softmax only"),
        (call(torch.ones(3, 4).double()), "computes in float32; there is torch.float64"),
        (call(torch.ones(3, 4), energy=torch.ones(4).double()), "there is torch.float64"),
        (call(torch.ones(3, 4), energy=torch.ones(5)), "query, key and energy differ in width"),
        (call(torch.ones(1, 1).expand(2**20, 2048)), "counts to 2^31"),
        (call(torch.ones(1, 1).expand(2**20 - 1, 2048)), None),
    ],
)
def test_it_says_what_it_does_not_take(refused: Call, reason: str | None) -> None:
    said = tanh_energy_softmax.refuses(refused)
    assert said is None if reason is None else reason in str(said)


def test_it_leaves_other_comparisons_alone() -> None:
    vectors = torch.ones(3, 4)
    said = tanh_energy_softmax.refuses(call(vectors)._replace(compare=scores.inner_product))
    assert said == "it compares by tanh_energy; this score compares by inner_product"


def test_on_a_cpu_it_says_that_it_is_for_gpus() -> None:
    query = torch.zeros(100, 64)
    score = partial(scores.tanh_energy, energy=torch.zeros(64))
    assert kernels.explain(query, query, query, score=score).splitlines()[-3:] == [
        "tanh_energy_softmax: it is for GPUs that PyTorch calls cuda; these tensors are on the cpu",
        "tanh_energy: runs",
        "reference: not needed",
    ]


@pytest.mark.parametrize(
    ("has_triton", "capability", "said"),
    [
        (True, (9, 0), None),
        (True, (8, 0), None),
        (True, (7, 5), "it is written in Triton, which asks for a GPU of compute capability 8.0"),
        (False, (9, 0), "it is written in Triton, which is not installed"),
    ],
)
def test_on_a_gpu_it_says_what_is_missing(
    has_triton: bool, capability: tuple[int, int], said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tanh_energy_softmax, "_HAS_TRITON", has_triton)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert tanh_energy_softmax._obstacle(torch.device("cuda")) == said


@pytest.mark.usefixtures("interpreting")
def test_the_interpreter_is_never_chosen() -> None:
    query = torch.zeros(100, 64)
    assert "interpreter" in str(tanh_energy_softmax.declines(call(query)))


H100 = ("cuda", 90, 32)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Compile what is launched for a GPU that need not be here, and launch nothing."""
    pytest.importorskip("triton", reason="Triton is not installed here")
    import triton
    from triton.backends.compiler import GPUTarget

    from regard.kernels import tanh_energy_programs

    driver = SimpleNamespace(
        get_current_target=lambda: GPUTarget(*H100),
        get_current_device=lambda: 0,
        get_current_stream=lambda device: 0,
    )
    monkeypatch.setattr(triton.runtime.driver, "_active", driver)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    found: dict[str, Any] = {}
    for name in ("attend", "weigh", "sum_over_others"):
        program = getattr(tanh_energy_programs, name)

        def compile_only(
            *args: Any, run: Any = program.run, name: str = name, **options: Any
        ) -> None:
            found[name] = run(*args, **options | {"warmup": True})

        monkeypatch.setattr(program, "run", compile_only)
        monkeypatch.setattr(program, "device_caches", defaultdict(program.create_binder))
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_its_programs_compile_for_an_h100(dtype: torch.dtype, compiled: dict[str, Any]) -> None:
    from regard.kernels import tanh_energy_triton

    # The interpreter does not see what the compiler does not take: types that change in a loop, …
    query, key = torch.zeros(1, 2, 24, 16, dtype=dtype), torch.zeros(1, 2, 40, 16, dtype=dtype)
    bias, mask = torch.zeros(1, 1, 24, 40), torch.ones(1, 2, 1, 40, dtype=torch.bool)
    given = (query, key, key, torch.zeros(16), bias, mask, None, 0)
    context, normalizer = tanh_energy_triton.forward(*given)
    tanh_energy_triton.backward(*given, normalizer, context, True)
    assert compiled.keys() == {"attend", "weigh", "sum_over_others"}
    for program in compiled.values():
        assert "rcp.approx.ftz.f32" in program.asm["ptx"]
        assert len(program.asm["cubin"]) > 0
        assert program.metadata.shared <= MOST_SHARED
