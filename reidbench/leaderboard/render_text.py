"""Tables of records as text: for the terminal, Markdown, CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Literal

from tabulate import tabulate

from reidbench.evaluation import Summary
from reidbench.leaderboard.rank import Placed
from reidbench.records import Record

TextFormat = Literal["table", "github", "csv"]
FIGURES = {"rank1": "rank-1", "rank5": "rank-5", "rank10": "rank-10", "rank20": "rank-20", "map": "mAP"}


def render(boards: Sequence[Sequence[Placed]], form: TextFormat) -> str:
    """Return boards one below the other, each under a line that says what was measured.

    Figures are in percent: mean, sample standard deviation over trials, 95 % interval in brackets.
    """
    if form == "csv":
        return _csv([placed for board in boards for placed in board])
    return "\n\n".join(_board(board, "github" if form == "github" else "simple") for board in boards)


def _board(board: Sequence[Placed], style: str) -> str:
    first = board[0].record
    marks = [
        "synthetic data" if first.synthetic else "",
        "partial: not all trials" if first.partial else "",
        "re-ranked with the other queries (transductive)" if first.transductive else "",
    ]
    notes = [
        first.protocol_title or first.protocol,
        f"{_trials(first)} {'trial' if _trials(first) == 1 else 'trials'}",
        f"chance rank-1 {100 * (first.chance.rank1 or 0):.2f} %",
        *filter(None, marks),
    ]
    heading = f"{first.protocol}: {'; '.join(notes)}"
    if style == "github":
        heading = f"### {_escape(first.protocol)}\n\n{_escape('; '.join(notes))}\n"
    rows = [_row(placed, style) for placed in board]
    text: str = tabulate(
        rows, headers="keys", tablefmt=style, disable_numparse=True, colalign=_alignment(rows)
    )
    return f"{heading}\n{text}"


def _row(placed: Placed, style: str) -> dict[str, str]:
    record = placed.record
    name, settings = record.method, record.settings
    if style == "github":
        name, settings = _escape(name), _escape(settings)
    seeds = str(record.seed) if len(record.seeds) == 1 else f"{record.seeds[0]} to {record.seeds[-1]}"
    cells = {"#": placed.place_text, "method": name, "settings": settings, "seed": seeds}
    if not placed.place_text:
        del cells["#"]
    cells |= {title: _figure(record.figures[key], key) for key, title in FIGURES.items()}
    return {**cells, "seconds": f"{record.seconds.total:.0f}"}


def _figure(figure: Summary, key: str) -> str:
    """Rank-1 and mAP in full, the others as means: the table must fit a page."""
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
    return len({trial.trial for trial in record.trials})


def _alignment(rows: Sequence[dict[str, str]]) -> list[str]:
    return ["left" if name in ("method", "settings") else "right" for name in rows[0]]


def _csv(placed: Iterable[Placed]) -> str:
    import pandas as pd

    rows = []
    for item in placed:
        record = item.record
        row: dict[str, Any] = {
            "protocol": record.protocol,
            "method": record.method,
            "settings": record.settings,
            "seeds": " ".join(map(str, record.seeds)),
            "synthetic": record.synthetic,
            "partial": record.partial,
        }
        for name, figure in record.figures.items():
            row |= {f"{name}_{part}": value for part, value in asdict(figure).items()}
        rows.append({"place": item.place_text, **row, "fingerprint": record.fingerprints.run})
    text: str = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    return text.rstrip("\n")


def _escape(text: str) -> str:
    """Names come from records, which come from anywhere: they must not become Markdown or HTML."""
    for character in "\\`*_{}[]<>|#!&":
        text = text.replace(character, f"\\{character}" if character not in "<>&" else f"&#{ord(character)};")
    return " ".join(text.split())
