"""Leaderboards: records in, tables out."""

from reidbench.leaderboard.rank import Placed, boards, unplaced
from reidbench.leaderboard.render_text import render

__all__ = ["Placed", "boards", "render", "unplaced"]
