"""Leaderboards: boards of records, and their tables."""

from reidbench.leaderboard.marks import list_marks
from reidbench.leaderboard.notes import note_unmatched
from reidbench.leaderboard.rank import BoardEntry, group_records, rank_boards
from reidbench.leaderboard.render_text import render

__all__ = ["BoardEntry", "group_records", "list_marks", "note_unmatched", "rank_boards", "render"]
