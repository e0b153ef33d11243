"""`regard data` on pairs of texts that are matched."""

from pathlib import Path

import pytest

from regard.cli.main import main
from regard.data.named_matched import KNOWN_MATCHED


def test_matched_sets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data"]) == 0
    printed = capsys.readouterr().out
    assert len(KNOWN_MATCHED) == 4
    assert all(f"│ {name} " in printed for name in KNOWN_MATCHED)


def test_a_matched_set_is_looked_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split, number in (("train", 3), ("dev", 2), ("test", 1)):
        lines = "".join(f"why ?\tso {each}\t0\n" for each in range(number))
        (tmp_path / f"WikiQASent-{split}.txt").write_text(lines, "utf-8")
    assert main(["data", "wikiqa", "--folder", str(tmp_path)]) == 0
    rows = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["train", "3", "0", "0", "why ?", "so 0"],
        ["validation", "2", "0", "0", "why ?", "so 0"],
        ["test", "1", "0", "0", "why ?", "so 0"],
    ]
