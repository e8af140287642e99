"""Marks of the rows of a board: what a reader must know about one record."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.leaderboard.notes import DIGEST_LENGTH, find_other_contents
from reidbench.leaderboard.rank import BoardEntry


def list_marks(board: Sequence[BoardEntry]) -> list[list[str]]:
    """Return the marks of each row; most rows have none."""
    contents = map(_mark_other_contents, find_other_contents(board))
    return [[*_mark_equal_values(entry), *other] for entry, other in zip(board, contents, strict=True)]


def _mark_equal_values(entry: BoardEntry) -> list[str]:
    return [] if entry.equal_to is None else [f"same per-query values as row {entry.equal_to}"]


def _mark_other_contents(contents: str | None) -> list[str]:
    if contents is None:
        return []
    return [f"tested on other contents ({contents[:DIGEST_LENGTH]}) than the reference"]
