"""Marks of the rows of a board: what a reader must know about one record."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.datasets.marker import RENDERER_VERSION
from reidbench.leaderboard.notes import DIGEST_LENGTH, find_other_contents
from reidbench.leaderboard.rank import BoardEntry
from reidbench.records import DataSource


def list_marks(board: Sequence[BoardEntry]) -> list[list[str]]:
    """Return the marks of each row; most rows have none."""
    contents = map(_mark_other_contents, find_other_contents(board))
    return [
        [*_mark_equal_values(entry), *other, *_mark_old_renderer(entry.record.tested_on)]
        for entry, other in zip(board, contents, strict=True)
    ]


def _mark_equal_values(entry: BoardEntry) -> list[str]:
    return [] if entry.equal_to is None else [f"same per-query values as row {entry.equal_to}"]


def _mark_other_contents(contents: str | None) -> list[str]:
    if contents is None:
        return []
    return [f"tested on other contents ({contents[:DIGEST_LENGTH]}) than the reference"]


def _mark_old_renderer(source: DataSource) -> list[str]:
    """Return a mark for rendered people of another version, on which methods rank differently."""
    version = source.renderer or "1"
    if not source.synthetic or version == RENDERER_VERSION:
        return []
    return [f"people rendered by version {version} of the renderer, now {RENDERER_VERSION}"]
