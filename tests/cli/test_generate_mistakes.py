"""What a language model cannot be trained on, or asked, is answered in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ToyRun
from tests.toy_text import write_text

Refusal = Callable[[list[str]], str]
TRAIN = ["train", "generate", "--run", "new", "--training.progress", "false"]


@pytest.fixture(autouse=True)
def book(folder: Path, type_in: Callable[[bytes], None]) -> None:
    write_text(folder / "book.txt", 60)
    type_in(b"")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("--model.num_leyers 3", "unknown flag --model.num_leyers; did you mean --model.num_layer"),
        ("--recipe words", "unknown recipe words; there are characters, bpe"),
        ("--model.positions alibi", "--model.positions: expected one of 'sinusoid', "),
        ("--training.select bleu", "--training.select: expected one of 'loss'; got bleu"),
        ("--model.num_heads 3", "model.num_heads must divide model.embed_dim, 128; got 3"),
        ("--model.num_kv_heads 3", "model.num_kv_heads must divide model.num_heads, 4; got 3"),
        ("--model.embed_dim 12", "rotary positions turn pairs of channels; of a model.embed_dim o"),
        ("--model.reach -1", "model.reach must be at least 0; got -1"),
        ("--data.block_len 1", "data.block_len must be at least 2; got 1"),
        (
            "--vocabulary.size 500",
            "vocabulary.size goes with vocabulary.kind bpe; it is char",
        ),
        ("--vocabulary.kind bpe --vocabulary.size 9", "vocabulary.size must be at least 262; got "),
        ("--vocabulary.kind words", "--vocabulary.kind: expected one of 'characters', 'bpe'; got"),
        ("--data.name shakespeare", "unknown data set 'shakespeare'; the nearest of python-refer"),
        ("--data.validation book.txt", "data.validation and data.test go with data.train; it is "),
        ("--data.train gone.txt", "gone.txt: no such file"),
        ("--data.train gone/*.txt", "gone/*.txt: no such files"),
        ("--data.train book.txt --data.test gone.txt", "gone.txt: no such file"),
        ("--data.train book.txt --data.validation empty.txt", "empty.txt: empty"),
        ("--data.train empty.txt", "empty.txt: too few lines to hold any out; pass a validation "),
        ("--data.train empty", "empty: no files *.txt or *.txt.gz in it"),
        ("--data.train latin.txt", "latin.txt, line 2: not UTF-8 (byte 0xf6 at position 4)"),
        ("--data.train book.txt --training.max_tokens 9", "max_tokens=9 is less than the"),
    ],
)
def test_what_cannot_be_trained_is_refused(words: str, answer: str, refusal: Refusal) -> None:
    Path("empty.txt").touch()
    Path("empty").mkdir()
    Path("latin.txt").write_bytes(b"a\nsch\xf6n\n")
    assert refusal([*TRAIN, *words.split()]).startswith(answer)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("generate", "the following arguments are required: run"),
        ("generate gone a", "there is no run directory gone"),
        ("generate RUN a --lenght 3", "unknown flag --lenght; did you mean --length?"),
        ("generate RUN a --length 0", "--length must be at least 1; got 0"),
        ("generate RUN a --length many", "--length: expected "),
        ("generate RUN a --samples 0", "--samples must be at least 1; got 0"),
        ("generate RUN a --top_k 0", "--top_k must be at least 1; got 0"),
        ("generate RUN a --top_p 0", "top_p must be above 0 and at most 1; got 0"),
        ("generate RUN a --temperature 0", "temperature must be above 0, and greedy is for 0; got"),
        ("generate RUN a --seed -1", "--seed must be from 0 to "),
        ("generate RUN a --beam 0", "--beam must be from 1 to 1000; got 0"),
        ("generate RUN a --beam 2 --top_k 3", "--top_k is of samples; leave out --beam, or leave "),
        ("generate RUN a --beam 2 --samples 3", "--samples is of samples; leave out --beam, or le"),
        ("generate RUN a --layer 0", "--layer would do nothing here; add --attention or --png"),
        ("generate RUN a --head 0", "--head would do nothing here; add --attention or --png"),
        ("generate RUN a --attention --layer 2", "there are 2 layers, from 0; there is no layer 2"),
        ("generate RUN a --attention --head 2", "there are 2 heads, from 0; there is no head 2"),
        ("generate RUN a --attention --json", "--json prints no attention; leave out --attention"),
        ("generate RUN a --png a.gif", "--png writes .png, .svg or .pdf; got a.gif"),
        ("generate RUN A", "the model does not know 'A', which stands in 'A': it did not stand in"),
        ("generate RUN a --device abacus", "device abacus cannot be used here: "),
        ("generate TRANSLATOR a", "TRANSLATOR holds a system to translate with: regard translate"),
        ("translate RUN a", "RUN holds a system to generate with: regard generate RUN"),
        ("classify RUN a", "RUN holds a system to generate with: regard generate RUN"),
        ("export RUN --to torch", "a TransformerLanguageModel cannot be exported; "),
        ("evaluate RUN --pairs pairs.tsv", "RUN holds a language model, which --pairs is not for"),
        ("evaluate RUN --beam 3", "RUN holds a language model, which --beam is not for"),
        ("evaluate RUN --folder here", "RUN holds a language model, which --folder is not for"),
        ("evaluate RUN --texts gone.txt", "gone.txt: no such file"),
        ("inspect RUN a --beam 3", "RUN holds a language model, which --beam is not for"),
        ("inspect RUN a --layer 2", "there are 2 layers, from 0; there is no layer 2"),
        ("inspect RUN A", "the model does not know 'A', which stands in 'A'"),
        (
            "inspect TRANSLATOR a --head 0",
            "TRANSLATOR holds a recurrent translator, which has one ",
        ),
        ("translate TRANSLATOR a --layer 0", "TRANSLATOR holds a recurrent translator, which has "),
        (
            "evaluate TRANSLATOR --layer 0",
            "TRANSLATOR holds a recurrent translator, which has one ",
        ),
        ("evaluate RUN --layer 0", "RUN holds a language model, which --layer is not for"),
        ("train generate --run RUN", "RUN exists already: continue it with --resume, or choose"),
        ("train generate --run RUN --resume", "RUN has finished; there is nothing to resume"),
        ("train translate --run RUN --resume", "RUN is not a run of regard train translate"),
        ("data python-reference --folder .", "python-reference comes with Python and takes no --"),
    ],
)
def test_what_cannot_be_done_with_a_run_is_refused(
    words: str, answer: str, toy_writer: ToyRun, run: str, refusal: Refusal
) -> None:
    names = {"RUN": str(toy_writer.path), "TRANSLATOR": run}
    typed = [names.get(word, word) for word in words.split()]
    for name, path in names.items():
        answer = answer.replace(name, path)
    assert refusal(typed).startswith(answer)


def test_prompts_that_are_not_utf_8_are_named(
    toy_writer: ToyRun, refusal: Refusal, type_in: Callable[[bytes], None]
) -> None:
    writer = str(toy_writer.path)
    assert refusal(["generate", writer, "a", "sch\udcf6n"]) == "sentence 2 is not UTF-8"
    type_in(b"a\nsch\xf6n\n")
    assert refusal(["generate", writer]) == "standard input, line 2: not UTF-8"
