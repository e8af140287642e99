"""`reidbench evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from reidbench.cli.options import (
    convention_option,
    data_root_option,
    device_option,
    far_option,
    json_option,
    output_option,
    plugin_option,
    rerank_option,
    synthetic_option,
)
from reidbench.cli.output import echo, print_listing

COLUMNS = (
    "gallery",
    "average_precision",
    "unmatched",
    "cmc",
    "queries",
    "rank1",
    "rank5",
    "map",
    "minp",
    "differs",
    "used_by",
)
PERCENT = ("rank1", "rank5", "map", "minp")


@click.command()
@click.argument("features", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-p",
    "--protocol",
    help="Protocol whose trials the labels must match [default: use the labels of the file].",
)
@data_root_option
@synthetic_option
@convention_option
@rerank_option
@far_option
@click.option(
    "--conventions",
    "convention_figures",
    is_flag=True,
    help="Also print the figures under every convention of the literature, without re-ranking.",
)
@device_option
@output_option
@plugin_option
@json_option
def evaluate(device: str, output: Path, plugin_files: tuple[Path, ...], as_json: bool, **choice: Any) -> None:
    """Compute the figures of a feature file (.h5, .npz or .mat) and write a record."""
    from reidbench.cache import Cache
    from reidbench.leaderboard import group_records, render
    from reidbench.plugin.manager import Plugins
    from reidbench.runner.device import resolve_device
    from reidbench.runner.feature_file import EvaluationRequest, evaluate_file

    request = EvaluationRequest(**choice)
    if request.protocol is None and (request.data_root or request.synthetic or request.conventions):
        raise click.UsageError("--data-root, --synthetic and --convention need a protocol; add -p")
    record, path = evaluate_file(
        request, Plugins(plugin_files), device=resolve_device(device), output=output, cache=Cache()
    )
    if as_json:
        echo(record.to_json())
        return
    echo(f"record: {path}", err=True)
    echo(render(group_records([record]), "table"))
    tables = record.convention_figures or ()
    rules = "default" if request.protocol is None else "protocol's"
    for index, table in enumerate(tables):
        search = f", search {index}" if len(tables) > 1 else ""
        echo(f"\nconventions{search} (differs: figures that differ from those of the {rules} rules):")
        print_listing([_row(convention) for convention in table], as_json=False)
        for gallery, reason in {row["gallery"]: row["reason"] for row in table if row["reason"]}.items():
            echo(f"no figures for {gallery}: {reason}")


def _row(convention: Mapping[str, Any]) -> dict[str, Any]:
    row = {name: "-" if convention[name] is None else convention[name] for name in COLUMNS}
    percent = {name: f"{100 * convention[name]:.2f}" for name in PERCENT if convention[name] is not None}
    return {**row, **percent}
