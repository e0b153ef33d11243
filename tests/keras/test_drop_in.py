"""`Attention` is the layer of the package `attention` 5.0.0: its numbers, weights and scripts."""

import os
import re
import subprocess
import sys
from importlib.metadata import metadata
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import keras
import numpy as np
import pytest
from keras import ops

from regard.keras import Attention
from tests.keras.differentiating import Array

SCORES = ("luong", "bahdanau")
BATCH, STEPS, WIDTH, UNITS = 3, 6, 4, 5

PACKAGE_IS_MISSING = "" if find_spec("attention") else "compares with the package attention"

PACKAGE = """
    import sys
    import numpy as np
    from attention import Attention

    folder, *scores = sys.argv[1:]
    inputs = np.load(f"{folder}/inputs.npy")
    for score in scores:
        layer = Attention(units=5, score=score)
        output = layer(inputs)
        np.savez(f"{folder}/{score}.npz", *layer.get_weights(), output=output)
"""

EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def make(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def by_its_formula(inputs: Array, weights: list[Array], score: str) -> Array:
    """Compute the package's layer one sequence and one step after the other, in float64."""
    *of_score, merging = (weight.astype("float64") for weight in weights)
    outputs = []
    for sequence in inputs.astype("float64"):
        last = sequence[-1]
        if score == "luong":
            (kernel,) = of_score
            scores = np.array([last @ (step @ kernel) for step in sequence])
        else:
            energy, of_last, of_step = of_score
            scores = np.array(
                [np.tanh(last @ of_last + step @ of_step) @ energy[:, 0] for step in sequence]
            )
        weighed = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        context = sum(weight * step for weight, step in zip(weighed, sequence, strict=True))
        outputs.append(np.tanh(np.concatenate([context, last]) @ merging))
    return np.array(outputs)


@pytest.mark.parametrize("score", SCORES)
def test_numbers_are_those_of_its_formula(score: str) -> None:
    inputs = make(BATCH, STEPS, WIDTH)
    layer = Attention(UNITS, score)
    found = ops.convert_to_numpy(layer(inputs))
    wanted = by_its_formula(inputs, layer.get_weights(), score)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Array]]:
    """Let the package itself compute, on the only backend that it has."""
    if PACKAGE_IS_MISSING:
        pytest.skip(PACKAGE_IS_MISSING)
    folder = tmp_path_factory.mktemp("package")
    np.save(folder / "inputs.npy", make(BATCH, STEPS, WIDTH))
    run(PACKAGE, str(folder), *SCORES, KERAS_BACKEND="tensorflow")
    found = {}
    for score in SCORES:
        with np.load(folder / f"{score}.npz") as saved:
            names = sorted(set(saved) - {"output"})
            found[score] = [saved[name] for name in (*names, "output")]
    return found


@pytest.mark.parametrize("score", SCORES)
def test_numbers_are_those_of_the_package(score: str, answers: dict[str, list[Array]]) -> None:
    *weights, output = answers[score]
    layer = Attention(units=UNITS, score=score)
    layer.build((None, STEPS, WIDTH))
    layer.set_weights(weights)
    found = ops.convert_to_numpy(layer(make(BATCH, STEPS, WIDTH)))
    np.testing.assert_allclose(found, output, atol=1e-5)


def test_arguments_are_those_of_the_package() -> None:
    layer = Attention()
    assert layer.units == 128
    assert layer.get_config()["score"] == Attention.SCORE_LUONG == "luong"
    assert Attention(score=Attention.SCORE_BAHDANAU).get_config()["score"] == "bahdanau"
    assert Attention(32).compute_output_shape((None, 10, 1)) == (None, 32)
    assert Attention(3)(make(2, 5, 4), training=True).shape == (2, 3)


@pytest.mark.parametrize("source", ["tensorflow.keras", "keras"])
def test_the_example_of_its_page_runs(source: str, tmp_path: Path) -> None:
    """It stands in what the package says of itself; but for an import, it is left as it is."""
    if PACKAGE_IS_MISSING:
        pytest.skip(PACKAGE_IS_MISSING)
    [program] = EXAMPLE.findall(str(metadata("attention").get_payload()))
    ours = program.replace("from attention import", "from regard.keras import")
    assert ours != program
    shown = run(ours.replace("from tensorflow.keras", f"from {source}"), cwd=tmp_path)
    assert "Success." in shown
    assert "attention (Attention)" in shown
    assert "8,192" in shown  # 64 x 64 of the score, 128 x 32 of what merges


def test_it_is_used_in_sequence_with_any_length() -> None:
    model = keras.Sequential(
        [
            keras.Input((None, 1)),
            keras.layers.LSTM(8, return_sequences=True),
            Attention(units=6, score="bahdanau"),
            keras.layers.Dense(1),
        ]
    )
    assert model.output_shape == (None, 1)
    assert model.predict(make(2, 7, 1), verbose=0).shape == (2, 1)
    assert model.predict(make(2, 9, 1), verbose=0).shape == (2, 1)


def run(program: str, *arguments: str, cwd: Path | None = None, **environment: str) -> str:
    """Run a program by itself; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", dedent(program), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
