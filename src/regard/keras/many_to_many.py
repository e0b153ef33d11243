"""Layers in which each step of a query reads from a sequence of values."""

from typing import Any

import keras
from keras import ops

from regard.keras import masks
from regard.keras.arguments import check_positive
from regard.keras.choices import NormalizerChoice, ScoreChoice, check_choice
from regard.keras.local import (
    FORMS,
    Reach,
    local_attention,
    local_attention_weights,
    predicted_centre,
)
from regard.keras.reading import Reading, batch_of, check_fit
from regard.keras.score_layers import SCORES, AdditiveScore, EnergyScore, Score
from regard.keras.tensors import Shape, Tensor, as_tensor, shape_of

__all__ = ["AdditiveAttention", "DotAttention", "LocalAttention"]

DOTS = {
    name: SCORES[name] for name in ("bilinear", "cosine", "dot", "general", "luong", "scaled_dot")
}
"""Names of scores that compare by the inner product."""

registered = keras.saving.register_keras_serializable(package="regard")


class _ManyToMany(Reading):
    """Let each step of a query read from values, called as `keras.layers.Attention` is."""

    # What is not checked here by its type is checked with a message.

    def build(self, input_shape: Any) -> None:
        """Make the weights of the score."""
        query_shape, _, key_shape = self._shapes(input_shape)
        self.expect_widths(query=query_shape, key=key_shape)
        self.build_score(query_shape, key_shape)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Read for each step of the query; one that is masked, or has nothing to read, gets 0."""
        mask = _tensors(mask)
        self._check(inputs, mask)
        query, value, key = _three(inputs)
        query_mask, allowed = self._masks(mask)
        if use_causal_mask:
            allowed = masks.both(allowed, masks.causal(query, key))
        context, weights = self.read(
            query,
            key,
            value,
            mask=allowed,
            training=training,
            with_weights=return_attention_scores,
        )
        context = masks.where_asked(context, query_mask)
        if weights is None:
            return context
        return context, masks.where_asked(weights, query_mask)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Tensor | None:
        """Return the mask of the query: there is an output for each of its steps."""
        return None if mask is None else mask[0]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the output."""
        query, value, key = self._shapes(input_shape)
        return batch_of(query, value, key), query[1], value[-1]

    def compute_output_spec(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return what a call gives, but for the numbers."""
        shapes = self._check(inputs, _tensors(mask))
        output = keras.KerasTensor(self.compute_output_shape(shapes), dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        query, _, key = _three(shapes)
        scores_shape = (batch_of(query, key), query[1], key[1])
        return output, keras.KerasTensor(scores_shape, dtype=self.compute_dtype)

    def _shapes(self, input_shape: Any) -> tuple[Shape, Shape, Shape]:
        """Return the shapes of query, value and key, which must fit each other."""
        self._check_number("inputs", input_shape)
        query, value, key = _three([tuple(shape) for shape in input_shape])
        check_fit(self, query, value, key)
        return query, value, key

    def _check(self, inputs: Any, mask: Any) -> list[Shape]:
        self._check_number("inputs", inputs)
        shapes: list[Shape] = [shape_of(given) for given in inputs]
        query, value, key = self._shapes(shapes)
        self.check_widths(query=query, key=key)
        if mask is not None:
            self._check_number("mask", mask)
            masks.check_mask(mask[0], "query_mask", query[:2])
            for given in mask[1:]:
                masks.check_mask(given, "value_mask", value[:2])
        return shapes

    def _check_number(self, name: str, given: Any) -> None:
        is_list = _is_list(given)
        # A shape of numbers is that of a single tensor.
        if not is_list or len(given) not in (2, 3) or isinstance(given[-1], int):
            raise ValueError(
                f"Expected `{name}` of layer {self.name} to be a list for [query, value] or "
                f"[query, value, key]. Received: {given if is_list else type(given).__name__}"
            )

    def _masks(self, mask: Any) -> tuple[Tensor | None, Tensor | None]:
        """Return which queries ask, and which keys any of them may read."""
        if mask is None:
            return None, None
        query_mask, *of_values = map(masks.as_booleans, mask)
        allowed = None
        for given in of_values:
            allowed = masks.both(allowed, given)
        return query_mask, masks.of_keys(allowed)


def _tensors(masks_given: Any) -> Any:
    """Make tensors of a list of masks, which may be lists themselves."""
    return [as_tensor(mask) for mask in masks_given] if _is_list(masks_given) else masks_given


def _is_list(given: Any) -> bool:
    return isinstance(given, list | tuple)


def _three(given: Any) -> Any:
    """Return query, value and key, which is the value if it is not given."""
    return given if len(given) == 3 else (*given, given[1])


@registered
class DotAttention(_ManyToMany):
    r"""Attend by an inner product of query and key, as they are or projected.

    $$c_i = \sum_j w_{ij} v_j, \quad w_i = \operatorname{normalizer}(q_i^\top W k), \quad
    W = I / \sqrt{d}, \; I \text{ or learnt}$$

    Inputs are a list with 2 or 3 elements, as of `keras.layers.Attention`: query, value and, if it
    is not the value, key.

    Args:
        score: `"scaled_dot"`, `"dot"`, `"cosine"`, `"bilinear"` (also called `"general"`),
            `"luong"` (the same, unscaled) or a layer of `regard.keras.score_layers`.
        normalizer: From scores to weights: `"softmax"`, `"sparsemax"`, `"entmax15"`, `"sigmoid"`,
            `"hardmax"` or a function of scores and mask.
        dropout: Float between 0 and 1. Fraction of the weights to drop in training.
        seed: Optional integer to seed what is dropped.

    Call arguments:
        inputs: List of the following tensors:
            - `query`: Tensor of shape `(batch_size, Tq, query_dim)`.
            - `value`: Tensor of shape `(batch_size, Tv, value_dim)`.
            - `key`: Optional tensor of shape `(batch_size, Tv, key_dim)`.
        mask: List of boolean tensors, True = may be attended to, or None each:
            - `query_mask` of shape `(batch_size, Tq)`: where it is False the output is 0.
            - `value_mask` of shape `(batch_size, Tv)`.
        training: Boolean, whether weights are dropped.
        return_attention_scores: Boolean. If `True`, returns the weights too, after the normalizer.
        use_causal_mask: Boolean. If `True`, no query attends to keys after its own position; the
            last query stands at the last key.

    Output shape:
        `(batch_size, Tq, value_dim)`; with `return_attention_scores`, `(batch_size, Tq, Tv)` for
        the weights.

    Source: Luong et al. 2015, section 3.1 (dot, general); Vaswani et al. 2017, eq. 1 (scaled).

    Example:
    >>> layer = DotAttention(score="bilinear", normalizer="sparsemax")
    >>> tuple(layer([ops.ones((2, 3, 4)), ops.ones((2, 5, 6))]).shape)
    (2, 3, 6)
    """

    SCORES = DOTS

    def __init__(
        self,
        score: ScoreChoice = "scaled_dot",
        normalizer: NormalizerChoice = "softmax",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(score, normalizer, dropout, seed, **kwargs)


@registered
class AdditiveAttention(_ManyToMany):
    r"""Attend by a one-layer perceptron over query and key, Bahdanau-style.

    $$c_i = \sum_j w_{ij} v_j, \quad
    w_i = \operatorname{normalizer}(v \cdot \tanh(W q_i + U k + b))$$

    Nothing of the size query x key x hidden is ever built, neither forwards nor backwards. Inputs
    are a list with 2 or 3 elements, as of `keras.layers.AdditiveAttention`: query, value and, if it
    is not the value, key.

    Args:
        units: Integer, the width of the hidden layer. If not given, query and key are not
            projected: then the layer computes what `keras.layers.AdditiveAttention` does, whose
            weight is its own.
        use_bias: Boolean, whether the hidden layer has a bias; Bahdanau's has none.
        normalizer: From scores to weights, see `DotAttention`.
        dropout: Float between 0 and 1. Fraction of the weights to drop in training.
        seed: Optional integer to seed what is dropped.

    Call arguments:
        inputs, mask, training, return_attention_scores, use_causal_mask: Those of `DotAttention`.

    Output shape:
        `(batch_size, Tq, value_dim)`; with `return_attention_scores`, `(batch_size, Tq, Tv)` for
        the weights.

    Source: Bahdanau et al. 2015, appendix A.1.2; there b = 0.
    Cost: query x key x units reciprocals; memory for a few times query x key.

    Example:
    >>> layer = AdditiveAttention(units=8)
    >>> tuple(layer([ops.ones((2, 3, 4)), ops.ones((2, 5, 6))]).shape)
    (2, 3, 6)
    """

    def __init__(
        self,
        units: int | None = None,
        use_bias: bool = True,
        normalizer: NormalizerChoice = "softmax",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_positive("units", units, optional=True)
        dtype = kwargs.get("dtype")
        score: Score = (
            EnergyScore(dtype=dtype)
            if units is None
            else AdditiveScore(units, use_bias, dtype=dtype)
        )
        super().__init__(score, normalizer, dropout, seed, **kwargs)
        self.units = units
        self.use_bias = use_bias

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["score"]  # which units and use_bias say
        return {**config, "units": self.units, "use_bias": self.use_bias}


@registered
class LocalAttention(_ManyToMany):
    r"""Attend around the place where the query expects what it is looking for.

    $$p_i = S \cdot \sigma(v \cdot \tanh(W q_i)), \quad
    w_{ij} = \operatorname{normalizer}(\operatorname{score}(q_i, k), \; |j - p_i| \le D)_j \cdot
    e^{-(j - p_i)^2 / 2 \sigma^2}, \quad \sigma = D / 2$$

    Inputs are a list with 2 or 3 elements, as of `keras.layers.Attention`. A sequence is as long as
    its mask has steps, so padding stands at the end.

    Args:
        units: Integer, the width of the hidden layer that predicts the place.
        half_width: Integer D, how many keys on either side of the place are within reach.
        form: How those further off are weakened: `"damped"` (Luong) as above, or `"biased"`: the
            Gaussian's logarithm is added to the scores, and the weights sum to one.
        score: How well each key matches each query, a name or a layer of
            `regard.keras.score_layers`.
        normalizer: From scores to weights, see `DotAttention`.
        dropout: Float between 0 and 1. Fraction of the weights to drop in training.
        seed: Optional integer to seed what is dropped.

    Call arguments:
        inputs, mask, training, return_attention_scores, use_causal_mask: Those of `DotAttention`.

    Output shape:
        `(batch_size, Tq, value_dim)`; with `return_attention_scores`, `(batch_size, Tq, Tv)` for
        the weights.

    Source: Luong et al. 2015, section 3.2 (local-p); biased: Yang et al. 2018, eq. 4.

    Example:
    >>> layer = LocalAttention(units=8, half_width=2)
    >>> tuple(layer([ops.ones((2, 3, 4)), ops.ones((2, 50, 6))]).shape)
    (2, 3, 6)
    """

    def __init__(
        self,
        units: int,
        half_width: int = 10,
        form: str = "damped",
        score: ScoreChoice = "bilinear",
        normalizer: NormalizerChoice = "softmax",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(score, normalizer, dropout, seed, **kwargs)
        check_positive("units", units)
        check_positive("half_width", half_width)
        check_choice("form", form, FORMS)
        self.units = units
        self.half_width = half_width
        self.form = form

    def build(self, input_shape: Any) -> None:
        """Make the weights of the score, and of what predicts the place."""
        super().build(input_shape)
        query_dim = input_shape[0][-1]
        self.kernel = self.add_weight(
            name="kernel", shape=(query_dim, self.units), initializer="glorot_uniform"
        )
        self.energy = self.add_weight(
            name="energy", shape=(self.units, 1), initializer="glorot_uniform", autocast=False
        )

    def contexts(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, training: bool | None
    ) -> Tensor:
        return local_attention(
            self.score.project_query(query),
            self.score.project_key(key),
            value,
            self._reach(query, key, mask),
            score=self.score.comparison,
            mask=mask,
            normalizer=self._dropping(training),
        )

    def weights_of(self, query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
        return local_attention_weights(
            self.score.project_query(query),
            self.score.project_key(key),
            self._reach(query, key, mask),
            score=self.score.comparison,
            mask=mask,
            normalizer=self.normalizer,
        )

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "half_width": self.half_width, "form": self.form}
        return {**super().get_config(), **own}

    def _reach(self, query: Tensor, key: Tensor, mask: Tensor | None) -> Reach:
        batch, key_len = ops.shape(key)[:2]
        if mask is None:
            lengths = ops.broadcast_to(key_len, (batch,))
        else:
            real = ops.broadcast_to(ops.any(mask, axis=-2), (batch, key_len))
            lengths = ops.sum(ops.cast(real, "int32"), axis=-1)
        kernel, energy = ops.convert_to_tensor(self.kernel), ops.reshape(self.energy, (-1,))
        centre = predicted_centre(query, lengths, kernel=kernel, energy=energy)
        return Reach(centre, self.half_width, self.form)
