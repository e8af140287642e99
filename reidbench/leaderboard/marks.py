"""Marks of the rows of a board: what a reader must know about one record."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.leaderboard.rank import BoardEntry


def list_marks(board: Sequence[BoardEntry]) -> list[list[str]]:
    """Return the marks of each row; most rows have none."""
    return [list(_mark_equal_values(entry)) for entry in board]


def _mark_equal_values(entry: BoardEntry) -> list[str]:
    return [] if entry.equal_to is None else [f"same per-query values as row {entry.equal_to}"]
