"""Training with weights that several processes share: each keeps a part (FSDP2)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.pytorch.strategies import ModelParallelStrategy
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

from regard.interfaces import Translator

__all__ = ["shard", "sharded", "whole"]


def sharded() -> ModelParallelStrategy:
    """Return the strategy by which each process keeps a part of the weights.

    Source: Zhao et al. 2023 (FSDP), in PyTorch's second implementation.
    """
    return ModelParallelStrategy(
        data_parallel_size=int(os.environ.get("WORLD_SIZE", "1")),
        tensor_parallel_size=1,
        save_distributed_checkpoint=False,
    )


def shard(model: nn.Module, mesh: DeviceMesh) -> None:
    """Let each process of the mesh keep a part of every weight, gathered where it is needed."""
    fully_shard(model, mesh=mesh)
    if isinstance(model, Translator):  # what training calls, in place of the model itself
        register_fsdp_forward_method(model, "predictions")


@contextmanager
def whole(model: nn.Module) -> Iterator[None]:
    """Let a model have all of its weights while the block runs, in every process.

    A model that is not shared has them anyway.
    """
    parts = [part for part in model.modules() if isinstance(part, FSDPModule)]
    for part in parts:
        part.set_reshard_after_forward(reshard_after_forward=False)
        part.unshard()
    try:
        yield
    finally:
        for part in parts:
            part.reshard()
            part.set_reshard_after_forward(reshard_after_forward=True)
