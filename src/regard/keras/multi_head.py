"""Attention with several heads, any score and normalizer."""

from typing import Any

import keras
from keras import ops

from regard.keras import masks
from regard.keras.choices import NormalizerChoice, ScoreChoice
from regard.keras.reading import Reading, check_steps
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
        score: Shared by the heads, a name or a layer of `regard.keras.score_layers`.
        normalizer: From scores to weights: `"softmax"`, `"sparsemax"`, `"entmax15"`, `"sigmoid"`,
            `"hardmax"` or a function of scores and mask.
        dropout: Float between 0 and 1. Fraction of the weights to drop in training.
        use_bias: Boolean, whether the projections have biases.
        output_dim: Integer, the width of the output; that of the query if not given.
        seed: Optional integer to seed what is dropped.

    Call arguments:
        query: Tensor of shape `(batch_size, Tq, query_dim)`.
        value: Tensor of shape `(batch_size, Tv, value_width)`.
        key: Optional tensor of shape `(batch_size, Tv, key_width)`; the value if not given.
        query_mask: Boolean tensor of shape `(batch_size, Tq)`: where it is False nothing is read.
        value_mask: Boolean tensor of shape `(batch_size, Tv)`, True = may be attended to.
        key_mask: Boolean tensor of shape `(batch_size, Tv)`, likewise.
        attention_mask: Boolean tensor of shape `(batch_size, Tq, Tv)`: which queries may attend to
            which keys. An axis may be 1.
        return_attention_scores: Boolean. If `True`, returns the weights too, after the normalizer.
        training: Boolean, whether weights are dropped.
        use_causal_mask: Boolean. If `True`, no query attends to keys after its own position; the
            last query stands at the last key.

    Output shape:
        `(batch_size, Tq, output_dim)`; with `return_attention_scores`,
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
        score: ScoreChoice = "scaled_dot",
        normalizer: NormalizerChoice = "softmax",
        dropout: float = 0.0,
        use_bias: bool = True,
        output_dim: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(score, normalizer, dropout, seed, **kwargs)
        for name, number in (("num_heads", num_heads), ("key_dim", key_dim)):
            if number < 1:
                raise ValueError(
                    f"Invalid value for argument `{name}`. Expected a positive integer. "
                    f"Received: {name}={number}"
                )
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = key_dim if value_dim is None else value_dim
        self.use_bias = use_bias
        self.output_dim = output_dim

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        """Make the weights: the projections, and what the score has."""
        key_shape = value_shape if key_shape is None else key_shape
        (query_len, query_dim), (_, value_dim), (key_len, key_dim) = (
            check_steps(self, name, shape)
            for name, shape in (("query", query_shape), ("value", value_shape), ("key", key_shape))
        )
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
        self.build_score((*heads, query_len, self.key_dim), (*heads, key_len, self.key_dim))

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
        allowed = self._allowed(query, key, value_mask, key_mask, attention_mask)
        if use_causal_mask:
            allowed = masks.both(allowed, masks.causal(query, key))
        masks.check_mask(query_mask, "query_mask", shape_of(query)[:2])
        asked = masks.as_booleans(query_mask)
        if asked is not None:
            allowed = masks.both(allowed, ops.expand_dims(asked, -1))
        context, weights = self.read(
            _heads(query, self.query_kernel, self.query_bias),
            _heads(key, self.key_kernel, self.key_bias),
            _heads(value, self.value_kernel, self.value_bias),
            mask=None if allowed is None else ops.expand_dims(allowed, 1),
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
        return (*query_shape[:-1], output_dim)

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
        self._check(query, value, value if key is None else key)
        query_shape, value_shape = shape_of(query), shape_of(value)
        shape = self.compute_output_shape(query_shape, value_shape)
        output = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        batch, query_len, _ = query_shape
        weights = (batch, self.num_heads, query_len, value_shape[1])
        return output, keras.KerasTensor(weights, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "use_bias": self.use_bias,
            "output_dim": self.output_dim,
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
        check_steps(self, "query", shape_of(query))
        value_len, _ = check_steps(self, "value", shape_of(value))
        key_len, _ = check_steps(self, "key", shape_of(key))
        if None not in (value_len, key_len) and value_len != key_len:
            raise ValueError(
                f"Expected as many steps of `key` as of `value` in layer {self.name}. Received: "
                f"value.shape={shape_of(value)}, key.shape={shape_of(key)}"
            )

    def _allowed(
        self,
        query: Tensor,
        key: Tensor,
        value_mask: Tensor | None,
        key_mask: Tensor | None,
        attention_mask: Tensor | None,
    ) -> Tensor | None:
        """Return which queries may attend to which keys, `batch query key`, as far as is said."""
        (batch, query_len, _), (_, key_len, _) = shape_of(query), shape_of(key)
        masks.check_mask(value_mask, "value_mask", (batch, key_len))
        masks.check_mask(key_mask, "key_mask", (batch, key_len))
        masks.check_mask(attention_mask, "attention_mask", (batch, query_len, key_len))
        of_values, of_keys, of_both = map(masks.as_booleans, (value_mask, key_mask, attention_mask))
        return masks.both(masks.of_keys(masks.both(of_values, of_keys)), of_both)


def _heads(vectors: Tensor, kernel: Any, bias: Any | None) -> Tensor:
    """Project vectors into heads, `batch heads steps width`."""
    projected = ops.einsum("btd,dnh->bnth", vectors, kernel)
    return projected if bias is None else projected + ops.expand_dims(bias, -2)
