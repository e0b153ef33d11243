"""Shares that processes keep a part of each learn what they learn in one process.

The processes are threads here, which have the real collectives but need no others to be started.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy

import pytest
import torch
from torch import Tensor, distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.testing._internal.distributed import multi_threaded_pg

from regard.data.encoding import collate
from regard.interfaces import BOS, EOS
from regard.models import TransformerTranslator
from regard.recipes.translate.architectures import WeightedTransformerSettings
from regard.recipes.translate.transformer import make_transformer
from regard.training.sharding import shard, whole
from regard.training.shares import branches, shares_of

BATCHES = [
    collate([([5, 6, EOS], [BOS, 7, 8, 9, EOS]), ([5, EOS], [BOS, 7, EOS])]),
    collate([([4, EOS], [BOS, 5, EOS]), ([8, 9, EOS], [BOS, 4, 4, EOS])]),
    collate([([9, 9, EOS], [BOS, 6, EOS]), ([7, EOS], [BOS, 9, 8, EOS])]),
]
NUM_STEPS = 3


def model() -> TransformerTranslator:
    chosen = WeightedTransformerSettings(
        embed_dim=8, num_layers=1, num_heads=2, feedforward_dim=8, dropout=0.0
    )
    return make_transformer(chosen, 10, 10, 16)


def loss(model: TransformerTranslator, number: int) -> Tensor:
    batch = BATCHES[number]
    return model.predictions(batch.source, batch.target).logits.logsumexp(-1).mean()


def learn(model: TransformerTranslator, loss: Callable[[], Tensor]) -> list[Tensor]:
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    for _ in range(NUM_STEPS):
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()
        for attention in branches(model).values():
            attention.project()
    with whole(model):
        return [shares.detach().clone() for shares in shares_of(model)]


@contextmanager
def threads_for_processes() -> Iterator[None]:
    """Let every thread be a process of its own to `torch.distributed`."""
    torch._C._distributed_c10d._set_thread_isolation_mode(True)
    multi_threaded_pg._install_threaded_pg()
    try:
        yield
    finally:
        multi_threaded_pg._uninstall_threaded_pg()
        torch._C._distributed_c10d._set_thread_isolation_mode(False)


def together(fresh: TransformerTranslator, num_ranks: int) -> list[list[Tensor]]:
    """Let as many processes learn from a batch each; return what each ends with."""
    store = distributed.HashStore()

    def work(rank: int) -> list[Tensor]:
        distributed.init_process_group("threaded", rank=rank, world_size=num_ranks, store=store)
        try:
            own = deepcopy(fresh)
            shard(own, init_device_mesh("cpu", (num_ranks,)))
            return learn(own, lambda: loss(own, rank))
        except Exception as error:
            # So that the others do not wait.
            multi_threaded_pg.ProcessLocalGroup.exception_handle(error)
            raise
        finally:
            distributed.destroy_process_group()

    with ThreadPoolExecutor(num_ranks) as threads:
        working = [threads.submit(work, rank) for rank in range(num_ranks)]
    for each in working:
        # What the others end with says nothing.
        if isinstance(error := each.exception(), Exception):
            raise error
    return [each.result() for each in working]


@pytest.mark.parametrize("num_ranks", [2, 3], ids=["a share each", "one without a share"])
def test_shares_learn_what_they_learn_in_one_process(num_ranks: int) -> None:
    fresh, alone = model(), model()
    alone.load_state_dict(fresh.state_dict())
    wanted = learn(
        alone, lambda: torch.stack([loss(alone, rank) for rank in range(num_ranks)]).mean()
    )
    begun = torch.cat([each.detach() for each in shares_of(fresh)])
    with threads_for_processes():
        learnt = together(fresh, num_ranks)
    assert len(learnt) == num_ranks
    for shares in learnt:
        torch.testing.assert_close(shares, wanted, rtol=0, atol=1e-5)
    assert (torch.cat(wanted) - begun).abs().max() > 0.01
