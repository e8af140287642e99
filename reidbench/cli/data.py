"""`reidbench data synthesize | verify | extract`."""

from __future__ import annotations

from pathlib import Path

import click

from reidbench.cli.output import json_option, plugin_option, print_one


@click.group()
def data() -> None:
    """Make and check datasets."""


@data.command()
@click.argument("dataset")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Data root to write to."
)
@click.option("--people", type=int, help="Number of people [default: as many as the official dataset has].")
@click.option("--frames", type=int, help="Frames of every tracklet [default: as many as the real ones].")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--labels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of official label files to follow: people, cameras and names become the real ones.",
)
@click.option(
    "--masks", is_flag=True, help="Write a mask of each frame: 0 background, 1 person, 2 in front of it."
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes [default: one for each core].")
@plugin_option
def synthesize(
    dataset: str,
    out: Path,
    people: int | None,
    frames: int | None,
    seed: int,
    labels: Path | None,
    masks: bool,
    workers: int | None,
    plugin_files: tuple[Path, ...],
) -> None:
    """Render walking pedestrians in the official layout of DATASET."""
    from reidbench.plugin import Plugins
    from reidbench.runner.data import render_dataset

    spec = Plugins(plugin_files).dataset(dataset)
    settings = {"people": people, "frames": frames, "seed": seed, "labels": labels, "masks": masks}
    click.echo(render_dataset(spec, out, settings, workers=workers))


@data.command()
@click.argument("dataset")
@click.option(
    "--data-root", type=click.Path(path_type=Path), help="Where datasets lie [default: $REIDBENCH_DATA]."
)
@click.option("--deep", is_flag=True, help="Also decode every frame and hash all contents.")
@plugin_option
@json_option
def verify(
    dataset: str, data_root: Path | None, deep: bool, plugin_files: tuple[Path, ...], as_json: bool
) -> None:
    """Compare a tree with the published DATASET; exit 1 and the differences when it is another."""
    from dataclasses import asdict

    from reidbench.datasets.verify import verify as compare
    from reidbench.plugin import Plugins
    from reidbench.runner.data import find_dataset

    reader, folder = find_dataset(Plugins(plugin_files).dataset(dataset), data_root)
    found = compare(reader, folder, deep=deep)
    facts = {
        "dataset": dataset,
        "folder": str(folder),
        "holds": found.holds,
        "contents_digest": found.contents_digest,
        "findings": [asdict(finding) for finding in found.findings],
        "counts": [{"part": part or "all", **_counts(counts)} for part, counts in found.counts.items()],
    }
    print_one(facts, as_json=as_json)
    if not found.holds:
        raise SystemExit(1)


@data.command()
@click.argument("dataset", type=click.Choice(["cuhk03"]))
@click.option(
    "--data-root", type=click.Path(path_type=Path), help="Where datasets lie [default: $REIDBENCH_DATA]."
)
def extract(dataset: str, data_root: Path | None) -> None:
    """Write the images of DATASET out of its archive file, where it comes as one."""
    from reidbench.datasets.extract_cuhk03 import extract as write_images
    from reidbench.plugin import Plugins
    from reidbench.runner.data import find_dataset

    _, folder = find_dataset(Plugins().dataset(dataset), data_root)
    click.echo(f"{write_images(folder)} images written below {folder}")


def _counts(counts: object) -> dict[str, object]:
    from dataclasses import asdict

    facts = asdict(counts)  # type: ignore[call-overload]
    return {name: value for name, value in facts.items() if name != "exact"}
