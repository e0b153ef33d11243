"""What recording costs a model that reads one text, and what a few rows of weights cost then.

    scripts/bench recording

Six Transformer layers of width 512 with 8 heads of 64 and 2,048 hidden units read 1 text of 2,048
tokens, without gradients: Regard's, PyTorch's in its fast path, and, where transformers is there,
BERT's and Llama's (2 heads of keys for 8 of queries) with sdpa attention. Plain and recorded passes
alternate, and so does reading 32 rows of all heads of one layer, and of every layer. Shown are the
medians of what each took by the plain pass before it, in one thread's time on the processor.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from regard import record
from regard.inspection.record import Record
from regard.nn.transformer import TransformerEncoder

LENGTH, WIDTH, HEADS, HIDDEN, LAYERS, ROWS = 2048, 512, 8, 2048, 6, 32
TINY_VOCAB = 8  # embeddings are no part of what is measured

Run = Callable[[], object]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=15, help="timed passes of each kind")
    parser.add_argument("--length", type=int, default=LENGTH, help="tokens of the text")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(
        "layers",
        "a pass (ms)",
        "recorded",
        f"{ROWS} rows of a layer",
        "of every layer",
        "kept (MiB)",
    )
    for name, run in _models(given.length).items():
        table.add_row(name, *_measured(run, given.length, given.repeats))
    Console().print(table)


def _models(length: int) -> dict[str, tuple[nn.Module, Run]]:
    """Return models, and what lets each read a text."""
    torch.manual_seed(0)
    text = torch.randn(1, length, WIDTH)
    ours = TransformerEncoder.plain(
        WIDTH, num_layers=LAYERS, num_heads=HEADS, feedforward_dim=HIDDEN
    ).eval()
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, batch_first=True)
    theirs = nn.TransformerEncoder(layer, LAYERS).eval()
    found = {
        "Regard's": (ours, lambda: ours(text)),
        "PyTorch's": (theirs, lambda: theirs(text)),
    }
    return found | _hugging_face(text)


def _hugging_face(text: Tensor) -> dict[str, tuple[nn.Module, Run]]:
    try:
        import transformers
    except ModuleNotFoundError:
        return {}
    sizes: dict[str, Any] = {
        "vocab_size": TINY_VOCAB,
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": HIDDEN,
        "max_position_embeddings": text.shape[1],
    }
    bert = transformers.BertModel(transformers.BertConfig(**sizes)).eval()
    llama = transformers.LlamaModel(transformers.LlamaConfig(**sizes, num_key_value_heads=2)).eval()
    return {
        "BERT's": (bert, lambda: bert(inputs_embeds=text)),
        "Llama's": (llama, lambda: llama(inputs_embeds=text, use_cache=False)),
    }


@torch.no_grad()
def _measured(read: tuple[nn.Module, Run], length: int, repeats: int) -> list[str]:
    model, run = read
    rows = torch.linspace(0, length - 1, ROWS).long().tolist()
    with record(model) as seen:
        run()
    sides: list[Run] = [
        run,
        lambda: _recorded(model, run),
        lambda: _rows(seen, seen.layers[:1], rows),
        lambda: _rows(seen, seen.layers, rows),
    ]
    run()
    passes = [[_seconds(side) for side in sides] for _ in range(repeats)]
    # Of sides that ran one after the other, under the same conditions.
    shares = [[took / plain for took in sides] for plain, *sides in passes]
    recorded, of_one, of_all = map(statistics.median, zip(*shares, strict=True))
    return [
        f"{1000 * statistics.median(plain for plain, *_ in passes):,.0f}",
        *(f"{100 * share:+.1f} %" for share in (recorded - 1, of_one, of_all)),
        f"{seen.num_bytes / 2**20:.0f}",
    ]


def _seconds(run: Run) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _recorded(model: nn.Module, run: Run) -> None:
    with record(model):
        run()


def _rows(seen: Record, names: list[str], rows: list[int]) -> list[Tensor]:
    return [seen[name].weights(rows=rows) for name in names]


if __name__ == "__main__":
    main()
