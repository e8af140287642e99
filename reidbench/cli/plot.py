"""`reidbench plot attention`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reidbench.cli.options import choice_options, plugin_option
from reidbench.cli.output import echo


@click.group()
def plot() -> None:
    """Draw figures of fitted methods."""


@plot.command()
@click.option("-m", "--method", required=True, help="Method with attention.")
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
def attention(out: Path, tracklets: int, device: str, plugin_files: tuple[Path, ...], **choice: Any) -> None:
    """Draw the attention of a method: heat maps over frames and the weights of the frames."""
    from reidbench.cache import Cache
    from reidbench.plugin import Runtime
    from reidbench.plugin.manager import Plugins
    from reidbench.runner import RunRequest
    from reidbench.runner.attention_picture import draw_attention
    from reidbench.runner.device import resolve_device

    runtime = Runtime(device=resolve_device(device), progress=True)
    request = RunRequest(**choice)
    draw_attention(request, Plugins(plugin_files), runtime, cache=Cache(), out=out, tracklets=tracklets)
    echo(out)
