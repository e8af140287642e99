"""Small trees of black pictures, and trees made from the plan of a dataset without rendering."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from reidbench.datasets.reader import Dataset
from reidbench.datasets.synthetic import Layout, SyntheticSettings
from reidbench.datasets.synthetic.layout import TreePlan
from reidbench.datasets.tracklets import DatasetContents, TrackletTable
from reidbench.datasets.verify import verify

LABELS = Path(os.environ.get("REIDBENCH_GOLDEN", Path(__file__).parents[3] / "shared")) / "data"


def needs(name: str) -> pytest.MarkDecorator:
    """Skip a test if a file or folder of the official labels does not exist."""
    return pytest.mark.skipif(not (LABELS / name).exists(), reason=f"no official {name}")


def put_image(path: Path, height: int = 8, width: int = 4) -> None:
    """Write a black picture, and create its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))


@contextmanager
def truncate(file: Path) -> Iterator[None]:
    """Truncate a file to its first half for the time of the block."""
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    try:
        yield
    finally:
        file.write_bytes(data)


def make_plan(layout: Layout, settings: SyntheticSettings) -> TreePlan:
    return layout.plan(layout.resolve(settings))


def list_planned_frames(plan: TreePlan) -> list[str]:
    return [frame for job in plan.jobs for frame in job.frames]


def write_label_files(plan: TreePlan, folder: Path) -> Path:
    """Write the label files of a plan and its topmost folders; some readers need nothing else."""
    for name, data in plan.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for name in {frame.partition("/")[0] for frame in list_planned_frames(plan)}:
        (folder / name).mkdir(exist_ok=True)
    return folder


def write_empty_frames(plan: TreePlan, folder: Path) -> Path:
    """Write a plan with empty files instead of pictures."""
    write_label_files(plan, folder)
    frames = list_planned_frames(plan)
    for parent in {frame.rpartition("/")[0] for frame in frames}:
        (folder / parent).mkdir(parents=True, exist_ok=True)
    for frame in frames:
        (folder / frame).touch()
    if plan.finish is not None:
        plan.finish(folder)
    return folder


def contents_of_plan(
    plan: TreePlan, root: str, folders: Mapping[str, str], image: re.Pattern[str]
) -> DatasetContents:
    """Return the contents of the tree that a plan of single images describes.

    Args:
        plan: every image must be in exactly one of the parts.
        root: folder of the unpacked archive.
        folders: of the parts, relative to `root`.
        image: pattern of the file names, with groups `person` and `camera`.
    """
    names_of_folder = defaultdict(list)
    for frame in list_planned_frames(plan):
        parent, _, name = frame.rpartition("/")
        names_of_folder[parent].append(name)
    paths = {part: f"{root}/{folder}" for part, folder in folders.items()}
    assert set(names_of_folder) == set(paths.values())
    rows: list[tuple[int, int, str, tuple[str, ...]]] = []
    parts = {}
    for part, path in paths.items():
        assert len(set(names_of_folder[path])) == len(names_of_folder[path])
        first = len(rows)
        for name in sorted(names_of_folder[path]):
            match = image.fullmatch(name)
            assert match is not None
            rows.append((int(match["person"]), int(match["camera"]), path, (name,)))
        parts[part] = np.arange(first, len(rows))
    return DatasetContents(TrackletTable.of(Path(), rows), parts=parts)


def names(contents: DatasetContents, part: str) -> list[str]:
    """Return the file name of each image of a part."""
    return [name for (name,) in contents.table.rows["frames"][contents.part(part)]]


def labels(contents: DatasetContents, part: str) -> list[tuple[int, int]]:
    """Return person and camera of each row of a part."""
    rows = contents.part(part)
    return list(zip(contents.table.pids[rows].tolist(), contents.table.camids[rows].tolist(), strict=True))


def people_of(contents: DatasetContents, part: str) -> set[int]:
    return set(contents.table.pids[contents.part(part)].tolist())


def join_findings(dataset: Dataset, folder: Path, *, deep: bool = False) -> str:
    """Return all findings of `verify` as one text."""
    return "; ".join(
        f"{finding.where}: {finding.what}" for finding in verify(dataset, folder, deep=deep).findings
    )
