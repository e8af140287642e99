"""Marks of the rows of a board: what a reader must know about one record."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.leaderboard.rank import BoardEntry


def list_marks(board: Sequence[BoardEntry]) -> list[list[str]]:
    """Return the marks of each row; most rows have none."""
    return [list(_mark_equal_values(entry)) for entry in board]


def _mark_equal_values(entry: BoardEntry) -> list[str]:
    other = entry.equal_to
    return (
        [] if other is None else [f"same per-query values as {other.method}, {other.settings}".rstrip(", ")]
    )
