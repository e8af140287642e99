"""`reidbench verify`."""

from __future__ import annotations

from pathlib import Path

import click

from reidbench.cli.options import data_root_option, device_option, plugin_option, synthetic_option
from reidbench.cli.output import echo


@click.command()
@click.argument("record", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--features",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Also recompute the per-query values from this file of `reidbench run --save-features`.",
)
@data_root_option
@synthetic_option
@device_option
@plugin_option
def verify(
    record: Path,
    features: Path | None,
    data_root: Path | None,
    synthetic: bool,
    device: str,
    plugin_files: tuple[Path, ...],
) -> None:
    """Recompute a record; exit 1 with the differences if there are any.

    Without an option, the figures are recomputed from the per-query file. With --data-root or --synthetic, the method
    is also fitted again, without cached results.
    """
    from reidbench.plugin.manager import Plugins
    from reidbench.runner.device import resolve_device
    from reidbench.runner.verify import verify_features, verify_figures, verify_run

    if features is not None and (data_root is not None or synthetic):
        raise click.UsageError(
            "--features cannot be combined with --data-root or --synthetic; choose one of them"
        )
    if features is not None:
        result = verify_features(record, features, device=resolve_device(device))
    elif data_root is not None or synthetic:
        result = verify_run(
            record,
            Plugins(plugin_files),
            data_root=data_root,
            synthetic=synthetic,
            device=resolve_device(device),
        )
    else:
        result = verify_figures(record)
    if not result.differences:
        echo(result.summary)
        return
    for line in result.differences:
        echo(line)
    raise SystemExit(1)
