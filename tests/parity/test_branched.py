"""Branches are those of Ahmed et al. 2017, one by one; their shares stay on the simplex."""

import torch
from torch import Tensor

from regard.nn import BranchedAttention
from tests.drawing import draws

WIDTH, BRANCHES, HIDDEN = 6, 3, 4


def attention() -> BranchedAttention:
    torch.manual_seed(0)
    layer = BranchedAttention(WIDTH, BRANCHES, feedforward_dim=BRANCHES * HIDDEN).double()
    with torch.no_grad():
        layer.widen_bias.copy_(draws(3)(BRANCHES, 1, HIDDEN))
        layer.narrow_bias.copy_(draws(4)(WIDTH))
    layer.project()  # to double precision: the shares were drawn in float32
    return layer


def by_hand(layer: BranchedAttention, query: Tensor, key: Tensor) -> Tensor:
    """Compute eq. 5 to 7 for one query, branch by branch."""
    width = WIDTH // BRANCHES
    total = torch.zeros(WIDTH, dtype=torch.float64)
    for branch in range(BRANCHES):
        part = slice(branch * width, (branch + 1) * width)
        asked, keys, values = (
            of @ projection.weight[part].T + projection.bias[part]
            for of, projection in ((query, layer.query), (key, layer.key), (key, layer.value))
        )
        head = ((keys @ asked) / width**0.5).softmax(dim=0) @ values
        # What is learnt of W^O and of the second matrix is a part of them, one for each branch.
        weighed = BRANCHES * layer.output.weight[:, part] @ head * layer.concatenation[branch]
        hidden = torch.relu(weighed @ layer.widen[branch] + layer.widen_bias[branch, 0])
        transformed = hidden @ (BRANCHES * layer.narrow[branch]) + layer.narrow_bias
        total = total + layer.addition[branch] * transformed
    return total


def test_branches_are_weighed_and_added() -> None:
    layer, query, key = attention(), draws(1)(2, WIDTH), draws(2)(5, WIDTH)
    found = layer(query, layer.memory(key, key))
    wanted = torch.stack([by_hand(layer, each, key) for each in query])
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


def test_shares_begin_on_the_simplex_and_are_brought_back() -> None:
    layer = attention()
    for shares in (layer.concatenation, layer.addition):
        assert abs(shares.sum().item() - 1) < 1e-6
        assert shares.min().item() >= 0
    with torch.no_grad():
        layer.concatenation.copy_(torch.tensor([0.9, 0.5, -0.3]))
    layer.project()
    # The nearest point of the simplex, found on a fine grid.
    grid = torch.linspace(0, 1, 201, dtype=torch.float64)
    first, second = torch.meshgrid(grid, grid, indexing="ij")
    points = torch.stack([first, second, 1 - first - second], dim=-1)[first + second <= 1]
    distance = (points - torch.tensor([0.9, 0.5, -0.3])).square().sum(dim=-1)
    nearest = points[distance.argmin()]
    torch.testing.assert_close(layer.concatenation.detach(), nearest, rtol=0, atol=0.005)


def test_there_are_as_many_parameters_as_in_what_it_stands_for() -> None:
    layer = BranchedAttention(64, 8, feedforward_dim=256)
    four_maps, feedforward = 4 * 64 * 64 + 3 * 64, 2 * 64 * 256 + 256 + 64
    shares = 2 * 8
    assert sum(each.numel() for each in layer.parameters()) == four_maps + feedforward + shares
