"""Records with equal per-query values on one board, and records with other queries."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from reidbench.leaderboard import list_marks, rank_boards, render
from reidbench.records import Record

from .board_records import record


def rewrite(item: tuple[Path, Record], table: pd.DataFrame) -> tuple[Path, Record]:
    """Write another per-query file for a record."""
    path, written = item
    side = table.to_csv(index=False)
    path.with_name(f"{written.method}.per_query.csv").write_text(side)
    assert written.per_query is not None
    digest = hashlib.sha256(side.encode()).hexdigest()
    return path, replace(written, per_query=replace(written.per_query, sha256=digest))


def test_equal_values_count_once_in_the_correction(tmp_path: Path) -> None:
    # p = 0.03 for one test, which is not significant among the three tests of three rows.
    (board,) = rank_boards(
        [record(tmp_path, "a", 36), record(tmp_path, "copy", 36), record(tmp_path, "b", 30)]
    )

    assert [(entry.record.method, entry.rank_text) for entry in board] == [
        ("a", "1="),
        ("copy", "1="),
        ("b", "3"),
    ]


def test_equal_values_are_marked_in_every_format(tmp_path: Path) -> None:
    boards = rank_boards([record(tmp_path, "a", 36), record(tmp_path, "copy", 36), record(tmp_path, "b", 30)])

    assert list_marks(boards[0]) == [[], ["same per-query values as row 1"], []]
    for form in ("table", "github", "csv"):
        assert render(boards, form).count("same per-query values as row 1") == 1


def test_boards_without_equal_values_have_no_column_of_marks(tmp_path: Path) -> None:
    boards = rank_boards([record(tmp_path, "a", 36), record(tmp_path, "b", 30)])

    assert "marks" not in render(boards, "table")


def test_order_of_queries_and_numbers_of_cameras_do_not_matter(tmp_path: Path) -> None:
    first, second = record(tmp_path, "a", 36), record(tmp_path, "shuffled", 36)
    table = pd.read_csv(tmp_path / "shuffled.per_query.csv")
    shuffled = table.sample(frac=1, random_state=0).assign(camid=9)

    (board,) = rank_boards([first, rewrite(second, shuffled)])

    assert list_marks(board) == [[], ["same per-query values as row 1"]]


def test_equal_figures_of_other_queries_are_not_marked(tmp_path: Path) -> None:
    (board,) = rank_boards([record(tmp_path, "a", 30), record(tmp_path, "b", 30, shift=7)])

    assert list_marks(board) == [[], []]


def test_record_with_other_queries_is_left_out_with_one_warning_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = record(tmp_path, "other", 50)
    table = pd.read_csv(tmp_path / "other.per_query.csv")
    other = rewrite(other, table.assign(pid=table["pid"] + 100))

    (board,) = rank_boards([record(tmp_path, "a", 36), other, record(tmp_path, "b", 30)])

    assert [entry.record.method for entry in board] == ["a", "b"]
    (line,) = caplog.messages
    assert "other.json has other queries" in line
