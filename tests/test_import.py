"""`import regard` offers the public names, is quick, and brings in torch and jaxtyping only."""

import json
import os
import subprocess
import sys
from pathlib import Path

import regard

PUBLIC = [
    "attention",
    "attention_weights",
    "biases",
    "kernels",
    "load",
    "local",
    "masks",
    "monotonic",
    "nn",
    "normalizers",
    "record",
    "rotary",
    "scores",
    "show",
    "weights_on_demand",
]

MAX_SECONDS = 0.2

OPTIONAL = {
    "babel",
    "datasets",
    "fastapi",
    "huggingface_hub",
    "jax",
    "jsonargparse",
    "keras",
    "lightning",
    "matplotlib",
    "ctranslate2",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "pandas",
    "pyarrow",
    "pytorch_lightning",
    "rich",
    "sacrebleu",
    "safetensors",
    "tensorboard",
    "tensorflow",
    "tokenizers",
    "torchmetrics",
    "transformers",
    "triton",
    "uvicorn",
    "yaml",
}

PROBE = """
import gc, json, sys, time
import torch
gc.freeze()  # going through all that PyTorch made is no cost of what is imported after it
before = set(sys.modules)
start = time.process_time()  # whatever else the machine is doing
import regard
seconds = time.process_time() - start
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps({"seconds": seconds, "new": sorted(new)}))
"""


def test_public_names_are_these_and_exist() -> None:
    assert regard.__all__ == PUBLIC
    assert all(getattr(regard, name) is not None for name in PUBLIC)


def probe(compiled: Path) -> dict[str, object]:
    """Import in a new process which may keep what it compiles, as everybody's does."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", PROBE]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(result.stdout)


def test_import_is_quick_and_loads_no_optional_library(tmp_path: Path) -> None:
    probes = [probe(tmp_path) for _ in range(4)]
    assert min(found["seconds"] for found in probes) < MAX_SECONDS
    loaded = set(probes[0]["new"])
    assert "regard" in loaded
    assert not loaded & OPTIONAL
