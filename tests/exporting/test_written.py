"""Files of a Transformer, run step by step, give what it gives."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from regard import rotary
from regard.exporting import FORMATS, translator_programs, write_program
from regard.interfaces import BOS, EOS, Tokens
from regard.models import TransformerTranslator
from tests.drawing import VOCAB
from tests.exporting.texts import texts
from tests.transformer_cases import TRANSFORMERS, transformer

pytestmark = pytest.mark.compiled

EXACT = {"rtol": 1e-5, "atol": 1e-5}

EMPTY = Tokens(torch.tensor([[EOS]]), torch.tensor([1]))
"""A text without words, whose end is all that is read."""

# Every part that steps otherwise than the others; the weighted one's decoder sees itself plainly.
MODELS: dict[str, Callable[[], TransformerTranslator]] = {
    "rotary_window_shared_keys": lambda: transformer(
        positions=None,
        reach=1,
        of_itself={"rotate": lambda: rotary.rotary, "num_kv_heads": lambda: 1},
        of_source={"num_kv_heads": lambda: 1},
    ),
    "weighted": TRANSFORMERS["weighted"],
}


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("name", MODELS)
def test_files_step_as_the_model_does(name: str, to: str, tmp_path: Path) -> None:
    model, chosen = MODELS[name]().eval(), FORMATS[to]
    programs = translator_programs(model, source_vocab=VOCAB)
    assert max(write_program(program, tmp_path, chosen) for program in programs) < 1e-5
    read, write = (tmp_path / (program.name + chosen.suffix) for program in programs)
    for source in (texts([9, 4, 0, 1]), texts([3, 7]), EMPTY):
        with torch.no_grad():
            state, tensors = model.start(source), chosen.run(read, source._asdict())
            token = torch.full(source.lengths.shape, BOS)
            for _ in range(3):
                log_probs, state = model.step(state, token)
                found = chosen.run(write, {"token": token, **tensors})
                torch.testing.assert_close(found["log_probs"], log_probs, **EXACT)
                torch.testing.assert_close(found["alignment"], model.alignment(state), **EXACT)
                renewed = programs.step.carried.items()
                tensors |= {old: found[new] for new, old in renewed}
                token = log_probs.argmax(dim=-1)
