"""Questions for the fused tanh energy x softmax, on a GPU or in Triton's interpreter.

`tests/contracts/test_tanh_energy_softmax.py` runs the tests beside this file where they can be run,
in a process of its own: the interpreter must be chosen before Triton is imported.
"""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

import regard
from regard import kernels, scores
from tests.drawing import draws
from tests.questions import Question, leaf

KERNEL = "tanh_energy_softmax"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TOLERANCE = {torch.float32: 1e-5, torch.float16: 0.01, torch.bfloat16: 0.05}

NUMPY_MAY_OVERFLOW = pytest.mark.filterwarnings("ignore::RuntimeWarning")
"""The interpreter computes in NumPy, which warns of what is meant."""


def asked(
    batch: tuple[int, ...] = (2,),
    query_len: int = 3,
    key_len: int = 5,
    *,
    hidden: int = 3,
    value_dim: int = 4,
    size: float = 1.0,
    dtype: torch.dtype = torch.float32,
    **options: Any,
) -> Question:
    """Draw a question whose query and key are of some size."""

    def drawn(seed: int, *shape: int) -> Tensor:
        # In float32 first: so what is asked in float64 is the same.
        return leaf(draws(seed, torch.float32)(*shape).to(DEVICE, dtype))

    return Question(
        query=leaf(size * drawn(1, *batch, query_len, hidden)),
        key=leaf(size * drawn(2, *batch, key_len, hidden)),
        value=drawn(3, *batch, key_len, value_dim),
        score=partial(scores.tanh_energy, energy=drawn(4, hidden)),
        normalizer=regard.normalizers.softmax,
        **options,
    )


def answers(question: Question, kernel: str = KERNEL) -> dict[str, Tensor | None]:
    """Return context and gradients."""
    with kernels.only(kernel):
        context = question.context()
    cotangent = draws(9, torch.float32)(*context.shape).to(context)
    return {"context": context, **question.gradients_of(context, cotangent)}


def assert_same_as_reference(question: Question) -> None:
    tolerance = TOLERANCE[question.value.dtype]
    found, wanted = answers(question), answers(question, "reference")
    torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)


def allowed(seed: int, *shape: int) -> Tensor:
    """Draw a mask that lets some three of four pass, and its first query nothing."""
    mask = draws(seed)(*shape).to(DEVICE) > -0.6
    mask[..., 0, :] = False
    return mask
