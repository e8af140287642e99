"""`reidbench run`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reidbench.cli.options import (
    choice_options,
    far_option,
    json_option,
    output_option,
    parse_lengths,
    plugin_option,
    rerank_option,
)
from reidbench.cli.output import echo, print_listing


@click.command()
@click.option("-m", "--method", "methods", multiple=True, required=True, help="Method; may be repeated.")
@click.option(
    "-p",
    "--protocol",
    "--test-on",
    "protocols",
    multiple=True,
    required=True,
    help="Protocol; may be repeated.",
)
@choice_options
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Train with N seeds, from --seed on; one record reports all of them.",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    metavar="N",
    help="Run only the first N trials; the record is partial.",
)
@rerank_option
@click.option(
    "--lengths",
    callback=parse_lengths,
    help="Also test with these numbers of query and gallery frames, for example 1,2,4,8.",
)
@far_option
@click.option(
    "--save-features",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write embeddings and labels to this HDF5 file.",
)
@output_option
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Use cached results, or recompute everything.",
)
@click.option(
    "--isolate",
    is_flag=True,
    help="Run each fit and each trial's embedding in a process without labels of tested tracklets.",
)
@click.option("--dry-run", is_flag=True, help="Print the planned runs and exit.")
@plugin_option
@json_option
def run(
    methods: tuple[str, ...],
    protocols: tuple[str, ...],
    device: str,
    output: Path,
    dry_run: bool,
    plugin_files: tuple[Path, ...],
    as_json: bool,
    **choice: Any,
) -> None:
    """Run methods on protocols: train, embed, match, and write one record per run."""
    from reidbench.leaderboard import group_records, render
    from reidbench.plugin.manager import Plugins
    from reidbench.runner import RunRequest, Session

    requests = [
        RunRequest(method=method, protocol=protocol, **choice) for protocol in protocols for method in methods
    ]
    session = Session(Plugins(plugin_files), device=device, output=output)
    if dry_run:
        print_listing(session.outline(requests), as_json=as_json)
        return
    records = []
    for record, path in session.run(requests):
        records.append(record)
        if as_json:
            echo(record.to_json())
        else:
            echo(f"record: {path}", err=True)
    if not as_json:
        echo(render(group_records(records), "table"))
