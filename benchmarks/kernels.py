"""How fast additive attention is by its kernel, against what people would write or use instead.

    scripts/bench kernels
    scripts/bench kernels --sizes 8 128 128 512 --repeats 31

Score, softmax and read-out, forward, and forward with backward, in float32: the kernel, the
definition run line by line, `torch.compile` of that line, and PyTorch's fused dot-product attention
on inputs of the same sizes. The sides alternate; medians are compared.
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
from _timing import medians
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F

from regard import kernels, scores
from regard.kernels.dispatch import attention

Attend = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def naive(query: Tensor, key: Tensor, value: Tensor, energy: Tensor) -> Tensor:
    """Attend as it is usually written."""
    hidden = torch.tanh(query.unsqueeze(2) + key.unsqueeze(1))
    return (hidden @ energy).softmax(dim=-1) @ value


def by_kernel(query: Tensor, key: Tensor, value: Tensor, energy: Tensor) -> Tensor:
    """Attend by the kernel for the tanh energy."""
    return attention(query, key, value, score=partial(scores.tanh_energy, energy=energy))


def dot_product(query: Tensor, key: Tensor, value: Tensor, _: Tensor) -> Tensor:
    """Attend by the inner product, fused."""
    context = F.scaled_dot_product_attention(query[:, None], key[:, None], value[:, None])
    return context.squeeze(1)


SIDES: dict[str, Attend] = {
    "Regard": by_kernel,
    "as it is written": naive,
    "the same, torch.compile": torch.compile(naive, dynamic=True),
    "dot product, fused": dot_product,
}


def main() -> None:
    """Print what is measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes",
        type=int,
        nargs=4,
        default=[8, 128, 128, 512],
        metavar=("BATCH", "QUERY", "KEY", "HIDDEN"),
    )
    parser.add_argument("--repeats", type=int, default=15, help="how often each side runs")
    given = parser.parse_args()
    batch, query_len, key_len, hidden = given.sizes
    torch.manual_seed(0)
    query, key, value, energy = (
        torch.randn(*shape).requires_grad_()
        for shape in [(batch, query_len, hidden), *[(batch, key_len, hidden)] * 2, (hidden,)]
    )
    inputs = query, key, value, energy
    score = partial(scores.tanh_energy, energy=energy)
    console = Console(highlight=False)
    console.print(kernels.explain(query, key, value, score=score))
    for title, ways in (
        ("forward", [partial(_forward, attend, inputs) for attend in SIDES.values()]),
        ("forward and backward", [partial(_backward, attend, inputs) for attend in SIDES.values()]),
    ):
        seconds = medians(ways, repeats=given.repeats, warmup=2)
        table = Table("", "ms", "times Regard's", title=f"{title}, {tuple(given.sizes)}")
        for name, time in zip(SIDES, seconds, strict=True):
            table.add_row(name, f"{1e3 * time:.2f}", f"{time / seconds[0]:.2f}")
        console.print(table)


@torch.no_grad()
def _forward(attend: Attend, inputs: tuple[Tensor, ...]) -> None:
    attend(*inputs)


def _backward(attend: Attend, inputs: tuple[Tensor, ...]) -> None:
    torch.autograd.grad(attend(*inputs).sum(), inputs, allow_unused=True)


if __name__ == "__main__":
    main()
