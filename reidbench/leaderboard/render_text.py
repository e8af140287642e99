"""Boards as text: tables for the terminal, Markdown and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from tabulate import tabulate

from reidbench.evaluation import Summary
from reidbench.leaderboard.marks import list_marks
from reidbench.leaderboard.notes import (
    distinguish_boards,
    note_unmatched,
    one_seed,
    training_data,
)
from reidbench.leaderboard.rank import BoardEntry
from reidbench.plugin.specs import is_audit
from reidbench.records import Record

TextFormat = Literal["table", "github", "csv"]
FIGURES = {"rank1": "rank-1", "rank5": "rank-5", "rank10": "rank-10", "rank20": "rank-20", "map": "mAP"}


def render(boards: Sequence[Sequence[BoardEntry]], form: TextFormat) -> str:
    """Return boards one after the other, each with a heading that states the protocol, its data and dropped queries.

    Figures are in percent: mean, sample standard deviation over trials, 95 % interval in brackets.
    """
    if form == "csv":
        return _csv(boards)
    titles = [f"{board[0].record.protocol}: {'; '.join(_title(board[0].record))}" for board in boards]
    differences = distinguish_boards(boards, titles)
    style = "github" if form == "github" else "simple"
    return "\n\n".join(_board(board, notes, style) for board, notes in zip(boards, differences, strict=True))


def _title(record: Record) -> list[str]:
    marks = [
        "synthetic data" if record.synthetic else "",
        "partial: not all trials" if record.partial else "",
        "re-ranked with the other queries (transductive)" if record.transductive else "",
        "audits: trivial methods, which show what solves the data" if is_audit(record.method) else "",
    ]
    return [record.protocol_title or record.protocol, *filter(None, marks)]


def _board(board: Sequence[BoardEntry], differences: Sequence[str], style: str) -> str:
    first = board[0].record
    title, *marks = _title(first)
    notes = [
        title,
        f"{_trials(first)} {'trial' if _trials(first) == 1 else 'trials'}",
        f"chance rank-1 {100 * (first.chance.rank1 or 0):.2f} %",
        *marks,
        *differences,
        *_match_notes(board),
    ]
    heading = f"{first.protocol}: {'; '.join(notes)}"
    if style == "github":
        heading = f"### {_escape(first.protocol)}\n\n{_escape('; '.join(notes))}\n"
    marks_of_rows = list_marks(board)
    rows = [
        _row(entry, data, found if any(marks_of_rows) else None, style)
        for entry, data, found in zip(board, training_data(board), marks_of_rows, strict=True)
    ]
    text: str = tabulate(
        rows, headers="keys", tablefmt=style, disable_numparse=True, colalign=_alignment(rows)
    )
    return f"{heading}\n{text}"


def _match_notes(board: Sequence[BoardEntry]) -> list[str]:
    """Return one note about queries without a match for the board, or one per record if the records differ."""
    notes = [note_unmatched(entry.record) for entry in board]
    if len(set(notes)) == 1:
        return [note for note in notes[:1] if note]
    return [f"{entry.record.method}: {note}" for entry, note in zip(board, notes, strict=True) if note]


def _row(entry: BoardEntry, trained_on: str, marks: Sequence[str] | None, style: str) -> dict[str, str]:
    """Return the cells of a row; the column of marks exists only on boards that have some."""
    record = entry.record
    name, settings = record.method, record.settings
    if style == "github":
        name, settings, trained_on = _escape(name), _escape(settings), _escape(trained_on)
    seeds = str(record.seed) if len(record.seeds) == 1 else f"{record.seeds[0]} to {record.seeds[-1]}"
    cells = {
        "#": entry.rank_text,
        "method": name,
        "settings": settings,
        "trained on": trained_on,
        "seed": seeds,
    }
    if not entry.rank_text:
        del cells["#"]
    cells |= {title: _figure(record.figures[key], key) for key, title in FIGURES.items()}
    cells["seconds"] = f"{record.seconds.total:.0f}"
    if marks is not None:
        text = "; ".join(marks)
        cells["marks"] = _escape(text) if style == "github" else text
    return cells


def _figure(figure: Summary, key: str) -> str:
    """Return rank-1 and mAP with deviation and interval, the other figures as means, so that the table fits a page."""
    if figure.mean is None:
        return "-"
    text = f"{100 * figure.mean:.1f}"
    if key not in ("rank1", "map"):
        return text
    if figure.std is not None:
        text += f" ± {100 * figure.std:.1f}"
    if figure.low is not None and figure.high is not None:
        text += f" [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"
    return text


def _trials(record: Record) -> int:
    return len(one_seed(record))


def _alignment(rows: Sequence[dict[str, str]]) -> list[str]:
    return ["left" if name in ("method", "settings", "trained on", "marks") else "right" for name in rows[0]]


def _csv(boards: Sequence[Sequence[BoardEntry]]) -> str:
    import pandas as pd

    rows = []
    entries = [
        row for board in boards for row in zip(board, training_data(board), list_marks(board), strict=True)
    ]
    for entry, trained_on, marks in entries:
        record = entry.record
        row: dict[str, Any] = {
            "protocol": record.protocol,
            "method": record.method,
            "settings": record.settings,
            "trained_on": trained_on,
            "seeds": " ".join(map(str, record.seeds)),
            "synthetic": record.synthetic,
            "partial": record.partial,
            "queries": sum(trial.queries for trial in one_seed(record)),
            "queries_without_match": sum(trial.queries_without_match for trial in one_seed(record)),
            "unmatched": record.unmatched,
            "note": note_unmatched(record),
            "marks": "; ".join(marks),
        }
        for name, figure in record.figures.items():
            row |= {f"{name}_{part}": value for part, value in asdict(figure).items()}
        rows.append({"place": entry.rank_text, **row, "fingerprint": record.fingerprints.run})
    text: str = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    return text.rstrip("\n")


def _escape(text: str) -> str:
    """Escape Markdown and HTML: records may come from untrusted sources."""
    escapes = {character: f"\\{character}" for character in "\\`*_{}[]|#!"}
    escapes |= {character: f"&#{ord(character)};" for character in "<>&"}
    return " ".join("".join(escapes.get(character, character) for character in text).split())
