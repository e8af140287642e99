"""`reidbench evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from reidbench.cli.output import (
    convention_option,
    far_option,
    json_option,
    output_option,
    plugin_option,
    print_listing,
)

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
    "used_by",
)


@click.command()
@click.argument("features", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-p", "--protocol", help="Protocol that the labels must agree with [default: labels as they are]."
)
@click.option(
    "--data-root", type=click.Path(path_type=Path), help="Where datasets lie [default: $REIDBENCH_DATA]."
)
@click.option("--synthetic", is_flag=True, help="The protocol's data is a rendered tree.")
@convention_option
@click.option("--rerank", is_flag=True, help="Re-rank with k-reciprocal neighbours; transductive.")
@far_option
@click.option(
    "--conventions",
    "convention_figures",
    is_flag=True,
    help="Also print the figures of every convention in use, side by side.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@output_option
@plugin_option
@json_option
def evaluate(
    features: Path,
    protocol: str | None,
    data_root: Path | None,
    synthetic: bool,
    conventions: dict[str, str],
    rerank: bool,
    fars: tuple[float, ...],
    convention_figures: bool,
    device: str,
    output: Path,
    plugin_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Compute the figures of FEATURES made elsewhere (.h5, .npz or .mat) and write a record of them."""
    from reidbench.cache import Cache
    from reidbench.leaderboard import render, unplaced
    from reidbench.plugin import Plugins
    from reidbench.runner.device import resolve_device
    from reidbench.runner.feature_file import EvaluationRequest, evaluate_file

    if protocol is None and (data_root is not None or synthetic or conventions):
        raise click.UsageError("--data-root, --synthetic and --convention belong to a protocol: give -p too")
    request = EvaluationRequest(
        features=features,
        protocol=protocol,
        data_root=data_root,
        synthetic=synthetic,
        conventions=conventions,
        rerank=rerank,
        fars=fars,
        convention_figures=convention_figures,
    )
    record, path = evaluate_file(
        request, Plugins(plugin_files), device=resolve_device(device), output=output, cache=Cache()
    )
    if as_json:
        click.echo(json.dumps(record, ensure_ascii=False))
        return
    click.echo(f"record: {path}", err=True)
    click.echo(render(unplaced([record]), "table"))
    for index, table in enumerate(record.get("convention_figures", [])):
        click.echo(
            f"\nconventions, search {index}:" if len(record["convention_figures"]) > 1 else "\nconventions:"
        )
        print_listing([_row(convention) for convention in table], as_json=False)


def _row(convention: dict[str, Any]) -> dict[str, Any]:
    row = {name: convention[name] for name in COLUMNS}
    for name in ("rank1", "rank5", "map", "minp"):
        row[name] = "-" if row[name] is None else f"{100 * row[name]:.2f}"
    return row
