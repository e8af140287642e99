"""`reidbench cache list | verify | prune`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from reidbench.cli.options import json_option
from reidbench.cli.output import echo, print_listing


@click.group()
def cache() -> None:
    """List, verify and prune the cache."""


@cache.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the entries of the cache by version and kind, with their size."""
    from dataclasses import asdict

    from reidbench.cache import Cache
    from reidbench.runner.cache_contents import describe_older, measure

    opened = Cache()
    _print_sizes([asdict(size) for size in measure(opened)], as_json=as_json)
    if line := describe_older(opened):
        echo(line, err=True)


@cache.command()
@json_option
def verify(as_json: bool) -> None:
    """Compare every entry with its digest, and list the damaged ones; exit 1 if there is one."""
    from reidbench.cache import Cache
    from reidbench.runner.cache_contents import find_damaged

    damaged = [{"entry": str(path), "problem": problem} for path, problem in find_damaged(Cache())]
    print_listing(damaged, as_json=as_json)
    if damaged:
        raise SystemExit(1)


@cache.command()
@click.option("--all", "everything", is_flag=True, help="Also delete the intact entries of this version.")
@click.option("--dry-run", is_flag=True, help="Print what would be deleted and exit.")
@json_option
def prune(everything: bool, dry_run: bool, as_json: bool) -> None:
    """Delete entries of older versions, damaged entries, and temporary files of killed runs."""
    from dataclasses import asdict

    from reidbench.cache import Cache
    from reidbench.runner.cache_contents import prune as delete

    _print_sizes(
        [asdict(size) for size in delete(Cache(), everything=everything, dry_run=dry_run)], as_json=as_json
    )


def _print_sizes(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    from reidbench.runner.cache_contents import format_bytes

    if not as_json:
        rows = [{**row, "bytes": format_bytes(row["bytes"])} for row in rows]
    print_listing(rows, as_json=as_json)
