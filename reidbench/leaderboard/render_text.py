"""Tables of records as text: for the terminal, Markdown, CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from tabulate import tabulate

from reidbench.leaderboard.rank import Placed

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
        "synthetic data" if first["synthetic"] else "",
        "partial: not all trials" if first["partial"] else "",
        "re-ranked with the other queries (transductive)" if first["transductive"] else "",
    ]
    notes = [
        first.get("protocol_title") or first["protocol"],
        f"{len(first['trials'])} {'trial' if len(first['trials']) == 1 else 'trials'}",
        f"chance rank-1 {100 * (first['chance']['rank1'] or 0):.2f} %",
        *filter(None, marks),
    ]
    heading = f"{first['protocol']}: {'; '.join(notes)}"
    if style == "github":
        heading = f"### {_escaped(first['protocol'])}\n\n{_escaped('; '.join(notes))}\n"
    rows = [_row(placed, style) for placed in board]
    text: str = tabulate(
        rows, headers="keys", tablefmt=style, disable_numparse=True, colalign=_alignment(rows)
    )
    return f"{heading}\n{text}"


def _row(placed: Placed, style: str) -> dict[str, str]:
    record = placed.record
    name, variant = record["method"], record.get("variant") or ""
    if style == "github":
        name, variant = _escaped(name), _escaped(variant)
    cells = {"#": placed.place_text, "method": name, "settings": variant, "seed": str(record["seed"])}
    if not placed.place_text:
        del cells["#"]
    cells |= {title: _figure(record["figures"][key], key) for key, title in FIGURES.items()}
    return {**cells, "seconds": f"{record['seconds']['total']:.0f}"}


def _figure(figure: dict[str, Any], key: str) -> str:
    """Rank-1 and mAP in full, the others as means: the table must fit a page."""
    if figure["mean"] is None:
        return "-"
    text = f"{100 * figure['mean']:.1f}"
    if key not in ("rank1", "map"):
        return text
    if figure["std"] is not None:
        text += f" ± {100 * figure['std']:.1f}"
    if figure["low"] is not None:
        text += f" [{100 * figure['low']:.1f}, {100 * figure['high']:.1f}]"
    return text


def _alignment(rows: Sequence[dict[str, str]]) -> list[str]:
    return ["left" if name in ("method", "settings") else "right" for name in rows[0]]


def _csv(placed: Iterable[Placed]) -> str:
    import pandas as pd

    rows = []
    for item in placed:
        record = item.record
        row = {
            name: record.get(name)
            for name in ("protocol", "method", "variant", "seed", "synthetic", "partial")
        }
        for name, figure in record["figures"].items():
            row |= {f"{name}_{part}": figure[part] for part in ("mean", "std", "low", "high")}
        rows.append({"place": item.place_text, **row, "fingerprint": record["fingerprints"]["run"]})
    text: str = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    return text.rstrip("\n")


def _escaped(text: str) -> str:
    """Names come from records, which come from anywhere: they must not become Markdown or HTML."""
    for character in "\\`*_{}[]<>|#!&":
        text = text.replace(character, f"\\{character}" if character not in "<>&" else f"&#{ord(character)};")
    return " ".join(text.split())
