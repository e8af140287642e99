"""`reidbench leaderboard show`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from reidbench.cli.output import echo


@click.group()
def leaderboard() -> None:
    """Compare records on leaderboards."""


@leaderboard.command()
@click.option(
    "-p", "--protocol", "protocols", multiple=True, help="Show only this protocol; may be repeated."
)
@click.option(
    "--format", "form", type=click.Choice(["table", "github", "csv", "json"]), default="table", show_default=True,
    help="Output format; github is Markdown.",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), default=Path("runs"), show_default=True,
    help="Directory with the records of `reidbench run`.",
)  # fmt: skip
def show(protocols: tuple[str, ...], form: str, output: Path) -> None:
    """Print one board per protocol, best record first. Partial runs are omitted."""
    from reidbench.leaderboard import list_marks, note_unmatched, rank_boards, render
    from reidbench.records import read_records

    boards = rank_boards(read_records(output, protocols))
    if form == "json":
        rows = [
            {
                "place": entry.rank_text,
                "note": note_unmatched(entry.record),
                "marks": marks,
                **entry.record.to_plain(),
            }
            for board in boards
            for entry, marks in zip(board, list_marks(board), strict=True)
        ]
        echo(json.dumps(rows, indent=1, ensure_ascii=False))
    elif boards:
        echo(render(boards, form))  # type: ignore[arg-type]
    else:
        echo(f"no complete records in {output / 'records'}; run `reidbench run` first", err=True)
