"""A model that is loaded again predicts the same to the last bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from regard.keras import (
    AdditiveAttention,
    Attention,
    AttentionPooling,
    DotAttention,
    LocalAttention,
    MultiHeadAttention,
    score_layers,
    scores,
)
from tests.keras.differentiating import Array

LAYERS: dict[str, Callable[[], Any]] = {
    "Attention": lambda: Attention(4, "bahdanau"),
    "Attention, its own score": lambda: Attention(4, Squared(2.0)),
    "Attention, its own normalizer": lambda: Attention(4, normalizer=halved),
    "AttentionPooling": lambda: AttentionPooling(4, "cosine", "sparsemax", dropout=0.1, seed=5),
    "DotAttention": lambda: DotAttention(score_layers.LocationScore(9)),
    "AdditiveAttention": lambda: AdditiveAttention(6, use_bias=False, normalizer="entmax15"),
    "AdditiveAttention, no units": AdditiveAttention,
    "LocalAttention": lambda: LocalAttention(4, 2, "biased", score_layers.ConcatScore(5)),
    "MultiHeadAttention": lambda: MultiHeadAttention(2, 3, score="additive", output_shape=7),
}


@keras.saving.register_keras_serializable(package="tests")
class Squared(score_layers.Score):
    """A score of a reader's own, with an argument, whose comparison is one of ours."""

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def project_query(self, query: Any) -> Any:
        return self.factor * query * query

    @property
    def comparison(self) -> Callable[[Any, Any], Any]:
        return scores.scaled_dot

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="tests")
def halved(scores: Any, mask: Any = None) -> Any:
    """Weigh as the softmax does, but half of that."""
    from regard.keras.normalizers import softmax

    return softmax(2 * scores, mask) / 2


def make(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def model_of(layer: Any, *, masked: bool = True) -> keras.Model:
    """Read texts of any length by a layer."""
    inputs = keras.Input((None, 3))
    states = keras.layers.Masking()(inputs) if masked else inputs
    if isinstance(layer, Attention | AttentionPooling):
        read = layer(states)
    elif isinstance(layer, MultiHeadAttention):
        read = layer(states, states)
    else:
        read = layer([states, states])
    return keras.Model(inputs, keras.layers.Dense(2)(read))


def texts() -> Array:
    given = make(4, 6, 3)
    given[0, 3:] = 0
    given[1, 1:] = 0
    return given


@pytest.mark.parametrize("make_layer", LAYERS.values(), ids=LAYERS)
def test_a_keras_file_gives_back_the_model(make_layer: Callable[[], Any], tmp_path: Path) -> None:
    layer = make_layer()
    model = model_of(layer)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    wanted = model.predict(texts(), verbose=0)
    np.testing.assert_array_equal(again.predict(texts(), verbose=0), wanted)
    assert again.get_layer(layer.name).get_config() == layer.get_config()
    assert type(again.get_layer(layer.name)) is type(layer)
    assert again.count_params() == model.count_params()


@pytest.mark.parametrize(
    ("score", "arguments"),
    [
        (score_layers.AdditiveScore, {"units": 5, "use_bias": False}),
        (score_layers.BilinearScore, {"scaled": False}),
        (score_layers.ConcatScore, {"units": 5}),
        (score_layers.CosineScore, {"temperature": 0.3}),
        (score_layers.LocationScore, {"max_len": 9}),
    ],
)
def test_what_a_score_is_made_of_is_saved(score: Any, arguments: dict[str, Any]) -> None:
    layer = score(**arguments)
    again = Attention(4, layer).from_config(Attention(4, layer).get_config()).score
    assert type(again) is score
    assert {name: getattr(again, name) for name in arguments} == arguments


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_older_files_give_back_the_numbers(suffix: str, tmp_path: Path) -> None:
    model, other = (model_of(Attention(4, "additive"), masked=False) for _ in range(2))
    save = model.save_weights if suffix == ".weights.h5" else model.save
    save(tmp_path / f"model{suffix}")
    other.load_weights(tmp_path / f"model{suffix}")
    wanted = model.predict(texts(), verbose=0)
    np.testing.assert_array_equal(other.predict(texts(), verbose=0), wanted)


@pytest.mark.parametrize("loss", ["mae", "mse", "mape", "msle", "kld", "huber"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_compiled_models_are_read_from_older_files(loss: str, tmp_path: Path) -> None:
    """Keras alone does not find the first five of them again."""
    model = model_of(Attention(4), masked=False)  # Keras cannot write masks into such a file
    model.compile(loss=loss, optimizer="sgd")
    model.save(tmp_path / "model.h5")
    again = keras.models.load_model(tmp_path / "model.h5")
    wanted = model.evaluate(texts(), np.ones((4, 2)), verbose=0)
    assert again.evaluate(texts(), np.ones((4, 2)), verbose=0) == pytest.approx(wanted)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_what_a_reader_calls_by_these_names_is_theirs(suffix: str, tmp_path: Path) -> None:
    def mse(wanted: Any, found: Any) -> Any:
        return 1000 * ops.mean(ops.square(wanted - found), axis=-1)

    model = model_of(Attention(4), masked=False)
    model.compile(loss=mse, optimizer="sgd")
    model.save(tmp_path / f"model{suffix}")
    again = keras.models.load_model(tmp_path / f"model{suffix}", custom_objects={"mse": mse})
    wanted = model.evaluate(texts(), np.ones((4, 2)), verbose=0)
    assert again.evaluate(texts(), np.ones((4, 2)), verbose=0) == pytest.approx(wanted)


def test_scores_and_normalizers_stand_in_a_configuration_by_name() -> None:
    layer = Attention(4, "bahdanau", "sparsemax")
    config = layer.get_config()
    assert (config["score"], config["normalizer"]) == ("bahdanau", "sparsemax")
    assert config["units"] == 4
    from regard.keras import normalizers

    assert Attention(normalizer=normalizers.entmax15).get_config()["normalizer"] == "entmax15"


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        (Attention, keras.layers.Attention()),
        (AdditiveAttention, keras.layers.AdditiveAttention()),
        (MultiHeadAttention, keras.layers.MultiHeadAttention(2, 3)),
        (DotAttention, keras.layers.Dense(3)),
    ],
)
def test_the_configuration_of_another_class_is_refused(ours: Any, other: Any) -> None:
    with pytest.raises(ValueError, match=rf"Expected the configuration of an? {ours.__name__} of"):
        ours.from_config(other.get_config())


def test_a_file_of_another_class_is_refused(tmp_path: Path) -> None:
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, Renamed()([inputs, inputs]))
    model.save(tmp_path / "model.keras")
    with pytest.raises((TypeError, ValueError), match="Expected the configuration of an Attention"):
        keras.models.load_model(tmp_path / "model.keras", custom_objects={"Renamed": Attention})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"normalizer": "sofmax"}, "Did you mean 'softmax'"),
        ({"units": 0}, "Expected a positive integer"),
        ({"nomalizer": "softmax"}, r"saved by another class.* Received: \['nomalizer'\]"),
    ],
)
def test_a_mistake_in_a_configuration_is_not_that_of_another_class(
    wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=message) as raised:
        Attention.from_config({**Attention(4).get_config(), **wrong})
    assert ("another class" in str(raised.value)) == ("nomalizer" in wrong)


@pytest.mark.parametrize("make_layer", LAYERS.values(), ids=LAYERS)
def test_a_clone_has_weights_of_its_own(make_layer: Callable[[], Any]) -> None:
    model = model_of(make_layer())
    again = keras.models.clone_model(model)
    assert not {id(weight) for weight in model.weights} & {id(weight) for weight in again.weights}
    again.set_weights(model.get_weights())
    wanted = model.predict(texts(), verbose=0)
    np.testing.assert_array_equal(again.predict(texts(), verbose=0), wanted)


class Renamed(keras.layers.Attention):
    """A layer whose file is to be read as one of ours."""


def test_weights_of_another_layer_are_refused(tmp_path: Path) -> None:
    model_of(Attention(4)).save_weights(tmp_path / "model.weights.h5")
    other = model_of(Attention(4, "bahdanau"))
    with pytest.raises(ValueError, match="expected 3 variables, but received 1"):
        other.load_weights(tmp_path / "model.weights.h5")
