"""How long a decoder's step takes by the length of the source, for every attention.

    scripts/bench decoding_steps

One step of a search with Luong's decoder in the sizes of the default recipe (state 512, encoder
states 1,024), the alignment and the reordering of the beam included, for 4 hypotheses of each of 2
sentences of 50 to 5,000 words that have been read. What looks at a part of the source takes as long
however long that is; all else takes longer.
A scan that goes on for long makes a long step, but goes through the source once in all; here it
stops at once. Lengths alternate; medians are compared.
"""

import argparse
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table

from regard.bench.measuring import medians
from regard.decoding.steps import advance
from regard.interfaces import DecoderAttention, Tokens
from regard.models import RecurrentTranslator
from regard.nn.decoders import LuongDecoder
from regard.nn.monotonic import MonotonicAttention
from regard.nn.recurrent import RecurrentLayers
from regard.recipes.translate.architectures import RecurrentSettings
from regard.recipes.translate.recurrent import make_attention

EMBED, HIDDEN, CONTEXT = 256, 512, 1024
SOURCES, HYPOTHESES = 2, 4
LENGTHS = (50, 500, 1000, 2000, 5000)
STOPPING = 10.0  # far above what untrained energies are
VARIANTS = {
    "global, additive": RecurrentSettings(),
    "global, general": RecurrentSettings(score="bilinear"),
    "coverage": RecurrentSettings(attention="coverage"),
    "marginal": RecurrentSettings(attention="marginal"),
    "hard": RecurrentSettings(attention="hard"),
    "local-m": RecurrentSettings(attention="local_m"),
    "local-p": RecurrentSettings(attention="local_p"),
    "monotonic": RecurrentSettings(attention="monotonic"),
    "MoChA": RecurrentSettings(attention="chunkwise"),
}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=101, help="timed steps of each length")
    repeats = parser.parse_args().repeats
    longest = f"{LENGTHS[-1]:,} : {LENGTHS[0]}"
    table = Table("attention", *(f"{length:,} words (ms)" for length in LENGTHS), longest)
    for name, chosen in VARIANTS.items():
        attention = make_attention(chosen, CONTEXT, LENGTHS[-1])
        if isinstance(attention, MonotonicAttention):
            attention.offset.data.fill_(STOPPING)
        model = _model(attention)
        seconds = medians([_step(model, length) for length in LENGTHS], repeats=repeats, warmup=5)
        times = (f"{1000 * each:.2f}" for each in seconds)
        table.add_row(name, *times, f"{seconds[-1] / seconds[0]:.2f}")
    Console().print(table)


def _model(attention: DecoderAttention) -> RecurrentTranslator:
    torch.manual_seed(0)
    encoder = RecurrentLayers(EMBED, CONTEXT // 2)
    decoder = LuongDecoder(attention, embed_dim=EMBED, context_dim=CONTEXT, hidden_dim=HIDDEN)
    return RecurrentTranslator(
        source_vocab=1000, target_vocab=1000, embed_dim=EMBED, encoder=encoder, decoder=decoder
    ).eval()


@torch.no_grad()
def _step(model: RecurrentTranslator, length: int) -> Callable[[], None]:
    """Return a step of a decoder that has come half-way, where it knows of its way."""
    ids = torch.randint(4, 1000, (SOURCES, length))
    state = model.start(Tokens(ids, torch.full((SOURCES,), length)))
    state = model.reorder(state, torch.arange(SOURCES).repeat_interleave(HYPOTHESES))
    token = torch.full((SOURCES * HYPOTHESES,), 5)
    before = state.memory.memory.before
    if before is not None and not before.is_floating_point():
        memory = state.memory.memory._replace(before=torch.full_like(before, length // 2))
        state = state._replace(memory=state.memory._replace(memory=memory))
    # As a beam does, which goes on from its best hypotheses in whichever order they are.
    best = torch.arange(len(token)).view(SOURCES, HYPOTHESES).flip(1).flatten()

    @torch.no_grad()
    def step() -> None:
        model.reorder(advance(model, state, token)[-1], best)

    return step


if __name__ == "__main__":
    main()
