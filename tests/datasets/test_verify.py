from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from reidbench.datasets import Dataset, DatasetContents
from reidbench.datasets.reader import Counts
from reidbench.datasets.tracklets import TrackletTable
from reidbench.datasets.verify import Verification, check_official, verify
from reidbench.errors import DatasetError

FRAMES = [(1, 1, 2), (1, 2, 3), (2, 1, 1), (-1, 1, 1), (0, 2, 2)]  # person, camera, frames


class Listed(Dataset):
    """Reads `list.txt`: person, camera and frames of each tracklet; the frames lie in `frames/`."""

    name = "listed"
    official = {  # noqa: RUF012  a table, not state
        "": Counts(tracklets=5, people=2, frames=9, by_camera=(3, 2), junk=1, distractors=1),
        "query": Counts(tracklets=1),
        "gallery": Counts(people=7, exact=False),
    }

    def read_layout(self, folder: Path) -> DatasetContents:
        lines = (folder / "list.txt").read_text().split("\n")
        if lines == [""]:
            raise DatasetError("list.txt is empty; restore it")
        labels = [tuple(map(int, line.split())) for line in lines]
        rows = [
            (pid, camera, "frames", tuple(f"{row}_{frame}.png" for frame in range(count)))
            for row, (pid, camera, count) in enumerate(labels)
        ]
        parts = {"query": np.array([0]), "gallery": np.array([1, 2])}
        return DatasetContents(TrackletTable.of(folder, rows), parts=parts)

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        return [folder / "frames"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "frames").mkdir()
    (tmp_path / "list.txt").write_text("\n".join(" ".join(map(str, row)) for row in FRAMES))
    for row, (_, _, count) in enumerate(FRAMES):
        for frame in range(count):
            picture = np.full((8, 4, 3), 10 * row + frame, np.uint8)
            assert cv2.imwrite(str(tmp_path / "frames" / f"{row}_{frame}.png"), picture)
    return tmp_path


def words(found: Verification) -> list[str]:
    return [f"{finding.where}: {finding.what}" for finding in found.findings if finding.is_certain]


def test_the_published_dataset_has_no_certain_difference(tree: Path) -> None:
    found = verify(Listed(), tree, deep=True)

    assert found.holds
    assert words(found) == []
    assert [finding.what for finding in found.findings] == [
        "5 people missing: 2 found, 7 published"
    ]  # not certain
    assert found.counts[""].frames == 9
    assert found.contents_digest is not None


def add_a_row(tree: Path) -> None:
    shutil.copy(tree / "frames/0_0.png", tree / "frames/5_0.png")
    (tree / "list.txt").write_text((tree / "list.txt").read_text() + "\n3 2 1")


def drop_a_row(tree: Path) -> None:
    (tree / "list.txt").write_text("\n".join((tree / "list.txt").read_text().splitlines()[:-1]))


def remove_a_frame(tree: Path) -> None:
    (tree / "frames/1_2.png").unlink()


def add_a_frame(tree: Path) -> None:
    shutil.copy(tree / "frames/0_0.png", tree / "frames/copy of 0_0.png")
    (tree / "frames/Thumbs.db").write_bytes(b"a stranger")


def damage_a_frame(tree: Path) -> None:
    path = tree / "frames/1_1.png"
    path.write_bytes(path.read_bytes()[:50])


def empty_the_list(tree: Path) -> None:
    (tree / "list.txt").write_text("")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (
            add_a_row,
            [
                "dataset: 1 tracklets too many: 6 found, 5 published",
                "dataset: 1 people too many: 3 found, 2 published",
                "dataset: 1 frames too many: 10 found, 9 published",
                "dataset: 1 tracklets of camera 2 too many: 3 found, 2 published",
            ],
        ),
        (
            drop_a_row,
            [
                "dataset: 1 tracklets missing: 4 found, 5 published",
                "dataset: 1 distractors missing: 0 found, 1 published",
                "dataset: 2 frames missing: 7 found, 9 published",
                "dataset: 1 tracklets of camera 2 missing: 1 found, 2 published",
                "files: 2 too much: frames/4_0.png, frames/4_1.png",
            ],
        ),
        (remove_a_frame, ["files: 1 missing: frames/1_2.png"]),
        (add_a_frame, ["files: 1 too much: frames/copy of 0_0.png"]),
    ],
)
def test_a_tree_that_differs_is_named_precisely(
    tree: Path, damage: Callable[[Path], None], expected: list[str]
) -> None:
    damage(tree)

    found = verify(Listed(), tree)
    assert not found.holds
    assert words(found) == expected


def test_damaged_frames_are_found_when_all_are_read(tree: Path) -> None:
    whole = verify(Listed(), tree, deep=True).contents_digest
    damage_a_frame(tree)

    assert verify(Listed(), tree).holds
    found = verify(Listed(), tree, deep=True)
    (line,) = words(found)
    assert "1_1.png" in line
    assert found.contents_digest != whole


def test_a_tree_that_cannot_be_read_is_one_finding(tree: Path) -> None:
    empty_the_list(tree)

    assert words(verify(Listed(), tree)) == [f"{tree}: list.txt is empty; restore it"]


def test_a_run_refuses_what_is_certainly_another_dataset(tree: Path) -> None:
    check_official(Listed(), Listed().read(tree))
    add_a_row(tree)

    with pytest.raises(
        DatasetError, match=r"is not the published listed: dataset: 1 tracklets too many.*3 more"
    ):
        check_official(Listed(), Listed().read(tree))


def test_a_rendered_tree_may_have_any_size(tree: Path) -> None:
    add_a_row(tree)
    contents = Listed().read(tree)
    rendered = DatasetContents(contents.table, parts=contents.parts, marker={"digest": "d"})

    check_official(Listed(), rendered)
