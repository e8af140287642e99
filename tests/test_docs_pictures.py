from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2

SCRIPT = Path(__file__).parent.parent / "docs/images/draw_contact_sheet.py"


def draw(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )


def test_contact_sheet_has_two_rows_per_person(tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"

    finished = draw("--people", "2", "--frames", "3", "--tree-people", "2", "--out", str(out))

    assert finished.returncode == 0, finished.stderr
    sheet = cv2.imread(str(out))
    assert sheet is not None
    assert sheet.shape == (4 * (256 + 4), 84 + 4 + 3 * (128 + 4), 3)


def test_contact_sheet_reports_a_path_it_cannot_write(tmp_path: Path) -> None:
    out = tmp_path / "absent" / "sheet.png"

    finished = draw("--people", "1", "--frames", "1", "--tree-people", "2", "--out", str(out))

    assert finished.returncode == 1
    assert f"cannot write {out}" in finished.stderr


def test_contact_sheet_needs_at_least_one_person(tmp_path: Path) -> None:
    finished = draw("--people", "0", "--out", str(tmp_path / "sheet.png"))

    assert finished.returncode == 2
    assert "must be at least 1, got 0" in finished.stderr
