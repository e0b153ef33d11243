"""`import regard` offers the public names, is quick, and brings in torch and jaxtyping only."""

import json
import subprocess
import sys

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
    "weights_on_demand",
]

MAX_SECONDS = 0.2

OPTIONAL = {
    "babel",
    "datasets",
    "huggingface_hub",
    "jsonargparse",
    "lightning",
    "matplotlib",
    "pandas",
    "pyarrow",
    "pytorch_lightning",
    "rich",
    "sacrebleu",
    "safetensors",
    "tensorboard",
    "tokenizers",
    "torchmetrics",
    "triton",
    "yaml",
}

PROBE = """
import json, sys, time
import torch
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


def probe() -> dict[str, object]:
    command = [sys.executable, "-c", PROBE]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def test_import_is_quick_and_loads_no_optional_library() -> None:
    probes = [probe() for _ in range(3)]
    assert min(found["seconds"] for found in probes) < MAX_SECONDS
    loaded = set(probes[0]["new"])
    assert "regard" in loaded
    assert not loaded & OPTIONAL
