"""How well does each key match each query: the scores of the literature.

A score is two projections and a comparison. The comparisons are `inner_product`, `scaled_dot`,
`tanh_energy` and `inverse_distance`; every other score below projects its query and key and ends in
one of them (`location`, which ignores the key, stands alone). To hand a score to
`regard.attention`, bind its parameters with `functools.partial`, or use the modules of `regard.nn`,
which own them.

Scores are computed in at least float32 and returned in the dtype of their input.
"""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from regard.functional.exported import for_onnx
from regard.functional.precision import at_least_float32
from regard.functional.splitting import compared, comparison, splits_into
from regard.interfaces import Split

__all__ = [
    "additive",
    "bilinear",
    "concat",
    "cosine",
    "distance",
    "dot",
    "inner_product",
    "inverse_distance",
    "location",
    "project",
    "scaled_dot",
    "tanh_energy",
    "unit",
]


def _check_same_width(query: Tensor, key: Tensor) -> None:
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"query and key must have the same width to be compared; got {query.shape[-1]} and "
            f"{key.shape[-1]}. A bilinear or additive score compares vectors of different widths."
        )


# Comparisons: of vectors that are already projected.


@comparison
def inner_product(
    query: Float[Tensor, "*#batch query width"], key: Float[Tensor, "*#batch key width"]
) -> Float[Tensor, "*#batch query key"]:
    r"""Compare by the inner product.

    $$s_{ij} = q_i \cdot k_j$$

    Source: Luong et al. 2015, section 3.1 (dot).
    Cost: query x key x width multiply-adds; one query x key matrix.

    Raises:
        ValueError: query and key differ in width.

    >>> inner_product(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0], [1.0, 0.0]]))
    tensor([[11.,  1.]])
    """
    _check_same_width(query, key)
    return query @ key.transpose(-2, -1)


@comparison
def scaled_dot(
    query: Float[Tensor, "*#batch query width"], key: Float[Tensor, "*#batch key width"]
) -> Float[Tensor, "*#batch query key"]:
    r"""Compare by the inner product, scaled so that its variance does not grow with the width.

    $$s_{ij} = \frac{q_i \cdot k_j}{\sqrt{d}}$$

    Source: Vaswani et al. 2017, eq. 1.
    Cost: that of `inner_product`.

    Raises:
        ValueError: query and key differ in width.

    >>> scaled_dot(torch.ones(1, 4), torch.ones(1, 4))
    tensor([[2.]])
    """
    return inner_product(query * query.shape[-1] ** -0.5, key)


@comparison
def tanh_energy(
    query: Float[Tensor, "*#batch query hidden"],
    key: Float[Tensor, "*#batch key hidden"],
    *,
    energy: Float[Tensor, " hidden"],
) -> Float[Tensor, "*#batch query key"]:
    r"""Compare by a one-layer perceptron whose first layer is already applied.

    $$s_{ij} = v \cdot \tanh(q_i + k_j)$$

    Source: Bahdanau et al. 2015, appendix A.1.2.
    Cost: query x key x hidden hyperbolic tangents, in time and in memory.

    Raises:
        ValueError: query, key and energy differ in width.

    >>> tanh_energy(torch.zeros(1, 2), torch.zeros(3, 2), energy=torch.ones(2))
    tensor([[0., 0., 0.]])
    """
    _check_same_width(query, key)
    if energy.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"energy must be as wide as the projected key ({key.shape[-1]}); got {energy.shape[-1]}"
        )
    hidden = at_least_float32(query).unsqueeze(-2) + at_least_float32(key).unsqueeze(-3)
    hidden.tanh_()  # in place: this is the largest tensor by far
    # Outside autocast: the sum over the hidden units stays in float32.
    with torch.autocast(hidden.device.type, enabled=False):
        scores = hidden @ energy.to(hidden.dtype)
    return scores.to(query.dtype)


@comparison
def inverse_distance(
    query: Float[Tensor, "*#batch query width"], key: Float[Tensor, "*#batch key width"]
) -> Float[Tensor, "*#batch query key"]:
    r"""Compare by closeness: 1 for equal vectors, towards 0 for distant ones.

    $$s_{ij} = \frac{1}{1 + \lVert q_i - k_j \rVert}$$

    Source: Yin et al. 2016 (ABCNN), section 5.1, the match score.
    Differs: the gradient at distance 0, which does not exist, is taken to be 0.
    Cost: query x key x width operations; one query x key matrix.

    Raises:
        ValueError: query and key differ in width.

    >>> inverse_distance(torch.zeros(1, 2), torch.tensor([[0.0, 0.0], [0.0, 1.0]]))
    tensor([[1.0000, 0.5000]])
    """
    _check_same_width(query, key)
    wide_query, wide_key = at_least_float32(query), at_least_float32(key)
    if for_onnx():  # which has no operator for it
        differences = wide_query.unsqueeze(-2) - wide_key.unsqueeze(-3)
        distances = differences.square().sum(dim=-1).sqrt()
    else:
        distances = torch.cdist(wide_query, wide_key, compute_mode="donot_use_mm_for_euclid_dist")
    return (1 / (1 + distances)).to(query.dtype)


# Scores: a projection of each side, then a comparison.


def project(
    vectors: Float[Tensor, "*batch width"],
    weight: Float[Tensor, "projected _"],
    bias: Float[Tensor, " projected"] | None = None,
) -> Float[Tensor, "*batch projected"]:
    """Map vectors linearly, by the weight of an `nn.Linear`.

    Source: the projections of `bilinear`, `additive` and `concat`.

    Raises:
        ValueError: weight is for vectors of another width.

    >>> project(torch.ones(2), torch.tensor([[1.0, 2.0]]))
    tensor([3.])
    """
    if vectors.shape[-1] != weight.shape[-1]:
        raise ValueError(
            f"the weight projects vectors of width {weight.shape[-1]}; got {vectors.shape[-1]}"
        )
    return F.linear(vectors, weight, bias)


def _split_dot(query: Tensor, key: Tensor) -> Split:
    return Split(query, key, inner_product)


@splits_into(_split_dot)
def dot(
    query: Float[Tensor, "*#batch query width"], key: Float[Tensor, "*#batch key width"]
) -> Float[Tensor, "*#batch query key"]:
    r"""Score by the inner product of query and key.

    $$s_{ij} = q_i \cdot k_j$$

    Source: Luong et al. 2015, section 3.1 (dot).
    Cost: query x key x width multiply-adds.

    >>> dot(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([[11.]])
    """
    return compared(_split_dot(query, key))


def _split_bilinear(query: Tensor, key: Tensor, weight: Tensor) -> Split:
    return Split(project(query, weight.mT), key, inner_product)


@splits_into(_split_bilinear)
def bilinear(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    *,
    weight: Float[Tensor, "query_dim key_dim"],
) -> Float[Tensor, "*#batch query key"]:
    r"""Score by a learned bilinear form; query and key may differ in width.

    $$s_{ij} = q_i^\top W k_j$$

    Source: Luong et al. 2015, section 3.1 (general).
    Cost: that of `dot`, and query x query_dim x key_dim to project the queries.

    Raises:
        ValueError: weight does not fit the width of query or key.

    >>> bilinear(torch.ones(1, 2), torch.ones(1, 3), weight=torch.ones(2, 3))
    tensor([[6.]])
    """
    return compared(_split_bilinear(query, key, weight))


def unit(vectors: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
    """Scale each vector to length 1; a zero vector stays as it is.

    Source: the projection of `cosine`.

    >>> unit(torch.tensor([3.0, 4.0]))
    tensor([0.6000, 0.8000])
    """
    return F.normalize(at_least_float32(vectors), dim=-1).to(vectors.dtype)


def _split_cosine(query: Tensor, key: Tensor, temperature: float | Tensor = 1.0) -> Split:
    if not isinstance(temperature, Tensor) and temperature <= 0:
        raise ValueError(f"temperature must be positive; got {temperature}")
    return Split(unit(query) / temperature, unit(key), inner_product)


@splits_into(_split_cosine)
def cosine(
    query: Float[Tensor, "*#batch query width"],
    key: Float[Tensor, "*#batch key width"],
    *,
    temperature: float | Float[Tensor, ""] = 1.0,
) -> Float[Tensor, "*#batch query key"]:
    r"""Score by the cosine of the angle between query and key; a zero vector scores 0.

    $$s_{ij} = \frac{q_i \cdot k_j}{T \, \lVert q_i \rVert \, \lVert k_j \rVert}$$

    Args:
        temperature: T > 0, which is not checked of a tensor; below 1 it sharpens the weights, which
            are flat at 1.

    Source: Graves et al. 2014 (Neural Turing Machines), eq. 5-6, with T = 1/beta.
    Cost: that of `dot`.

    Raises:
        ValueError: temperature is a number and not positive.

    >>> cosine(torch.tensor([[3.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
    tensor([[1., 0.]])
    """
    return compared(_split_cosine(query, key, temperature))


def _split_additive(
    query: Tensor,
    key: Tensor,
    query_weight: Tensor,
    key_weight: Tensor,
    energy: Tensor,
    bias: Tensor | None = None,
) -> Split:
    return Split(
        project(query, query_weight),
        project(key, key_weight, bias),
        partial(tanh_energy, energy=energy),
    )


@splits_into(_split_additive)
def additive(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    *,
    query_weight: Float[Tensor, "hidden query_dim"],
    key_weight: Float[Tensor, "hidden key_dim"],
    energy: Float[Tensor, " hidden"],
    bias: Float[Tensor, " hidden"] | None = None,
) -> Float[Tensor, "*#batch query key"]:
    r"""Score by a one-layer perceptron over query and key.

    $$s_{ij} = v \cdot \tanh(W q_i + U k_j + b)$$

    Source: Bahdanau et al. 2015, appendix A.1.2; there b = 0.
    Cost: query x key x hidden hyperbolic tangents.

    Raises:
        ValueError: a weight does not fit the width of query or key, or energy that of the weights.

    >>> weight = torch.zeros(2, 3)
    >>> q, k = torch.ones(1, 3), torch.ones(1, 3)
    >>> additive(q, k, query_weight=weight, key_weight=weight, energy=torch.ones(2))
    tensor([[0.]])
    """
    return compared(_split_additive(query, key, query_weight, key_weight, energy, bias))


def _split_concat(query: Tensor, key: Tensor, weight: Tensor, energy: Tensor) -> Split:
    width = query.shape[-1] + key.shape[-1]
    if weight.shape[-1] != width:
        raise ValueError(
            f"weight must be as wide as query and key together ({query.shape[-1]} + "
            f"{key.shape[-1]} = {width}); got {weight.shape[-1]}"
        )
    query_weight, key_weight = weight.split([query.shape[-1], key.shape[-1]], dim=-1)
    return Split(
        project(query, query_weight),
        project(key, key_weight),
        partial(tanh_energy, energy=energy),
    )


@splits_into(_split_concat)
def concat(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    *,
    weight: Float[Tensor, "hidden query_dim_plus_key_dim"],
    energy: Float[Tensor, " hidden"],
) -> Float[Tensor, "*#batch query key"]:
    r"""Score by a one-layer perceptron over the concatenation of query and key.

    $$s_{ij} = v \cdot \tanh(W [q_i; k_j])$$

    Source: Luong et al. 2015, section 3.1 (concat).
    Differs: the concatenation is never built; W is cut into its two halves, as in `additive`.
    Cost: query x key x hidden hyperbolic tangents.

    Raises:
        ValueError: weight is not as wide as query and key together.

    >>> q, k = torch.ones(1, 2), torch.ones(1, 3)
    >>> concat(q, k, weight=torch.zeros(4, 5), energy=torch.ones(4))
    tensor([[0.]])
    """
    return compared(_split_concat(query, key, weight, energy))


def location(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    *,
    weight: Float[Tensor, "max_len query_dim"],
) -> Float[Tensor, "*#batch query key"]:
    r"""Score positions from the query alone, whatever stands there.

    $$s_{ij} = w_j \cdot q_i$$

    Source: Luong et al. 2015, section 3.1 (location).
    Cost: query x max_len x query_dim multiply-adds.

    Raises:
        ValueError: there are more keys than positions in `weight`.

    >>> location(torch.ones(1, 2), torch.zeros(3, 5), weight=torch.ones(4, 2))
    tensor([[2., 2., 2.]])
    """
    key_len = key.shape[-2]
    if key_len > weight.shape[0]:
        raise ValueError(
            f"this location score knows {weight.shape[0]} positions; got {key_len} keys. "
            "Give it a larger max_len, or shorten the input."
        )
    scores = F.linear(query, weight[:key_len])
    batch = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    return scores.expand(*batch, *scores.shape[-2:])


@splits_into(lambda query, key: Split(query, key, inverse_distance))
def distance(
    query: Float[Tensor, "*#batch query width"], key: Float[Tensor, "*#batch key width"]
) -> Float[Tensor, "*#batch query key"]:
    r"""Score by closeness: 1 for equal vectors, towards 0 for distant ones.

    $$s_{ij} = \frac{1}{1 + \lVert q_i - k_j \rVert}$$

    Source: Yin et al. 2016 (ABCNN), section 5.1, the match score.
    Cost: query x key x width operations.

    >>> distance(torch.zeros(1, 2), torch.tensor([[0.0, 3.0]]))
    tensor([[0.2500]])
    """
    return inverse_distance(query, key)
