"""What the tests of several layouts assert."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from reidbench.datasets.frames import decode
from reidbench.datasets.reader import Dataset
from reidbench.datasets.synthetic.appearance import Appearance
from reidbench.datasets.synthetic.layout import TreePlan
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.tracklets import DatasetContents
from reidbench.datasets.verify import count_differences, verify
from reidbench.errors import DatasetError
from tests.datasets.trees import cut_off, found_by_verify, labels


def each_fault(*cases: tuple[Callable[[Path], None], str]) -> pytest.MarkDecorator:
    """Run a test with each `fault` of a tree and the `message` that is to name it."""
    return pytest.mark.parametrize(("fault", "message"), cases, ids=[fault.__name__ for fault, _ in cases])


def check_refused(dataset: Dataset, tree: Path, message: str) -> None:
    """Reading the tree fails with this message, in one line."""
    with pytest.raises(DatasetError, match=message) as raised:
        dataset.read(tree)
    assert "\n" not in str(raised.value)


def check_images_are_those_planned(dataset: Dataset, rendered: Path, plan: TreePlan) -> None:
    """A rendered tree of images is read back whole, each picture in its planned size."""
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
            stem = PurePosixPath(frame).name.split(".")[0]  # some end in .jpg.jpg
            assert mask == str("masks" / PurePosixPath(frame).with_name(f"{stem}.png"))
            assert (rendered / mask).is_file()
        assert decode(rendered / (job.masks or ())[0]).shape == decode(rendered / job.frames[0]).shape


def check_tracks_are_those_planned(
    contents: DatasetContents, rendered: Path, plan: TreePlan
) -> list[TrackJob]:
    """A rendered tree of tracks is read back whole, and people are told apart by their number alone.

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


def check_a_cut_off_frame_is_all_that_verify_finds(dataset: Dataset, rendered: Path) -> None:
    """Nothing is found in a rendered tree of tracks before a frame of one is cut off, then its name."""
    assert verify(dataset, rendered, deep=True).findings == []

    victim = dataset.read(rendered).table.files(3)[1]
    with cut_off(victim):
        (found,) = verify(dataset, rendered, deep=True).findings
    assert found.where == "frames"
    assert f"{victim.parent.name}/{victim.name}" in found.what


def check_verify_names_a_surplus_and_a_truncated_image(dataset: Dataset, tree: Path, place: str) -> None:
    """Both lie in `place`, a folder of the tree; the tree is left so."""
    victim = min((tree / place).iterdir())
    (tree / place / f"copy of {victim.name}").write_bytes(b"x")
    victim.write_bytes(victim.read_bytes()[:60])

    found = found_by_verify(dataset, tree, deep=True)

    assert f"1 too much: {place}/copy of {victim.name}" in found
    assert f"cannot read frame {victim}" in found


def check_counts_are_official_but_for_single_cameras(dataset: Dataset, contents: DatasetContents) -> None:
    """Drawn trees share out images to the cameras only about as the real ones do."""
    found = [finding.what for finding in count_differences(dataset, contents)]

    assert [what for what in found if "of camera" not in what] == []


def check_every_query_can_be_found(contents: DatasetContents) -> None:
    """The gallery shows who is asked for in another camera, too."""
    query, gallery = labels(contents, "query"), set(labels(contents, "gallery"))

    assert query
    assert all(any(who == pid and where != camera for who, where in gallery) for pid, camera in query)


def check_no_tracks_share_a_random_stream(plan: TreePlan) -> None:
    assert len({(job.camera.number, job.index) for job in plan.jobs}) == len(plan.jobs)
