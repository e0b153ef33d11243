"""Layers that read a sequence into one vector."""

from typing import Any

import keras
from keras import ops

from regard.keras.arguments import check_positive
from regard.keras.choices import NormalizerChoice, ScoreChoice
from regard.keras.masks import as_booleans, check_mask, last_state, of_keys
from regard.keras.reading import Reading, check_steps
from regard.keras.tensors import Shape, Tensor, as_tensor, shape_of

__all__ = ["Attention", "AttentionPooling"]

registered = keras.saving.register_keras_serializable(package="regard")


class _ManyToOne(Reading):
    """Read a sequence into one vector, which has no mask any more."""

    def __init__(
        self,
        units: int,
        score: ScoreChoice,
        normalizer: NormalizerChoice,
        dropout: float,
        seed: int | None,
        **kwargs: Any,
    ) -> None:
        check_positive("units", units)
        super().__init__(score, normalizer, dropout, seed, **kwargs)
        self.units = units

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        """Return None: there are no steps left to be masked."""

    def compute_output_spec(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        """Return what a call gives, but for the numbers."""
        shape = self._check(inputs, as_tensor(mask))
        output = keras.KerasTensor(self.compute_output_shape(shape), dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        return output, keras.KerasTensor(shape[:2], dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}

    def _check(self, inputs: Tensor, mask: Tensor | None) -> Shape:
        shape = shape_of(inputs)
        check_steps(self, "inputs", shape)
        self.check_widths(inputs=shape)
        check_mask(mask, "mask", shape[:2])
        return shape

    def _read_by(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        mask: Tensor | None,
        training: bool | None,
        return_attention_scores: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Read with one query, which has no axis of its own in what is returned."""
        context, weights = self.read(
            query,
            key,
            value,
            mask=of_keys(mask),
            training=training,
            with_weights=return_attention_scores,
        )
        return context[:, 0], None if weights is None else weights[:, 0]


@registered
class Attention(_ManyToOne):
    r"""Let the last step of a sequence ask all its steps, and merge what it finds with it.

    $$a = \tanh(W_c [c; h_T]), \quad c = \sum_t w_t h_t, \quad
    w = \operatorname{normalizer}(\operatorname{score}(h_T, h))$$

    A drop-in for `attention.Attention` of the package `attention`: the same arguments, weights,
    numbers and output. Beyond it, steps may be masked (the last step is then the last *real* one of
    each sequence), sequences may have any length, and the weights can be had. Many-to-many are
    `AdditiveAttention` and `DotAttention`.

    Args:
        units: Integer, the width of the output.
        score: How well each step matches the last: a name, or a layer of
            `regard.keras.score_layers`. `"luong"`, the default, is $h_T \cdot W h_t$, `"bahdanau"`
            is $v \cdot \tanh(W_1 h_T + W_2 h_t)$.
        normalizer: From scores to weights: `"softmax"`, `"sparsemax"`, `"entmax15"`, `"sigmoid"`,
            `"hardmax"` or a function of scores and mask.
        dropout: Float between 0 and 1. Fraction of the weights to drop in training.
        seed: Optional integer to seed what is dropped.

    Call arguments:
        inputs: Tensor of shape `(batch_size, steps, features)`.
        mask: Boolean tensor of shape `(batch_size, steps)`, True = may be attended to. Keras hands
            it on from `Embedding(mask_zero=True)` and `Masking`.
        training: Boolean, whether weights are dropped.
        return_attention_scores: Boolean. If `True`, returns the weights too, after the normalizer.

    Input shape:
        `(batch_size, steps, features)`.

    Output shape:
        `(batch_size, units)`; with `return_attention_scores`, `(batch_size, steps)` for the
        weights.

    Source: Luong et al. 2015, eq. 5, with the last step in the place of the decoder's state;
        `regard.nn.LastStateAttention` in PyTorch.

    Example:
    >>> layer = Attention(units=4)
    >>> output, weights = layer(ops.ones((2, 5, 3)), return_attention_scores=True)
    >>> tuple(output.shape), tuple(weights.shape)
    ((2, 4), (2, 5))
    """

    SCORE_LUONG = "luong"
    SCORE_BAHDANAU = "bahdanau"

    def __init__(
        self,
        units: int = 128,
        score: ScoreChoice = "luong",
        normalizer: NormalizerChoice = "softmax",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, score, normalizer, dropout, seed, **kwargs)
        self.merge = keras.layers.Dense(
            units, activation="tanh", use_bias=False, name="merge", dtype=self.dtype_policy
        )

    def build(self, input_shape: Shape) -> None:
        """Make the weights of the score, and of what merges."""
        _, width = check_steps(self, "inputs", input_shape)
        self.expect_widths(inputs=input_shape)
        self.build_score((input_shape[0], 1, width), tuple(input_shape))
        self.merge.build((input_shape[0], 2 * width))

    def call(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        """Read each sequence into one vector."""
        mask = as_tensor(mask)
        self._check(inputs, mask)
        mask = as_booleans(mask)
        query = _last(inputs, mask)
        context, weights = self._read_by(
            query,
            inputs,
            inputs,
            mask=mask,
            training=training,
            return_attention_scores=return_attention_scores,
        )
        merged = self.merge(ops.concatenate([context, query[:, 0]], axis=-1))
        output = ops.cast(merged, self.compute_dtype)  # Keras's layer narrows float64 on PyTorch
        return (output, weights) if return_attention_scores else output

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        return input_shape[0], self.units


def _last(sequence: Tensor, mask: Tensor | None) -> Tensor:
    """Return the last real step of each sequence, 0 where there are no steps at all."""
    if shape_of(sequence)[1] == 0:
        return ops.zeros_like(ops.sum(sequence, axis=1, keepdims=True))
    return last_state(sequence, mask)


@registered
class AttentionPooling(_ManyToOne):
    r"""Pool a sequence with a learned query: which steps matter, whatever is asked.

    $$u_t = \tanh(W h_t + b), \quad w = \operatorname{normalizer}(\operatorname{score}(q, u)),
    \quad c = \sum_t w_t h_t$$

    Args:
        units: Integer, the width of the learned query.
        score: Between the query and each u_t, a name or a layer of `regard.keras.score_layers`.
        normalizer: From scores to weights, see `Attention`.
        dropout: Float between 0 and 1. Fraction of the weights to drop in training.
        seed: Optional integer to seed what is dropped.

    Call arguments:
        inputs: Tensor of shape `(batch_size, steps, features)`.
        mask: Boolean tensor of shape `(batch_size, steps)`, True = may be attended to. An empty
            sequence gives 0.
        training: Boolean, whether weights are dropped.
        return_attention_scores: Boolean. If `True`, returns the weights too, after the normalizer.

    Input shape:
        `(batch_size, steps, features)`.

    Output shape:
        `(batch_size, features)`; with `return_attention_scores`, `(batch_size, steps)` for the
        weights.

    Source: Yang et al. 2016, eq. 5-7; `regard.nn.AttentionPooling` in PyTorch.

    Example:
    >>> tuple(AttentionPooling(units=4)(ops.ones((2, 5, 3))).shape)
    (2, 3)
    """

    def __init__(
        self,
        units: int,
        score: ScoreChoice = "dot",
        normalizer: NormalizerChoice = "softmax",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, score, normalizer, dropout, seed, **kwargs)
        self.projection = keras.layers.Dense(
            units, activation="tanh", name="projection", dtype=self.dtype_policy
        )

    def build(self, input_shape: Shape) -> None:
        """Make the weights: the query, the projection, and what the score has."""
        check_steps(self, "inputs", input_shape)
        self.expect_widths(inputs=input_shape)
        batch, steps, _ = input_shape
        self.query = self.add_weight(
            name="query",
            shape=(self.units,),
            initializer=keras.initializers.RandomNormal(stddev=self.units**-0.5),
        )
        self.build_score((batch, 1, self.units), (batch, steps, self.units))
        self.projection.build(tuple(input_shape))

    def call(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        """Pool each sequence."""
        mask = as_tensor(mask)
        self._check(inputs, mask)
        query = ops.broadcast_to(
            ops.convert_to_tensor(self.query), (ops.shape(inputs)[0], 1, self.units)
        )
        context, weights = self._read_by(
            query,
            self.projection(inputs),
            inputs,
            mask=as_booleans(mask),
            training=training,
            return_attention_scores=return_attention_scores,
        )
        return (context, weights) if return_attention_scores else context

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        return input_shape[0], input_shape[2]
