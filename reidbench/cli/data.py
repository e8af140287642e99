"""`reidbench data synthesize`."""

from __future__ import annotations

from pathlib import Path

import click

LAYOUTS = ("ilids-vid",)


@click.group()
def data() -> None:
    """Make datasets."""


@data.command()
@click.argument("layout", type=click.Choice(LAYOUTS))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Data root to write to."
)
@click.option("--people", type=int, default=300, show_default=True, help="Number of people.")
@click.option("--frames", type=int, help="Frames of every tracklet [default: 23 to 192, as the real ones].")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--masks", is_flag=True, help="Write a mask of each frame: 0 background, 1 person, 2 in front of it."
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes [default: one for each core].")
def synthesize(
    layout: str, out: Path, people: int, frames: int | None, seed: int, masks: bool, workers: int | None
) -> None:
    """Render walking pedestrians in the official LAYOUT of a dataset."""
    from reidbench.datasets.synthetic import SyntheticSettings, synthesize_ilids_vid

    settings = SyntheticSettings(people=people, frames=frames, seed=seed, masks=masks)
    click.echo(synthesize_ilids_vid(out, settings, workers=workers))
