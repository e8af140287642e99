"""`reidbench data synthesize | verify | audit | extract`."""

from __future__ import annotations

from pathlib import Path

import click

from reidbench.cli.options import (
    data_root_option,
    json_option,
    plugin_option,
    seed_option,
    synthetic_option,
)
from reidbench.cli.output import echo, print_item, print_listing


@click.group()
def data() -> None:
    """Render, verify, audit and extract datasets."""


@data.command()
@click.argument("dataset")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Data root for the rendered dataset.",
)
@click.option("--people", type=int, help="Number of people [default: as in the official dataset].")
@click.option(
    "--frames", type=int, help="Frames per tracklet [default: lengths like those of the real tracklets]."
)
@seed_option
@click.option(
    "--labels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of official label files; the rendered people, cameras and file names follow them.",
)
@click.option(
    "--masks", is_flag=True, help="Also write a mask per frame: 0 background, 1 person, 2 object in front."
)
@click.option(
    "--workers", type=click.IntRange(min=1), help="Number of processes [default: up to one per core]."
)
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
    """Render walking people in the official layout of DATASET, and print the folder."""
    from reidbench.plugin.manager import Plugins
    from reidbench.runner.data import render_dataset

    spec = Plugins(plugin_files).dataset(dataset)
    settings = {"people": people, "frames": frames, "seed": seed, "labels": labels, "masks": masks}
    echo(render_dataset(spec, out, settings, workers=workers))


@data.command()
@click.argument("dataset")
@data_root_option
@click.option(
    "--deep", is_flag=True, help="Also decode every frame, hash all files and compare their digests."
)
@click.option(
    "--update", is_flag=True, help="With --deep: store the digests of a real tree for later comparisons."
)
@plugin_option
@json_option
def verify(
    dataset: str,
    data_root: Path | None,
    deep: bool,
    update: bool,
    plugin_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Compare a tree with the published DATASET, or a rendered tree with its marker; exit 1 if it differs."""
    from dataclasses import asdict

    from reidbench.cache import Cache
    from reidbench.datasets.verify import verify as compare
    from reidbench.plugin.manager import Plugins
    from reidbench.runner.data import find_dataset

    if update and not deep:
        raise click.UsageError("--update needs --deep, which hashes the files")
    reader, folder = find_dataset(Plugins(plugin_files).dataset(dataset), data_root)
    verification = compare(reader, folder, deep=deep, update=update, memory=Cache().digests(folder))
    digests = verification.digests
    facts = {
        "dataset": dataset,
        "folder": str(folder),
        "synthetic": verification.is_synthetic,
        "holds": verification.holds,
        "labels_digest": None if digests is None else digests.labels,
        "contents_digest": None if digests is None else digests.contents,
        "findings": [asdict(finding) for finding in verification.findings],
        "counts": [
            {"part": part or "all", **_counts(counts)} for part, counts in verification.counts.items()
        ],
        "marker": verification.describe_marker(),
    }
    print_item(facts, as_json=as_json)
    if not verification.holds:
        raise SystemExit(1)


@data.command()
@click.argument("target", metavar="PROTOCOL|DATASET")
@data_root_option
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The folder of the dataset itself, with any name, instead of --data-root.",
)
@synthetic_option
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also draw the report: .png, .pdf or .svg.",
)
@plugin_option
@json_option
def audit(
    target: str,
    data_root: Path | None,
    folder: Path | None,
    synthetic: bool,
    picture: Path | None,
    plugin_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show which shortcuts solve a dataset: trivial methods under the rules of a protocol."""
    import json

    from reidbench.audit import AuditRequest, check_picture, draw_report, run_audits
    from reidbench.cache import Cache
    from reidbench.plugin.manager import Plugins

    if picture is not None:
        check_picture(picture)
    request = AuditRequest(target=target, data_root=data_root, synthetic=synthetic, folder=folder)
    report = run_audits(request, Plugins(plugin_files), Cache())
    if picture is not None:
        draw_report(report, picture)
    if as_json:
        echo(json.dumps(report.to_json(), indent=1))
        return
    echo(report.title)
    print_listing(report.to_table(), as_json=False)
    echo("\n" + "\n".join(report.list_sentences()))


@data.command()
@click.argument("dataset", type=click.Choice(["cuhk03"]))
@data_root_option
def extract(dataset: str, data_root: Path | None) -> None:
    """Extract the images of DATASET from its release file."""
    from reidbench.datasets.extract_cuhk03 import extract as write_images
    from reidbench.plugin.manager import Plugins
    from reidbench.runner.data import find_dataset

    _, folder = find_dataset(Plugins().dataset(dataset), data_root)
    echo(f"{write_images(folder)} images written to {folder}")


def _counts(counts: object) -> dict[str, object]:
    from dataclasses import asdict

    facts = asdict(counts)  # type: ignore[call-overload]
    return {name: value for name, value in facts.items() if name != "exact"}
