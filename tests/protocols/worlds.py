"""Small datasets without files, for drawing trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reidbench.datasets.marker import FileList, Marker
from reidbench.datasets.tracklets import DatasetContents, TrackletTable
from reidbench.plugin.manager import Plugins
from reidbench.protocols import Protocol, load_protocol

MARKER = Marker(
    renderer="1",
    layout="world",
    digest="d" * 64,
    contents="c" * 64,
    files=FileList(count=0, digest="f" * 64),
)


def protocol(name: str, **conventions: str) -> Protocol:
    return load_protocol(Plugins().protocol(name)).with_conventions(conventions)


def two_cameras(people: int, *, splits: Any = None, synthetic: bool = False) -> DatasetContents:
    """Return one tracklet per person and camera, of two cameras; person ids are not positions."""
    numbers = [3 * position + 1 for position in range(people)]
    rows = [(pid, camera, f"cam{camera}", ()) for camera in (1, 2) for pid in numbers]
    return DatasetContents(
        TrackletTable.of(Path("nowhere"), rows),
        people=tuple(numbers),
        splits=splits,
        marker=MARKER if synthetic else None,
    )


def make_parted(
    train: list[tuple[int, int]],
    query: list[tuple[int, int]],
    gallery: list[tuple[int, int]],
    *,
    queries_in_gallery: bool = False,
    boxes: list[tuple[int, int]] | None = None,
) -> DatasetContents:
    """Return a dataset with parts from (pid, camid) lists; queries may be the first rows of the gallery."""
    lists = {"train": train, "query": query, "gallery": gallery, "query_boxes": boxes or []}
    labels, parts = [], {}
    for name, pairs in lists.items():
        parts[name] = np.arange(len(labels), len(labels) + len(pairs))
        labels += pairs
    if queries_in_gallery:
        parts["gallery"] = np.concatenate([parts["query"], parts["gallery"]])
    rows = [(pid, camid, "all", (f"{row}.jpg",)) for row, (pid, camid) in enumerate(labels)]
    return DatasetContents(TrackletTable.of(Path("nowhere"), rows), parts=parts)


def labels(contents: DatasetContents, rows: Any) -> list[tuple[int, int]]:
    table = contents.table
    return list(zip(table.pids[rows].tolist(), table.camids[rows].tolist(), strict=True))
