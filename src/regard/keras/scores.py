"""How well does each key match each query: comparisons and projections, on any backend.

A score is two projections and a comparison, as in `regard.scores`; the layers of
`regard.keras.score_layers` own what is learnt. Shapes are `... query width` and `... key width`,
the leading axes broadcast, and scores are `... query key`.
"""

from keras import ops

from regard.keras.tensors import Tensor, at_least_float32, product

__all__ = [
    "inner_product",
    "inverse_distance",
    "location",
    "project",
    "scaled_dot",
    "tanh_energy",
    "unit",
]

SMALLEST = 1e-24
"""The square of the length below which a vector has no direction."""


def inner_product(query: Tensor, key: Tensor) -> Tensor:
    r"""Compare by the inner product.

    $$s_{ij} = q_i \cdot k_j$$

    Source: Luong et al. 2015, section 3.1 (dot).

    >>> ops.convert_to_numpy(inner_product(ops.ones((1, 2)), ops.ones((3, 2)))).tolist()
    [[2.0, 2.0, 2.0]]
    """
    return ops.matmul(query, ops.swapaxes(key, -2, -1))


def scaled_dot(query: Tensor, key: Tensor) -> Tensor:
    r"""Compare by the inner product, scaled so that its variance does not grow with the width.

    $$s_{ij} = \frac{q_i \cdot k_j}{\sqrt{d}}$$

    Source: Vaswani et al. 2017, eq. 1.

    >>> ops.convert_to_numpy(scaled_dot(ops.ones((1, 4)), ops.ones((1, 4)))).tolist()
    [[2.0]]
    """
    return inner_product(query * ops.shape(query)[-1] ** -0.5, key)


def tanh_energy(query: Tensor, key: Tensor, *, energy: Tensor) -> Tensor:
    r"""Compare by a one-layer perceptron whose first layer is already applied.

    $$s_{ij} = v \cdot \tanh(q_i + k_j)$$

    Args:
        energy: v, a number for each hidden unit.

    Source: Bahdanau et al. 2015, appendix A.1.2.
    Cost: query x key x hidden hyperbolic tangents, in time and in memory; layers take the factored
        form of `regard.keras.tanh_energy` instead, where that is larger than a little.

    >>> query, key = ops.zeros((1, 2)), ops.zeros((3, 2))
    >>> ops.convert_to_numpy(tanh_energy(query, key, energy=ops.ones(2))).tolist()
    [[0.0, 0.0, 0.0]]
    """
    query, key = at_least_float32(query), at_least_float32(key)
    hidden = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
    return ops.matmul(hidden, ops.cast(energy, hidden.dtype))


def inverse_distance(query: Tensor, key: Tensor) -> Tensor:
    r"""Compare by closeness: 1 for equal vectors, towards 0 for distant ones.

    $$s_{ij} = \frac{1}{1 + \lVert q_i - k_j \rVert}$$

    Source: Yin et al. 2016 (ABCNN), section 5.1, the match score.
    Differs: the gradient at distance 0, which does not exist, is taken to be 0.
    Cost: query x key x width operations, in time and in memory.

    >>> ops.convert_to_numpy(inverse_distance(ops.zeros((1, 1)), ops.ones((1, 1)))).tolist()
    [[0.5]]
    """
    query, key = at_least_float32(query), at_least_float32(key)
    squares = ops.sum(ops.square(ops.expand_dims(query, -2) - ops.expand_dims(key, -3)), axis=-1)
    apart = squares > 0
    # The root of 1 stands in for that of 0, which has no finite gradient.
    return 1 / (1 + ops.where(apart, ops.sqrt(ops.where(apart, squares, 1)), 0))


def location(query: Tensor, key: Tensor, *, weight: Tensor) -> Tensor:
    r"""Score positions from the query alone, whatever stands there.

    $$s_{ij} = w_j \cdot q_i$$

    Args:
        weight: of shape `max_len query_dim`.

    Source: Luong et al. 2015, section 3.1 (location).

    Raises:
        ValueError: there are more keys than positions in `weight`.

    >>> where = location(ops.ones((1, 2)), ops.zeros((3, 5)), weight=ops.ones((4, 2)))
    >>> ops.convert_to_numpy(where).tolist()
    [[2.0, 2.0, 2.0]]
    """
    key_len, max_len = ops.shape(key)[-2], ops.shape(weight)[0]
    if isinstance(key_len, int) and key_len > max_len:
        raise ValueError(
            f"Expected at most {max_len} keys, which is how many positions this location score "
            f"knows. Received: {key_len} keys. Give it a larger max_len, or shorten the input."
        )
    return ops.matmul(query, ops.transpose(ops.cast(weight[:key_len], query.dtype)))


def project(vectors: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """Map vectors linearly, by the kernel of a `Dense` layer, of shape `width projected`.

    Source: the projections of the additive, bilinear and concat scores.

    >>> ops.convert_to_numpy(project(ops.ones((1, 2)), ops.ones((2, 1)))).tolist()
    [[2.0]]
    """
    projected = product(vectors, kernel)
    return projected if bias is None else projected + bias


def unit(vectors: Tensor) -> Tensor:
    """Scale each vector to length 1; a zero vector stays as it is.

    Source: the projection of the cosine score.

    >>> ops.convert_to_numpy(unit(ops.convert_to_tensor([[4.0, 0.0], [0.0, 0.0]]))).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    wide = at_least_float32(vectors)
    squares = ops.sum(ops.square(wide), axis=-1, keepdims=True)
    return ops.cast(wide * ops.rsqrt(ops.maximum(squares, SMALLEST)), vectors.dtype)
