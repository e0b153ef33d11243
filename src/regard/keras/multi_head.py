"""Attention with several heads, any score and normalizer."""

from typing import Any

import keras
from keras import ops

from regard.keras import masks
from regard.keras.arguments import check_positive
from regard.keras.choices import NormalizerChoice, ScoreChoice
from regard.keras.reading import Reading, batch_of, check_fit
from regard.keras.tensors import Shape, Tensor, shape_of

__all__ = ["MultiHeadAttention"]


@keras.saving.register_keras_serializable(package="regard")
class MultiHeadAttention(Reading):
    r"""Attend from several heads at once, each with its own projections.

    $$\operatorname{concat}_h(\operatorname{attention}(Q W^Q_h, K W^K_h, V W^V_h)) \, W^O$$

    Called as `keras.layers.MultiHeadAttention` is, whose weights fit; the score of the heads and
    what makes weights of it are chosen.

    Args:
        num_heads: Integer, the number of heads.
        key_dim: Integer, the width of each head for query and key.
        value_dim: Integer, the width of each head for value; `key_dim` if not given.
        dropout: Float between 0 and 1. Fraction of the weights to drop in training.
        use_bias: Boolean, whether the projections have biases.
        output_shape: Integer, the width of the output; that of the query if not given.
        score: Shared by the heads, a name or a layer of `regard.keras.score_layers`.
        normalizer: From scores to weights: `"softmax"`, `"sparsemax"`, `"entmax15"`, `"sigmoid"`,
            `"hardmax"` or a function of scores and mask.
        seed: Optional integer to seed what is dropped.

    Call arguments:
        query: Tensor of shape `(batch_size, Tq, query_dim)`.
        value: Tensor of shape `(batch_size, Tv, value_width)`.
        key: Optional tensor of shape `(batch_size, Tv, key_width)`; the value if not given.
        query_mask: Boolean tensor of shape `(batch_size, Tq)`: where it is False nothing is read.
        value_mask: Boolean tensor of shape `(batch_size, Tv)`, True = may be attended to.
        key_mask: Boolean tensor of shape `(batch_size, Tv)`, likewise.
        attention_mask: Boolean tensor of shape `(batch_size, Tq, Tv)`: which queries may attend to
            which keys. An axis may be 1, the first may be missing, and one of heads may follow it.
        return_attention_scores: Boolean. If `True`, returns the weights too, after the normalizer.
        training: Boolean, whether weights are dropped.
        use_causal_mask: Boolean. If `True`, no query attends to keys after its own position; the
            last query stands at the last key.

    Output shape:
        `(batch_size, Tq, output_shape)`; with `return_attention_scores`,
        `(batch_size, num_heads, Tq, Tv)` for the weights.

    Source: Vaswani et al. 2017, section 3.2.2; `regard.nn.MultiHeadAttention` in PyTorch.

    Example:
    >>> layer = MultiHeadAttention(num_heads=2, key_dim=4, normalizer="entmax15")
    >>> tuple(layer(ops.ones((2, 3, 8)), ops.ones((2, 5, 8))).shape)
    (2, 3, 8)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | None = None,
        score: ScoreChoice = "scaled_dot",
        normalizer: NormalizerChoice = "softmax",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(score, normalizer, dropout, seed, **kwargs)
        check_positive("num_heads", num_heads)
        check_positive("key_dim", key_dim)
        check_positive("value_dim", value_dim, optional=True)
        check_positive("output_shape", output_shape, optional=True)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = key_dim if value_dim is None else value_dim
        self.use_bias = use_bias
        self.output_dim = output_shape

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        """Make the weights: the projections, and what the score has."""
        key_shape = value_shape if key_shape is None else key_shape
        query_dim, value_dim, key_dim = check_fit(self, query_shape, value_shape, key_shape)
        self.expect_widths(query=query_shape, value=value_shape, key=key_shape)
        output_dim = query_dim if self.output_dim is None else self.output_dim
        self.query_kernel, self.query_bias = self._projection("query", query_dim, self.key_dim)
        self.key_kernel, self.key_bias = self._projection("key", key_dim, self.key_dim)
        self.value_kernel, self.value_bias = self._projection("value", value_dim, self.value_dim)
        self.output_kernel = self.add_weight(
            name="output_kernel",
            shape=(self.num_heads, self.value_dim, output_dim),
            initializer="glorot_uniform",
        )
        self.output_bias = self._bias("output", output_dim)
        heads = (query_shape[0], self.num_heads)
        self.build_score(
            (*heads, query_shape[1], self.key_dim), (*heads, key_shape[1], self.key_dim)
        )

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Attend from every head, and join what they read."""
        key = value if key is None else key
        self._check(query, value, key)
        allowed = self._allowed(query, key, query_mask, value_mask, key_mask, attention_mask)
        if use_causal_mask:
            allowed = masks.both(allowed, masks.with_heads(masks.causal(query, key)))
        context, weights = self.read(
            _heads(query, self.query_kernel, self.query_bias),
            _heads(key, self.key_kernel, self.key_bias),
            _heads(value, self.value_kernel, self.value_bias),
            mask=allowed,
            training=training,
            with_weights=return_attention_scores,
        )
        output = ops.einsum("bnth,nho->bto", context, self.output_kernel)
        if self.output_bias is not None:
            output = output + self.output_bias
        return (output, weights) if return_attention_scores else output

    def compute_mask(self, query: Tensor, query_mask: Tensor | None = None) -> Tensor | None:
        """Return the mask of the query: there is an output for each of its steps."""
        return query_mask

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        """Return the shape of the output."""
        output_dim = query_shape[-1] if self.output_dim is None else self.output_dim
        shapes = (query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return batch_of(*shapes), query_shape[1], output_dim

    def compute_output_spec(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return what a call gives, but for the numbers."""
        key = value if key is None else key
        self._check(query, value, key)
        query_shape, key_shape = shape_of(query), shape_of(key)
        shape = self.compute_output_shape(query_shape, shape_of(value), key_shape)
        output = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        weights = self._scores_shape(query_shape, key_shape)
        return output, keras.KerasTensor(weights, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "use_bias": self.use_bias,
            "output_shape": self.output_dim,
        }

    def _projection(self, name: str, width: int, head_dim: int) -> tuple[Any, Any]:
        kernel = self.add_weight(
            name=f"{name}_kernel",
            shape=(width, self.num_heads, head_dim),
            initializer="glorot_uniform",
        )
        return kernel, self._bias(name, self.num_heads, head_dim)

    def _bias(self, name: str, *shape: int) -> Any:
        if not self.use_bias:
            return None
        return self.add_weight(name=f"{name}_bias", shape=shape, initializer="zeros")

    def _check(self, query: Tensor, value: Tensor, key: Tensor) -> None:
        shapes = shape_of(query), shape_of(value), shape_of(key)
        check_fit(self, *shapes)
        self.check_widths(**dict(zip(("query", "value", "key"), shapes, strict=True)))

    def _scores_shape(self, query_shape: Shape, key_shape: Shape) -> Shape:
        batch = batch_of(query_shape, key_shape)
        return batch, self.num_heads, query_shape[1], key_shape[1]

    def _allowed(
        self,
        query: Tensor,
        key: Tensor,
        query_mask: Tensor | None,
        value_mask: Tensor | None,
        key_mask: Tensor | None,
        attention_mask: Tensor | None,
    ) -> Tensor | None:
        """Return who may attend to whom, in axes of `batch heads query key`, as far as is said."""
        of_query, of_key = shape_of(query), shape_of(key)
        masks.check_mask(query_mask, "query_mask", of_query[:2])
        masks.check_mask(value_mask, "value_mask", of_key[:2])
        masks.check_mask(key_mask, "key_mask", of_key[:2])
        masks.check_attention_mask(attention_mask, self._scores_shape(of_query, of_key))
        asked, of_values, of_keys, of_both = map(
            masks.as_booleans, (query_mask, value_mask, key_mask, attention_mask)
        )
        allowed = masks.with_heads(masks.of_keys(masks.both(of_values, of_keys)))
        if asked is not None:
            allowed = masks.both(allowed, ops.expand_dims(asked, (1, -1)))
        return masks.both(allowed, masks.with_heads(of_both))


def _heads(vectors: Tensor, kernel: Any, bias: Any | None) -> Tensor:
    """Project vectors into heads, `batch heads steps width`."""
    projected = ops.einsum("btd,dnh->bnth", vectors, kernel)
    return projected if bias is None else projected + ops.expand_dims(bias, -2)
