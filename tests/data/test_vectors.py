import gzip
from pathlib import Path

import pytest
import torch

from regard.data import DataError, Tokenizer, read_vectors

WORDS = Tokenizer.words(["the cat sat . . . on mats"], min_frequency=1)
GLOVE = "the 1 2 3\n. . . 9 9 9\ncat -1 0.5 2e-1\nunknown 7 7 7\nthe 4 4 4\n<pad> 8 8 8\n"
FOUND = {"the": [1.0, 2.0, 3.0], "cat": [-1.0, 0.5, 0.2]}


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def assert_read(path: Path) -> None:
    rows, is_found = read_vectors(path, WORDS)
    assert rows.shape == (WORDS.vocab_size, 3)
    assert rows.dtype == torch.float32
    assert int(is_found.sum()) == len(FOUND)
    for id_, word in enumerate(WORDS.id_tokens(range(WORDS.vocab_size))):
        assert is_found[id_] == (word in FOUND)
        torch.testing.assert_close(rows[id_], torch.tensor(FOUND.get(word, [0.0] * 3)))


def test_glove_is_read(tmp_path: Path) -> None:
    assert_read(write(tmp_path / "glove.txt", GLOVE))


def test_word2vec_is_read(tmp_path: Path) -> None:
    assert_read(write(tmp_path / "w2v.txt", "6 3\n" + GLOVE.replace("\n", " \n")))


def test_a_file_may_be_gzip(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt.gz"
    path.write_bytes(gzip.compress(GLOVE.encode()))
    assert_read(path)


@pytest.mark.parametrize("line", ["cat 1 2", "dog 1 2", "cat 1 2 3 4", "dog 1 2 3 4", "cat", ""])
@pytest.mark.parametrize("header", ["", "2 3\n"])
def test_a_line_of_another_width_is_named(tmp_path: Path, header: str, line: str) -> None:
    path = write(tmp_path / "bad.txt", f"{header}the 1 2 3\n{line}\n")
    number = 3 if header else 2
    with pytest.raises(DataError, match=rf"bad\.txt, line {number}: found \d numbers, where .+ 3$"):
        read_vectors(path, WORDS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cat 1 x 3", "could not convert string to float: 'x'"),
        ("cat 1 nan 3", "a number is not finite"),
        ("cat 1 inf 3", "a number is not finite"),
    ],
)
def test_what_is_not_a_number_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "bad.txt", f"the 1 2 3\n{line}\n")
    with pytest.raises(DataError, match=rf"bad\.txt, line 2: {message}$"):
        read_vectors(path, WORDS)


def test_bytes_that_are_not_utf_8_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(b"the 1 2 3\nsch\xf6n 1 2 3\n")
    with pytest.raises(DataError, match=r"bad\.txt, line 2: not UTF-8"):
        read_vectors(path, WORDS)


@pytest.mark.parametrize("text", ["", "400000 300\n"])
def test_a_file_without_vectors_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"none\.txt: no vectors in it$"):
        read_vectors(write(tmp_path / "none.txt", text), WORDS)


def test_a_file_that_is_no_vectors_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "words.txt", "the\ncat\n")
    message = r"words\.txt, line 1: expected a word and its numbers, got 'the'$"
    with pytest.raises(DataError, match=message):
        read_vectors(path, WORDS)


def test_no_word_in_common_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "latin.txt", "felis 1 2\nThe 1 2\n")
    with pytest.raises(DataError, match=r"latin\.txt: none of its 2 words is in the vocabulary;"):
        read_vectors(path, WORDS)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.txt: no such file$"):
        read_vectors(tmp_path / "gone.txt", WORDS)
