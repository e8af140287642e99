"""`reidbench leaderboard show`."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group()
def leaderboard() -> None:
    """Compare records."""


@leaderboard.command()
@click.option("-p", "--protocol", "protocols", multiple=True, help="Only this protocol; may be repeated.")
@click.option(
    "--format", "form", type=click.Choice(["table", "github", "csv", "json"]), default="table", show_default=True,
    help="github is Markdown.",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), default=Path("runs"), show_default=True,
    help="Folder of records, as `reidbench run` writes it.",
)  # fmt: skip
def show(protocols: tuple[str, ...], form: str, output: Path) -> None:
    """Print a table of the records of each protocol, best first; complete runs only."""
    from reidbench.leaderboard import boards, render
    from reidbench.records import read_records

    found = boards(read_records(output, protocols))
    if form == "json":
        rows = [
            {"place": placed.place_text, **placed.record.to_plain()} for board in found for placed in board
        ]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    elif found:
        click.echo(render(found, form))  # type: ignore[arg-type]
    else:
        click.echo(f"no complete records below {output / 'records'}; `reidbench run` writes them", err=True)
