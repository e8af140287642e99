"""Output of listings: a table for people, one JSON array for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from reidbench.errors import make_printable

MAX_COLUMN_WIDTH = 96


def echo(text: object, *, err: bool = False) -> None:
    """Print a text on stdout, or on stderr; control characters are escaped, since values may come from outside."""
    click.echo(make_printable(str(text)), err=err)


def print_listing(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows with the same keys."""
    if as_json:
        echo(json.dumps(list(rows), indent=1, ensure_ascii=False))
        return
    from tabulate import tabulate

    cells = [{name: _format_cell(value) for name, value in row.items()} for row in rows]
    widths = [MAX_COLUMN_WIDTH] * len(cells[0]) if cells else None
    echo(tabulate(cells, headers="keys", disable_numparse=True, maxcolwidths=widths) if rows else "none")


def print_item(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one item in full: as an array of one for programs, field by field for people."""
    if as_json:
        echo(json.dumps([facts], indent=1, ensure_ascii=False))
        return
    for name, value in facts.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            echo(f"\n{name}:")
            print_listing(value, as_json=False)
        elif isinstance(value, Mapping):
            echo(f"\n{name}:")
            for key, inner in value.items():
                echo(f"  {key:<24} {inner}")
        else:
            echo(f"{name:<12} {_format_cell(value)}")


def _format_cell(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        # tabulate wraps columns by converting "False" to a bool, which gives "True".
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
