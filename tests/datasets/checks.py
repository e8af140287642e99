"""Assertions that the tests of several layouts share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from reidbench.datasets.frames import decode
from reidbench.datasets.reader import Dataset
from reidbench.datasets.synthetic.layout import TreePlan
from reidbench.datasets.synthetic.people import Appearance
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.tracklets import DatasetContents
from reidbench.datasets.verify import compare_counts, verify
from reidbench.errors import DatasetError
from tests.datasets.trees import join_findings, labels, truncate


def parametrize_faults(*cases: tuple[Callable[[Path], None], str]) -> pytest.MarkDecorator:
    """Run a test with each `fault` of a tree and the `message` that names it."""
    return pytest.mark.parametrize(("fault", "message"), cases, ids=[fault.__name__ for fault, _ in cases])


def check_error(dataset: Dataset, tree: Path, message: str) -> None:
    """Reading the tree fails with this message, in one line."""
    with pytest.raises(DatasetError, match=message) as raised:
        dataset.read(tree)
    assert "\n" not in str(raised.value)


def check_images_follow_the_plan(dataset: Dataset, rendered: Path, plan: TreePlan) -> None:
    """A reader finds every image of a rendered tree, each in its planned size."""
    sizes = {frame: job.size for job in plan.jobs for frame in job.frames}

    contents = dataset.read(rendered)

    found = [contents.table.files(row)[0].relative_to(rendered) for row in range(len(contents.table))]
    assert {file.as_posix() for file in found} == set(sizes)
    assert contents.is_synthetic
    assert verify(dataset, rendered, deep=True).holds
    for file in found[::7]:
        assert decode(rendered / file).shape[1::-1] == (sizes[file.as_posix()] or (64, 128))


def check_masks_have_the_size_of_their_images(rendered: Path, plan: TreePlan) -> None:
    for job in plan.jobs:
        for frame, mask in zip(job.frames, job.masks or (), strict=True):
            # Some names end in .jpg.jpg.
            stem = PurePosixPath(frame).name.split(".")[0]
            assert mask == str("masks" / PurePosixPath(frame).with_name(f"{stem}.png"))
            assert (rendered / mask).is_file()
        assert decode(rendered / (job.masks or ())[0]).shape == decode(rendered / job.frames[0]).shape


def check_tracks_follow_the_plan(contents: DatasetContents, rendered: Path, plan: TreePlan) -> list[TrackJob]:
    """A reader finds every track of a rendered tree, and each person has one appearance.

    Returns:
        The job of each row.
    """
    jobs = {job.frames: job for job in plan.jobs}
    table = contents.table
    of_rows = [
        jobs[tuple(file.relative_to(rendered).as_posix() for file in table.files(row))]
        for row in range(len(table))
    ]
    looks: dict[int, Appearance] = {}

    assert contents.is_synthetic
    assert len(table) == len(plan.jobs)
    assert table.camids.tolist() == [job.camera.number for job in of_rows]
    for pid, job in zip(table.pids.tolist(), of_rows, strict=True):
        assert pid <= 0 or looks.setdefault(pid, job.person) == job.person
    assert len(set(looks.values())) == len(looks)
    return of_rows


def check_verify_finds_a_truncated_frame_only(dataset: Dataset, rendered: Path) -> None:
    """Verify finds nothing in a rendered tree of tracks, and after a frame is truncated, its name."""
    assert verify(dataset, rendered, deep=True).findings == []

    victim = dataset.read(rendered).table.files(3)[1]
    with truncate(victim):
        changed, damaged = verify(dataset, rendered, deep=True).findings
    assert changed.what == f"1 changed file: {victim.relative_to(rendered).as_posix()}"
    assert damaged.where == "frames"
    assert f"{victim.parent.name}/{victim.name}" in damaged.what


def check_verify_names_additional_and_truncated_images(dataset: Dataset, tree: Path, folder: str) -> None:
    """Both are in `folder`, relative to the tree; the tree stays changed."""
    victim = min((tree / folder).iterdir())
    (tree / folder / f"copy of {victim.name}").write_bytes(b"x")
    victim.write_bytes(victim.read_bytes()[:60])

    found = join_findings(dataset, tree, deep=True)

    assert f"1 unexpected file: {folder}/copy of {victim.name}" in found
    assert f"cannot read frame {victim}" in found


def check_counts_are_official_except_per_camera(dataset: Dataset, contents: DatasetContents) -> None:
    """Rendered trees have only approximately the numbers per camera of real ones."""
    found = [finding.what for finding in compare_counts(dataset, contents)]

    assert [what for what in found if "of camera" not in what] == []


def check_every_query_has_a_match(contents: DatasetContents) -> None:
    """The gallery has every queried person in another camera."""
    query, gallery = labels(contents, "query"), set(labels(contents, "gallery"))

    assert query
    assert all(any(who == pid and where != camera for who, where in gallery) for pid, camera in query)


def check_random_streams_are_unique(plan: TreePlan) -> None:
    assert len({(job.camera.number, job.index) for job in plan.jobs}) == len(plan.jobs)
