"""A file or folder is written whole or not at all."""

from pathlib import Path

import pytest

from regard.files import making, replacing


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
