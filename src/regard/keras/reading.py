"""What layers have in common that weigh values by a score, and read them out."""

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from typing import Any

import keras
from keras import ops

from regard.keras.attention import Normalizer, attention, attention_weights
from regard.keras.choices import NormalizerChoice, ScoreChoice, get_normalizer, get_score, saved
from regard.keras.score_layers import SCORES, Score
from regard.keras.tensors import Shape, Tensor, product

__all__ = ["Reading", "batch_of", "check_fit", "check_steps"]


class Reading(keras.layers.Layer):
    """Read values by a score and a normalizer; who derives from it says what is asked.

    Args:
        score: a name, or a layer of `regard.keras.score_layers`.
        normalizer: a name, or a function of scores and mask.
        dropout: the probability that a weight is dropped in training.
        seed: of what is dropped.
    """

    SCORES: Mapping[str, Callable[[], Score]] = SCORES

    def __init__(
        self,
        score: ScoreChoice = "scaled_dot",
        normalizer: NormalizerChoice = "softmax",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= dropout < 1:
            raise ValueError(
                "Invalid value for argument `dropout`. Expected a number from 0 to below 1. "
                f"Received: dropout={dropout}"
            )
        self.supports_masking = True
        self.score_name = score if isinstance(score, str) else None
        self.score = get_score(score, self.SCORES, self.dtype_policy)
        self.normalizer = get_normalizer(normalizer)
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)

    def build_score(self, query_shape: Shape, key_shape: Shape) -> None:
        """Make the weights of the score.

        Raises:
            ValueError: it has them already; files would not keep what layers share.
        """
        if self.score.built:
            raise ValueError(
                f"Expected layer {self.name} to have a score of its own. Received: "
                f"score={self.score}, which is built already. Make a score for each layer; "
                "to share weights, call one layer several times."
            )
        self.score.build(query_shape, key_shape)

    def expect_widths(self, **shapes: Shape) -> None:
        """Remember how wide the arguments of a call are that weights are made for."""
        self.widths = {name: shape[-1] for name, shape in shapes.items()}

    def check_widths(self, **shapes: Shape) -> None:
        """Refuse arguments of another width than those that weights were made for.

        Raises:
            ValueError: one is wider, or less wide.
        """
        if not self.built or not self.weights:
            return
        for name, shape in shapes.items():
            if shape[-1] != self.widths[name]:
                raise ValueError(
                    f"Expected the last dimension of `{name}` to be {self.widths[name]}, for which "
                    f"layer {self.name} was built. Received: {name}.shape={tuple(shape)}"
                )

    def contexts(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, training: bool | None
    ) -> Tensor:
        """Return what each query reads, `... query value_dim`."""
        return attention(
            self.score.project_query(query),
            self.score.project_key(key),
            value,
            score=self.score.comparison,
            mask=mask,
            normalizer=self._dropping(training),
        )

    def weights_of(self, query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
        """Return how much each query attends to each key, without dropout, `... query key`."""
        return attention_weights(
            self.score.project_query(query),
            self.score.project_key(key),
            score=self.score.comparison,
            mask=mask,
            normalizer=self.normalizer,
        )

    def read(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        mask: Tensor | None,
        training: bool | None,
        with_weights: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Return contexts, and weights where they are wanted; contexts are then read by them."""
        if not with_weights:
            return self.contexts(query, key, value, mask, training), None
        weights = self.weights_of(query, key, mask)
        read_by = self._dropped(weights) if self._drops(training) else weights
        return product(ops.cast(read_by, value.dtype), value), weights

    def get_config(self) -> dict[str, Any]:
        """Return what makes this layer, to be saved."""
        return {
            **super().get_config(),
            "score": saved(self.score_name or self.score),
            "normalizer": saved(self.normalizer),
            "dropout": self.dropout,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Reading":
        """Make a layer from what `get_config` has said of it, or refuse that of another class.

        Raises:
            ValueError: this class does not know what stands there.
        """
        try:
            return super().from_config(config)
        except (TypeError, ValueError) as error:
            unknown = sorted(set(config) - _arguments(cls))
            if not unknown:
                raise
            raise ValueError(
                f"Expected the configuration of {_with_article(cls.__name__)} of regard.keras; if "
                f"it was saved by another class, load it with that one. Received: {unknown}, which "
                f"this class does not know. {error}"
            ) from error

    def _drops(self, training: bool | None) -> bool:
        return bool(training) and self.dropout > 0

    def _dropped(self, weights: Tensor) -> Tensor:
        return keras.random.dropout(weights, self.dropout, seed=self.seed_generator)

    def _dropping(self, training: bool | None) -> Normalizer:
        """Return the normalizer, followed by dropout where there is anything to drop."""
        if not self._drops(training):
            return self.normalizer
        return partial(_normalize_and_drop, self.normalizer, self._dropped)


def _normalize_and_drop(
    normalizer: Normalizer,
    drop: Callable[[Tensor], Tensor],
    scores: Tensor,
    mask: Tensor | None = None,
) -> Tensor:
    return drop(normalizer(scores, mask))


def _arguments(layer: type) -> set[str]:
    """Return what a class of layers may be made of, and those that it derives from."""
    made_by = (vars(each)["__init__"] for each in layer.__mro__ if "__init__" in vars(each))
    return {name for function in made_by for name in signature(function).parameters}


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def check_steps(layer: keras.layers.Layer, name: str, shape: Shape) -> tuple[int | None, int]:
    """Return how many steps there are, and how wide they are, of `batch steps width`.

    Raises:
        ValueError: it is of another rank, or its width is not known.
    """
    if len(shape) != 3:
        raise ValueError(
            f"Expected `{name}` of layer {layer.name} to have the shape (batch_size, steps, "
            f"features). Received: {name}.shape={tuple(shape)}"
        )
    _, steps, width = shape
    if width is None:
        raise ValueError(
            f"Expected the last dimension of `{name}` to be known when layer {layer.name} is "
            f"built. Received: {name}.shape={tuple(shape)}"
        )
    return steps, width


def check_fit(layer: keras.layers.Layer, query: Shape, value: Shape, key: Shape) -> list[int]:
    """Return how wide query, value and key are, of which queries can read.

    Raises:
        ValueError: one is not `batch steps width`, or they do not fit each other.
    """
    named = (("query", query), ("value", value), ("key", key))
    widths = [check_steps(layer, name, shape)[1] for name, shape in named]
    if None not in (value[1], key[1]) and value[1] != key[1]:
        raise ValueError(
            f"Expected as many steps of `key` as of `value` in layer {layer.name}. Received: "
            f"value.shape={tuple(value)}, key.shape={tuple(key)}"
        )
    if len({shape[0] for shape in (query, value, key)} - {None, 1}) > 1:
        raise ValueError(
            f"Expected `query`, `value` and `key` of layer {layer.name} to have the same batch "
            f"size, or 1. Received: query.shape={tuple(query)}, value.shape={tuple(value)}, "
            f"key.shape={tuple(key)}"
        )
    return widths


def batch_of(*shapes: Shape) -> int | None:
    """Return the batch size that these broadcast to, as far as it is known.

    >>> batch_of((1, 4, 3), (2, 5, 3)), batch_of((None, 4, 3), (1, 5, 3))
    (2, None)
    """
    sizes = {shape[0] for shape in shapes} - {1}
    known = sizes - {None}
    return known.pop() if known else (None if sizes else 1)
