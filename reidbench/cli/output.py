"""How listings are printed: a table for people, one JSON array for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
WIDEST_COLUMN = 96


def json_option(function: F) -> F:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on stdout.")(
        function
    )


def plugin_option(function: F) -> F:
    """Add --plugin."""
    return click.option(
        "--plugin",
        "plugin_files",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Load a single-file plugin for this command; may be repeated.",
    )(function)


def output_option(function: F) -> F:
    """Add --output."""
    return click.option(
        "--output",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("runs"),
        show_default=True,
        help="Folder of records and logs.",
    )(function)


def assignments(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Parse name=value options."""
    pairs = [value.partition("=") for value in values]
    if wrong := [value for value, (name, sign, _) in zip(values, pairs, strict=True) if not (name and sign)]:
        raise click.BadParameter(f"'{wrong[0]}' is not of the form name=value")
    return {name.strip(): text for name, _, text in pairs}


def convention_option(function: F) -> F:
    """Add --convention."""
    return click.option(
        "--convention",
        "conventions",
        multiple=True,
        callback=assignments,
        help="Where the literature reads the protocol in several ways, take another one: name=value.",
    )(function)


def choice_options(function: F) -> F:
    """Add what chooses the settings of a method, the data of a protocol, the seed and the device."""
    added = (
        click.option(
            "--train-on", help="Take the training data of this protocol, of another dataset (transfer)."
        ),
        convention_option,
        click.option(
            "--data-root",
            type=click.Path(path_type=Path),
            help="Where datasets lie [default: $REIDBENCH_DATA].",
        ),
        click.option(
            "--synthetic",
            is_flag=True,
            help="Take a rendered tree of the same layout and size as the dataset.",
        ),
        click.option("--preset", help="Named settings of the method [default: its first]."),
        click.option(
            "--set", "overrides", multiple=True, callback=assignments, help="Change a setting: name=value."
        ),
        click.option(
            "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all training."
        ),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."),
    )
    for option in reversed(added):
        function = option(function)
    return function


def far_option(function: F) -> F:
    """Add --far."""
    return click.option(
        "--far",
        "fars",
        multiple=True,
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Also give the true accept rate at this false accept rate; may be repeated.",
    )(function)


def print_listing(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows of one shape."""
    if as_json:
        click.echo(json.dumps(list(rows), indent=1, ensure_ascii=False))
        return
    from tabulate import tabulate

    cells = [{name: _cell(value) for name, value in row.items()} for row in rows]
    widths = [WIDEST_COLUMN] * len(cells[0]) if cells else None
    click.echo(
        tabulate(cells, headers="keys", disable_numparse=True, maxcolwidths=widths) if rows else "none"
    )


def print_one(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one thing in full: as an array of one for programs, as its fields for people."""
    if as_json:
        click.echo(json.dumps([facts], indent=1, ensure_ascii=False))
        return
    for name, value in facts.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            click.echo(f"\n{name}:")
            print_listing(value, as_json=False)
        elif isinstance(value, Mapping):
            click.echo(f"\n{name}:")
            for key, inner in value.items():
                click.echo(f"  {key:<24} {inner}")
        else:
            click.echo(f"{name:<12} {_cell(value)}")


def _cell(value: Any) -> str:
    if value is None:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
