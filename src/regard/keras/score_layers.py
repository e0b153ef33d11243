"""Scores with what they learn: a projection of the query, a projection of the key, a comparison.

Any of them, or one of your own, is the `score` of a layer; those that need no arguments have a
name. Weights are laid out as those of `Dense` layers are, `in out`.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import ops

from regard.keras import scores
from regard.keras.arguments import check_positive
from regard.keras.tensors import Shape, Tensor, shape_of

__all__ = [
    "SCORES",
    "AdditiveScore",
    "BilinearScore",
    "ConcatScore",
    "CosineScore",
    "DistanceScore",
    "DotScore",
    "EnergyScore",
    "LocationScore",
    "ScaledDotScore",
    "Score",
]

registered = keras.saving.register_keras_serializable(package="regard")


@registered
class Score(keras.layers.Layer):
    """A score with its weights; by default nothing is projected, and the inner product compares.

    A score of your own overrides `project_query`, `project_key` and `comparison`, and `build` where
    it has weights: layers call these.

    Call arguments:
        query: Tensor of shape `(..., Tq, query_dim)`.
        key: Tensor of shape `(..., Tv, key_dim)`.

    Output shape:
        `(..., Tq, Tv)`.

    Source: Luong et al. 2015, section 3.1, read as two projections and a comparison.
    """

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        """Refuse vectors that cannot be compared."""
        self._widths(query_shape, key_shape)
        if query_shape[-1] != key_shape[-1]:
            raise ValueError(
                f"Expected query and key to have the same width, to be compared by "
                f"{type(self).__name__}; a bilinear or additive score compares vectors of "
                f"different widths. Received: query_shape={tuple(query_shape)}, "
                f"key_shape={tuple(key_shape)}"
            )

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The comparison of `regard.keras.scores` that this score ends in, its parameters bound."""
        return scores.inner_product

    def project_query(self, query: Tensor) -> Tensor:
        """Return what the comparison sees of the query."""
        return query

    def project_key(self, key: Tensor) -> Tensor:
        """Return what the comparison sees of the key."""
        return key

    def call(self, query: Tensor, key: Tensor) -> Tensor:
        """Score queries against keys."""
        return self.comparison(self.project_query(query), self.project_key(key))

    def compute_output_shape(self, query_shape: Shape, key_shape: Shape) -> Shape:
        """Return the shape of the scores."""
        return (*query_shape[:-1], key_shape[-2])

    def _widths(self, query_shape: Shape, key_shape: Shape) -> tuple[int, int]:
        """Return how wide queries and keys are, which must be known."""
        query_dim, key_dim = query_shape[-1], key_shape[-1]
        if query_dim is None or key_dim is None:
            raise ValueError(
                f"Expected the last dimension of query and key to be known when {self.name} is "
                f"built. Received: query_shape={tuple(query_shape)}, key_shape={tuple(key_shape)}"
            )
        return query_dim, key_dim

    def _add_kernel(self, name: str, *shape: int) -> Any:
        return self.add_weight(name=name, shape=shape, initializer="glorot_uniform")

    def _add_energy(self, name: str, *shape: int) -> Any:
        # It sums over the hidden units, in at least float32.
        return self.add_weight(name=name, shape=shape, initializer="glorot_uniform", autocast=False)


@registered
class DotScore(Score):
    """Score by the inner product.

    Source: Luong et al. 2015, section 3.1 (dot).
    """


@registered
class ScaledDotScore(Score):
    """Score by the scaled inner product.

    Source: Vaswani et al. 2017, eq. 1.
    """

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        return scores.scaled_dot


@registered
class DistanceScore(Score):
    """Score by closeness.

    Source: Yin et al. 2016 (ABCNN), section 5.1.
    """

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        return scores.inverse_distance


@registered
class CosineScore(Score):
    """Score by the cosine, at a learned temperature.

    Args:
        temperature: Float above 0, its initial value.

    Source: Graves et al. 2014 (Neural Turing Machines), eq. 5-6.
    """

    def __init__(self, temperature: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if temperature <= 0:
            raise ValueError(
                "Invalid value for argument `temperature`. Expected a number above 0. "
                f"Received: temperature={temperature}"
            )
        self.temperature = temperature

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        super().build(query_shape, key_shape)
        initial = keras.initializers.Constant(math.log(self.temperature))
        self.log_temperature = self.add_weight(
            name="log_temperature", shape=(), initializer=initial, autocast=False
        )

    def project_query(self, query: Tensor) -> Tensor:
        temperature = ops.exp(ops.convert_to_tensor(self.log_temperature))
        return scores.unit(query) / ops.cast(temperature, query.dtype)

    def project_key(self, key: Tensor) -> Tensor:
        return scores.unit(key)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "temperature": self.temperature}


@registered
class BilinearScore(Score):
    r"""Score by a learned bilinear form: $s_{ij} = q_i^\top W k_j$.

    Args:
        scaled: Boolean, whether what is learnt is the form times $\sqrt{d}$, for keys of width $d$.
            Unscaled, as in the paper and in the package `attention`, scores soon lie so far apart
            that attention looks at a single key and learns no more.

    Weights:
        - `kernel` of shape `(key_dim, query_dim)`.

    Source: Luong et al. 2015, section 3.1 (general).
    """

    def __init__(self, scaled: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scaled = scaled

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        query_dim, key_dim = self._widths(query_shape, key_shape)
        self.scale = key_dim**-0.5 if self.scaled else 1.0
        self.kernel = self._add_kernel("kernel", key_dim, query_dim)

    def project_query(self, query: Tensor) -> Tensor:
        return scores.project(query * self.scale, ops.transpose(self.kernel))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scaled": self.scaled}


@registered
class AdditiveScore(Score):
    r"""Score by a one-layer perceptron: $s_{ij} = v \cdot \tanh(W q_i + U k_j + b)$.

    Args:
        units: Integer, the width of the hidden layer; that of the keys if not given.
        use_bias: Boolean, whether the hidden layer has one; Bahdanau's has none.

    Weights:
        - `energy` of shape `(units, 1)`;
        - `query_kernel` of shape `(query_dim, units)`;
        - `key_kernel` of shape `(key_dim, units)`;
        - `bias` of shape `(units,)`, if there is one.

    Source: Bahdanau et al. 2015, appendix A.1.2.
    """

    def __init__(self, units: int | None = None, use_bias: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive("units", units, optional=True)
        self.units = units
        self.use_bias = use_bias

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        query_dim, key_dim = self._widths(query_shape, key_shape)
        units = key_dim if self.units is None else self.units
        self.energy = self._add_energy("energy", units, 1)
        self.query_kernel = self._add_kernel("query_kernel", query_dim, units)
        self.key_kernel = self._add_kernel("key_kernel", key_dim, units)
        self.bias = (
            self.add_weight(name="bias", shape=(units,), initializer="zeros")
            if self.use_bias
            else None
        )

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        return partial(scores.tanh_energy, energy=ops.reshape(self.energy, (-1,)))

    def project_query(self, query: Tensor) -> Tensor:
        return scores.project(query, self.query_kernel)

    def project_key(self, key: Tensor) -> Tensor:
        return scores.project(key, self.key_kernel, self.bias)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "use_bias": self.use_bias}


@registered
class EnergyScore(Score):
    r"""Score by the tanh energy of vectors as they are: $s_{ij} = v \cdot \tanh(q_i + k_j)$.

    Weights:
        - `scale`, v, of shape `(dim,)`.

    Source: Bahdanau et al. 2015, appendix A.1.2, without its projections: what
        `keras.layers.AdditiveAttention` computes.
    """

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        super().build(query_shape, key_shape)
        _, key_dim = self._widths(query_shape, key_shape)
        self.scale = self._add_energy("scale", key_dim)

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        return partial(scores.tanh_energy, energy=ops.convert_to_tensor(self.scale))


@registered
class ConcatScore(Score):
    r"""Score by a one-layer perceptron of both: $s_{ij} = v \cdot \tanh(W [q_i; k_j])$.

    Args:
        units: Integer, the width of the hidden layer; that of the keys if not given.

    Weights:
        - `energy` of shape `(units, 1)`;
        - `kernel` of shape `(query_dim + key_dim, units)`.

    Source: Luong et al. 2015, section 3.1 (concat).
    Differs: the concatenation is never built; W is cut into its two parts.
    """

    def __init__(self, units: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive("units", units, optional=True)
        self.units = units

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        self.query_dim, key_dim = self._widths(query_shape, key_shape)
        units = key_dim if self.units is None else self.units
        self.energy = self._add_energy("energy", units, 1)
        self.kernel = self._add_kernel("kernel", self.query_dim + key_dim, units)

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        return partial(scores.tanh_energy, energy=ops.reshape(self.energy, (-1,)))

    def project_query(self, query: Tensor) -> Tensor:
        return scores.project(query, ops.convert_to_tensor(self.kernel)[: self.query_dim])

    def project_key(self, key: Tensor) -> Tensor:
        return scores.project(key, ops.convert_to_tensor(self.kernel)[self.query_dim :])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@registered
class LocationScore(Score):
    """Score positions from the query alone.

    Args:
        max_len: Integer, how many positions there may be.

    Weights:
        - `weight` of shape `(max_len, query_dim)`.

    Source: Luong et al. 2015, section 3.1 (location).
    """

    def __init__(self, max_len: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive("max_len", max_len)
        self.max_len = max_len

    def build(self, query_shape: Shape, key_shape: Shape) -> None:
        query_dim, _ = self._widths(query_shape, key_shape)
        self._check_places(key_shape)
        self.weight = self._add_kernel("weight", self.max_len, query_dim)

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        return partial(scores.location, weight=ops.convert_to_tensor(self.weight))

    def project_key(self, key: Tensor) -> Tensor:
        self._check_places(shape_of(key))
        return key

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "max_len": self.max_len}

    def _check_places(self, key_shape: Shape) -> None:
        key_len = key_shape[-2]
        if key_len is not None and key_len > self.max_len:
            raise ValueError(
                f"Expected at most max_len={self.max_len} keys. Received: "
                f"key_shape={tuple(key_shape)}"
            )


SCORES: dict[str, Callable[..., Score]] = {
    "additive": AdditiveScore,
    "bahdanau": partial(AdditiveScore, use_bias=False),
    "bilinear": BilinearScore,
    "concat": ConcatScore,
    "cosine": CosineScore,
    "distance": DistanceScore,
    "dot": DotScore,
    "general": BilinearScore,
    "luong": partial(BilinearScore, scaled=False),
    "scaled_dot": ScaledDotScore,
}
"""Names of scores; `bahdanau` and `luong` are those of the package `attention`."""
