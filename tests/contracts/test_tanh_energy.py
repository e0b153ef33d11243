"""The kernel of the tanh energy: exact at any size of its inputs, and sparing with memory."""

import os
import subprocess
import sys
from functools import partial
from textwrap import dedent

import pytest
import torch
from torch import Tensor

import regard
from regard import kernels, scores
from regard.kernels import fused
from tests.compiler import needs_compiler
from tests.drawing import draws
from tests.questions import leaf

SIZES = [1e-2, 1.0, 4.0, 20.0, 100.0, 1e4]
"""How large query and key are: for every way there is to compute, and at its ends."""

Inputs = tuple[Tensor, Tensor, Tensor, Tensor]


def inputs(size: float, dtype: torch.dtype = torch.float32, hidden: int = 33) -> Inputs:
    query, key = size * draws(1)(2, 17, hidden), size * draws(2)(2, 23, hidden)
    value, energy = draws(3)(2, 23, 6), draws(4)(hidden)
    energy[1] = 0
    drawn = (query.float(), key.float(), value.float(), energy.float())
    return tuple(leaf(tensor.to(dtype)) for tensor in drawn)  # type: ignore[return-value]


def answers(kernel: str, given: Inputs) -> list[Tensor]:
    """Return context and gradients."""
    query, key, value, energy = given
    with kernels.only(kernel):
        score = partial(scores.tanh_energy, energy=energy)
        context = regard.attention(query, key, value, score=score)
    return [context, *torch.autograd.grad(context.square().sum(), given)]


def assert_as_exact_as_the_definition(size: float) -> None:
    truth = answers("reference", inputs(size, torch.float64))
    naive, ours = answers("reference", inputs(size)), answers("tanh_energy", inputs(size))
    for exact, plain, found in zip(truth, naive, ours, strict=True):
        # Both round at random, so that the larger of two largest errors says little.
        rounding = 8 * torch.finfo(torch.float32).eps * max(1.0, float(exact.detach().abs().max()))
        assert (found - exact).abs().max() <= 2 * (plain - exact).abs().max() + rounding


@pytest.mark.parametrize("size", SIZES)
def test_as_exact_as_the_definition(size: float) -> None:
    assert_as_exact_as_the_definition(size)


@pytest.mark.parametrize("size", [1.0, 4.0, 20.0])
def test_scores_of_energies_of_one_sign_are_as_exact(size: float) -> None:
    query, key = (size * draws(seed, torch.float32)(1, 40, 512) for seed in (1, 2))
    energy = draws(3, torch.float32)(512).abs()

    def scored(kernel: str, dtype: torch.dtype) -> Tensor:
        score = partial(scores.tanh_energy, energy=energy.to(dtype))
        with kernels.only(kernel):
            # A normalizer that changes nothing shows the scores.
            return regard.attention_weights(
                query.to(dtype), key.to(dtype), score=score, normalizer=lambda scores, mask: scores
            )

    exact = scored("reference", torch.float64)
    naive, ours = (scored(kernel, torch.float32) for kernel in ("reference", "tanh_energy"))
    assert (ours - exact).square().mean() <= 1.5 * (naive - exact).square().mean()


@pytest.mark.compiled
@needs_compiler
@pytest.mark.parametrize("size", [1.0, 20.0, 1e4])
def test_as_exact_as_the_definition_when_compiled(size: float) -> None:
    assert_as_exact_as_the_definition(size)


@pytest.mark.compiled
@needs_compiler
def test_other_lengths_are_not_compiled_anew() -> None:
    torch.compiler.reset()
    counted = torch._dynamo.utils.counters["stats"]
    compiled = []
    for length in (5, 7, 64, 9, 31):
        query, energy = leaf(draws()(3, length, 8)), leaf(draws(1)(8))
        with kernels.only("tanh_energy"):
            score = partial(scores.tanh_energy, energy=energy)
            regard.attention(query, query[:, 1:], query[:, 1:], score=score).sum().backward()
        compiled.append(counted["unique_graphs"])
    assert compiled[0] > 0
    assert compiled == compiled[:1] * 5


@pytest.mark.parametrize("size", [1.0, 20.0, 1e4])
def test_piece_by_piece_is_the_whole(size: float, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = answers("tanh_energy", inputs(size))
    monkeypatch.setattr(fused, "_not_compiled", {"cpu"})
    monkeypatch.setattr(fused, "PIECE", 5_000)
    for expected, found in zip(whole, answers("tanh_energy", inputs(size)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_nothing_of_the_size_of_query_key_and_hidden_is_kept() -> None:
    kept = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    given = inputs(1.0)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        answers("tanh_energy", given)
    assert 0 < max(kept) <= max(2 * 17 * 23, *(tensor.numel() for tensor in given))


@pytest.mark.parametrize("odd", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("side", [0, 1])
def test_what_is_not_finite_spreads_as_in_the_definition(odd: float, side: int) -> None:
    found = []
    for kernel in ("tanh_energy", "reference"):
        given = [tensor.detach() for tensor in inputs(1.0)]
        given[side][0, 3, 5] = odd
        with kernels.only(kernel):
            score = partial(scores.tanh_energy, energy=given[3])
            found.append(regard.attention(*given[:3], score=score))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("offset", [-41.0, 38.0, 41.0])
def test_offsets_that_cancel_beside_tiny_energies(offset: float) -> None:
    query, key, value, energy = (tensor.detach() for tensor in inputs(1.0))
    energy[:3] = torch.tensor([1e-5, -1e-8, 1e-2])
    given = leaf(query.clamp(-1, 1) + offset), leaf(key.clamp(-1, 1) - offset)
    found, wanted = (
        answers(kernel, (*given, leaf(value), leaf(energy)))
        for kernel in ("tanh_energy", "reference")
    )
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.compiled
@needs_compiler
def test_after_too_many_kinds_of_tensors_it_goes_piece_by_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.compiler.reset()
    pieces = []
    in_pieces = fused._piece_by_piece
    monkeypatch.setattr(
        fused, "_piece_by_piece", lambda *given: pieces.append(1) or in_pieces(*given)
    )
    with torch._dynamo.config.patch(recompile_limit=1):
        for dtype in (torch.float32, torch.float64):
            given = inputs(1.0, dtype)
            found, wanted = answers("tanh_energy", given), answers("reference", given)
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert pieces
    assert not fused._not_compiled
    torch.compiler.reset()


def test_energies_of_nothing_at_all() -> None:
    query, key, value, energy = inputs(1.0)
    given = (query, key, value, leaf(torch.zeros_like(energy)))
    for found, expected in zip(
        answers("tanh_energy", given), answers("reference", given), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_maps_over_another_axis() -> None:
    query, key, value, energy = (tensor.detach() for tensor in inputs(1.0))

    def attend(query: Tensor, energy: Tensor) -> Tensor:
        score = partial(scores.tanh_energy, energy=energy)
        return regard.attention(query, key, value, score=score)

    several = torch.stack([query, 2 * query]), torch.stack([energy, -energy])
    with kernels.only("tanh_energy"):
        mapped = torch.func.vmap(attend)(*several)
        expected = torch.stack([attend(*pair) for pair in zip(*several, strict=True)])
    torch.testing.assert_close(mapped, expected, rtol=1e-6, atol=1e-6)


def test_a_second_derivative_is_refused() -> None:
    query, key, value, energy = inputs(1.0)
    with kernels.only("tanh_energy"):
        score = partial(scores.tanh_energy, energy=energy)
        context = regard.attention(query, key, value, score=score)
    [once] = torch.autograd.grad(context.square().sum(), query, create_graph=True)
    with pytest.raises(RuntimeError, match="tanh_energy_backward"):
        once.sum().backward()


class Attend(torch.nn.Module):
    """Additive attention over 64 hidden units."""

    def __init__(self) -> None:
        super().__init__()
        self.energy = torch.nn.Parameter(draws(4, torch.float32)(64))

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        score = partial(scores.tanh_energy, energy=self.energy)
        return regard.attention(query, key, key, score=score)


@pytest.mark.compiled
@needs_compiler
def test_stays_one_operator_in_a_compiled_graph() -> None:
    graphs = []

    def backend(graph: torch.fx.GraphModule, _: object) -> torch.fx.GraphModule:
        graphs.append(str(graph.graph))
        return graph

    torch.compiler.reset()
    attend, query = Attend(), leaf(draws(dtype=torch.float32)(2, 70, 64))
    compiled = torch.compile(attend, fullgraph=True, dynamic=True, backend=backend)
    for length in (71, 80):
        key = draws(1, torch.float32)(2, length, 64)
        torch.testing.assert_close(compiled(query, key), attend(query, key), rtol=1e-5, atol=1e-5)
    assert len(graphs) == 1
    assert graphs[0].count("regard.tanh_energy") == 1


@pytest.mark.compiled
@needs_compiler
def test_an_exported_program_needs_nothing_of_ours() -> None:
    lengths = {1: torch.export.Dim("length", max=4096)}
    attend, query = Attend(), draws(dtype=torch.float32)(2, 70, 64)
    exported = torch.export.export(
        attend, (query, query.clone()), dynamic_shapes=(lengths, lengths)
    )
    assert "regard" not in str(exported.graph)
    longer = draws(1, torch.float32)(2, 90, 64)
    found = exported.module()(longer, longer)
    torch.testing.assert_close(found, attend(longer, longer), rtol=1e-5, atol=1e-5)


def test_without_a_compiler_it_is_said_once() -> None:
    program = """
        import torch, regard
        from functools import partial
        vectors = torch.ones(2, 80, 64, requires_grad=True)
        score = partial(regard.scores.tanh_energy, energy=torch.ones(64))
        for _ in range(2):
            regard.attention(vectors, vectors, vectors, score=score).sum().backward()
        print(vectors.grad.shape)
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(program)],
        env=os.environ | {"CXX": "/there/is/none", "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "torch.Size([2, 80, 64])\n", done.stderr
    assert done.stderr.count("nothing can be compiled") == 1
