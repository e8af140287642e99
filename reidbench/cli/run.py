"""`reidbench run`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from reidbench.cli.output import (
    choice_options,
    far_option,
    json_option,
    output_option,
    plugin_option,
    print_listing,
)


def _lengths(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in value.split(",")) if value else ()
    except ValueError:
        raise click.BadParameter(f"'{value}' is not a list of numbers like 1,2,4,8") from None


@click.command()
@click.option(
    "-m", "--method", "methods", multiple=True, required=True, help="Method to run; may be repeated."
)
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
    "--trials", type=click.IntRange(min=1), help="Run only the first N trials; the record is partial."
)
@click.option("--rerank", is_flag=True, help="Re-rank with k-reciprocal neighbours; transductive.")
@click.option(
    "--lengths", callback=_lengths, help="Also test with these numbers of frames, query by gallery: 1,2,4,8."
)
@far_option
@click.option(
    "--save-features",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write embeddings and labels to this HDF5 file.",
)
@output_option
@click.option(
    "--resume/--no-resume", default=True, show_default=True, help="Use, or ignore, what the cache holds."
)
@click.option("--dry-run", is_flag=True, help="Say what would be run, and stop.")
@plugin_option
@json_option
def run(
    methods: tuple[str, ...],
    protocols: tuple[str, ...],
    train_on: str | None,
    conventions: dict[str, str],
    data_root: Path | None,
    synthetic: bool,
    preset: str | None,
    overrides: dict[str, str],
    trials: int | None,
    seed: int,
    device: str,
    rerank: bool,
    lengths: tuple[int, ...],
    fars: tuple[float, ...],
    save_features: Path | None,
    output: Path,
    resume: bool,
    dry_run: bool,
    plugin_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Run methods on protocols: train, embed, match, and write a record of each."""
    from reidbench.leaderboard import render, unplaced
    from reidbench.plugin import Plugins
    from reidbench.runner import RunRequest, Session

    requests = [
        RunRequest(
            method=method,
            protocol=protocol,
            preset=preset,
            overrides=overrides,
            data_root=data_root,
            synthetic=synthetic,
            trials=trials,
            seed=seed,
            resume=resume,
            conventions=conventions,
            train_on=train_on,
            rerank=rerank,
            lengths=lengths,
            fars=fars,
            save_features=save_features,
        )
        for protocol in protocols
        for method in methods
    ]
    session = Session(Plugins(plugin_files), device=device, output=output)
    if dry_run:
        print_listing(session.outlines(requests), as_json=as_json)
        return
    done = []
    for record, path in session.run(requests):
        done.append(record)
        if as_json:
            click.echo(json.dumps(record, ensure_ascii=False))
        else:
            click.echo(f"record: {path}", err=True)
    if not as_json:
        click.echo(render(unplaced(done), "table"))
