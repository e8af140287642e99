"""`reidbench plot attention`."""

from __future__ import annotations

from pathlib import Path

import click

from reidbench.cli.output import choice_options, plugin_option


@click.group()
def plot() -> None:
    """Draw what a fitted method does."""


@plot.command()
@click.option("-m", "--method", required=True, help="Method whose attention is drawn.")
@click.option("-p", "--protocol", required=True, help="Protocol; its first trial is drawn.")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Picture to write: .png, .pdf or .svg.",
)
@click.option(
    "--tracklets",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Number of test tracklets, evenly chosen.",
)
@choice_options
@plugin_option
def attention(
    method: str,
    protocol: str,
    out: Path,
    tracklets: int,
    train_on: str | None,
    conventions: dict[str, str],
    data_root: Path | None,
    synthetic: bool,
    preset: str | None,
    overrides: dict[str, str],
    seed: int,
    device: str,
    plugin_files: tuple[Path, ...],
) -> None:
    """Draw where and when a method looks: frames with heat over them, weights of the frames below."""
    from reidbench.cache import Cache
    from reidbench.plugin import Plugins, Runtime
    from reidbench.progress import is_terminal
    from reidbench.runner import RunRequest
    from reidbench.runner.attention_picture import draw_attention
    from reidbench.runner.device import resolve_device

    request = RunRequest(
        method=method,
        protocol=protocol,
        preset=preset,
        overrides=overrides,
        data_root=data_root,
        synthetic=synthetic,
        seed=seed,
        conventions=conventions,
        train_on=train_on,
    )
    runtime = Runtime(device=resolve_device(device), progress=is_terminal())
    draw_attention(request, Plugins(plugin_files), runtime, cache=Cache(), out=out, tracklets=tracklets)
    click.echo(out)
