import gzip
from pathlib import Path

import pytest

from regard.data import DataError, read_lines


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["text.de", "text.de.gz"])
@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("ein Haus\nzwei Häuser\n", ["ein Haus", "zwei Häuser"]),
        ("no line feed\nat the end", ["no line feed", "at the end"]),
        ("empty\n\nlines\n\n", ["empty", "", "lines", ""]),
        ("from\r\nWindows\r\n", ["from", "Windows"]),
        ("\ufeffbehind a mark\n", ["behind a mark"]),
        ("one\u2028line\x0cto\x85us\rall\n", ["one\u2028line\x0cto\x85us\rall"]),
        ("", []),
    ],
)
def test_lines_are_read_as_they_stand(
    tmp_path: Path, name: str, content: str, lines: list[str]
) -> None:
    assert read_lines(write(tmp_path / name, content.encode())) == lines


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.de: no such file$"):
        read_lines(tmp_path / "gone.de")


def test_a_directory_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a directory; expected a file$"):
        read_lines(tmp_path)


def test_what_the_system_refuses_is_said(tmp_path: Path) -> None:
    file = write(tmp_path / "file", b"")
    with pytest.raises(DataError, match=r"below: cannot be read \(Not a directory\)$"):
        read_lines(file / "below")


@pytest.mark.parametrize("name", ["text.de", "text.de.gz"])
def test_a_line_that_is_not_utf_8_is_named(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, b"gut\nsch\xf6n\n")
    message = rf"{name}, line 2: not UTF-8 \(byte 0xf6 at position 4\); convert the file to UTF-8$"
    with pytest.raises(DataError, match=message):
        read_lines(path)


def broken(content: bytes) -> dict[str, bytes]:
    whole = gzip.compress(content)
    return {
        "not gzip at all": content,
        "cut off": whole[:-12],
        "damaged inside": whole[:30] + bytes(30) + whole[60:],
    }


@pytest.mark.parametrize("fault", broken(b""))
def test_broken_gzip_is_named(tmp_path: Path, fault: str) -> None:
    content = "".join(f"line {number}\n" for number in range(1_000)).encode()
    path = tmp_path / "text.gz"
    path.write_bytes(broken(content)[fault])
    with pytest.raises(DataError, match=r"text\.gz: broken gzip file \(.+\)$"):
        read_lines(path)


def test_every_message_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        read_lines(tmp_path / "gone")
    assert "\n" not in str(raised.value)
