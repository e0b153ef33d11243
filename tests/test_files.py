"""A file or folder is written whole or not at all."""

import errno
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from regard.files import making, replacing

Opened = Callable[[str | Path], AbstractContextManager[Path]]


def write_and_fail(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("the disk is on fire")


def test_the_file_is_there_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "page.html"
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_failure_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="on fire"):
        write_and_fail(tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="on fire"):
        write_and_fail(path)
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["old"]


def test_a_link_keeps_pointing_to_the_file(tmp_path: Path) -> None:
    path, link = tmp_path / "page.html", tmp_path / "latest.html"
    path.write_text("old")
    link.symlink_to(path)
    with replacing(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert path.read_text() == "new"


def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not a regular file"), replacing(tmp_path):
        pass
    assert tmp_path.is_dir()


def make_and_fail(path: Path) -> None:
    with making(path) as temporary:
        (temporary / "half").write_text("half")
        raise RuntimeError("the disk is on fire")


def test_the_folder_is_there_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder"
    with making(path) as temporary:
        (temporary / "file").write_text("whole")
        assert not path.exists()
    assert (path / "file").read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_failure_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="on fire"):
        make_and_fail(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []


def test_no_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("nowhere")
    for name in (".", "file", "link"):
        with pytest.raises(FileExistsError, match="exists already"), making(tmp_path / name):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]
    assert (tmp_path / "file").read_text() == "old"


LONG = "x" * 300


def write(opened: Opened, path: str) -> None:
    with opened(path) as temporary:
        (temporary if opened is replacing else temporary / "file").write_text("whole")


@pytest.mark.parametrize("opened", [replacing, making])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        (f"{LONG}.html", f"cannot write {LONG}.html: File name too long"),
        ("file/page.html", "cannot write file/page.html: file is not a folder"),
        ("file/deep/page.html", "cannot write file/deep/page.html: file/deep is not a folder"),
    ],
)
def test_what_cannot_be_written_is_named_as_it_was_asked_for(
    opened: Opened, path: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("old")
    with pytest.raises(OSError, match=rf"^{re.escape(message)}$"):
        write(opened, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("opened", [replacing, making])
@pytest.mark.parametrize("name", [None, "within"])
def test_a_full_disk_is_told_of_the_file_that_was_asked_for(
    opened: Opened, name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="No space left on device") as caught, opened("a") as draft:
        raise OSError(errno.ENOSPC, "No space left on device", name and str(draft / name))
    named = "a/within" if name else "a"
    assert str(caught.value) == f"cannot write {named}: No space left on device"
    assert list(tmp_path.iterdir()) == []


def test_a_kind_of_error_stays_what_it_is(tmp_path: Path) -> None:
    message = r"^cannot write .*page\.html: Permission denied$"
    path = tmp_path / "page.html"
    with pytest.raises(PermissionError, match=message), replacing(path) as draft:
        raise PermissionError(errno.EACCES, "Permission denied", str(draft))


@pytest.mark.parametrize("opened", [replacing, making])
def test_what_goes_wrong_with_other_files_is_left_as_it_is(opened: Opened, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, opened(tmp_path / "page.html"):
        (tmp_path / "gone.txt").read_text()
    assert caught.value.filename == str(tmp_path / "gone.txt")
    with pytest.raises(OSError, match=r"^the server hung up$"), opened(tmp_path / "page.html"):
        raise OSError("the server hung up")


def test_a_link_to_itself_is_no_crash(tmp_path: Path) -> None:
    link = tmp_path / "page.html"
    link.symlink_to(link)
    with replacing(link) as temporary:
        temporary.write_text("whole")
    assert link.read_text() == "whole"
