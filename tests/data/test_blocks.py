"""Texts as blocks of ids, with the ends of their lines, in a file."""

import gc
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data import Blocks, DataError, LineTokenizer, PlainText, Tokenizer, encode_blocks
from regard.data.plain_text import pieces_of
from regard.interfaces import BOS, EOS, UNK

TEXTS = ["The cat sat.\n\n  The mat, too:\n1 + 1\n", "", "a\nb", "Ünïcode ½ 🙂 \n"]

CHARACTERS = LineTokenizer(Tokenizer.characters(TEXTS))
SUBWORDS = LineTokenizer(Tokenizer.bpe(TEXTS * 5, vocab_size=300))
TOKENIZERS = pytest.mark.parametrize("tokenizer", [CHARACTERS, SUBWORDS], ids=["characters", "bpe"])


def plain(texts: list[str]) -> PlainText:
    return PlainText([tuple(pieces_of(text.split("\n"))) for text in texts], "given")


@pytest.mark.parametrize("text", TEXTS)
def test_characters_give_the_text_back(text: str) -> None:
    ids = CHARACTERS.encode(text)
    assert CHARACTERS.decode(ids) == "".join(CHARACTERS.id_tokens(ids)) == text
    assert len(ids) == CHARACTERS.num_characters(text) == len(text)
    assert CHARACTERS.unknown(text) is None


@given(
    lines=st.lists(st.lists(st.text(st.sampled_from("abc.é½"), min_size=1), max_size=4), max_size=5)
)
def test_subwords_give_lines_back_with_single_blanks(lines: list[list[str]]) -> None:
    text = "\n".join(" ".join(words) for words in lines)
    assert SUBWORDS.decode(SUBWORDS.encode(text)) == text
    spread = "\n".join(f" {'  '.join(words)} " for words in lines)
    assert SUBWORDS.encode(spread) == SUBWORDS.encode(text)
    assert SUBWORDS.num_characters(spread) == len(text)
    assert SUBWORDS.unknown(text) is None


def test_the_end_of_a_line_is_a_token() -> None:
    for tokenizer in (CHARACTERS, SUBWORDS):
        ids = tokenizer.encode("a\n\nb")
        assert tokenizer.id_tokens(ids).count("\n") == 2
        assert tokenizer.decode([BOS, *ids, EOS]) == "a\n\nb"


def test_what_is_unknown_is_named() -> None:
    assert CHARACTERS.unknown("a cat\nsaß") == "ß"
    assert CHARACTERS.encode("ß") == [UNK]
    of_one_line = LineTokenizer(Tokenizer.characters(["abc"]))
    assert of_one_line.unknown("a\nb") == "\n"
    assert of_one_line.encode("a\nb")[1] == UNK
    assert of_one_line.decode(of_one_line.encode("abc")) == "abc"


def test_a_tokenizer_survives_saving(tmp_path: Path) -> None:
    for tokenizer in (CHARACTERS, SUBWORDS):
        tokenizer.save(tmp_path / "tokenizer.json")
        loaded = LineTokenizer.load(tmp_path / "tokenizer.json")
        assert [loaded.encode(text) for text in TEXTS] == tokenizer.encode_batch(TEXTS)


@TOKENIZERS
@pytest.mark.parametrize("block_len", [1, 4, 1000])
def test_blocks_make_up_the_texts(tokenizer: LineTokenizer, block_len: int) -> None:
    blocks = encode_blocks(plain(TEXTS), tokenizer, block_len)
    wanted = [[*tokenizer.encode(text), EOS] for text in TEXTS if text]
    found = [blocks[at].tolist() for at in range(len(blocks))]
    assert all(block[0] == BOS for block in found)
    assert [id_ for block in found for id_ in block[1:]] == [id_ for ids in wanted for id_ in ids]
    assert blocks.lengths.tolist() == [len(block) for block in found]
    # No block goes from one text into the next, and none but the last of each is short.
    assert len(blocks) == sum(-(-len(ids) // block_len) for ids in wanted)
    assert max(map(len, found)) <= block_len + 1
    assert all(len(block) == block_len + 1 for block in found if block[-1] != EOS)
    assert blocks.num_tokens == sum(map(len, wanted))
    assert blocks.num_characters == sum(map(tokenizer.num_characters, TEXTS))


@TOKENIZERS
def test_pieces_may_be_as_short_as_they_like(
    tokenizer: LineTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = encode_blocks(plain(TEXTS), tokenizer, 8)
    monkeypatch.setattr("regard.data.blocks._CHARACTERS_AT_ONCE", 3)
    cut = encode_blocks(plain(TEXTS), tokenizer, 8)
    assert [cut[at].tolist() for at in range(len(cut))] == [
        whole[at].tolist() for at in range(len(whole))
    ]


def test_blocks_outside_of_their_number_are_refused() -> None:
    blocks = encode_blocks(plain(TEXTS), CHARACTERS, 8)
    for index in (-1, len(blocks)):
        with pytest.raises(IndexError, match=f"index must be from 0 to {len(blocks) - 1}"):
            blocks[index]


def test_blocks_can_be_sent_to_another_process() -> None:
    blocks = encode_blocks(plain(TEXTS), CHARACTERS, 8)
    sent: Blocks = pickle.loads(pickle.dumps(blocks))
    assert len(pickle.dumps(blocks)) < 1000
    assert np.array_equal(sent.lengths, blocks.lengths)
    assert sent[1].tolist() == blocks[1].tolist()


def test_the_file_lasts_as_long_as_the_blocks(tmp_path: Path) -> None:
    blocks = encode_blocks(plain(TEXTS), CHARACTERS, 8, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    assert len(blocks) > 1
    del blocks
    gc.collect()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_no_text_is_refused_and_leaves_no_file(
    texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(DataError, match=r"^given: empty$"):
        encode_blocks(plain(texts), CHARACTERS, 8)
    assert not list(tmp_path.iterdir())
