from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from reidbench.datasets import Dataset, DatasetContents, references
from reidbench.datasets.marker import FILE_LIST_NAME, MARKER_NAME, list_file, list_sizes, write_marker
from reidbench.datasets.masks import mask_file
from reidbench.datasets.reader import Counts
from reidbench.datasets.references import STORED_NAME
from reidbench.datasets.tracklets import TrackletTable
from reidbench.datasets.verify import Verification, check_official, verify
from reidbench.errors import DatasetError
from tests.protocols.worlds import MARKER

# Person, camera and number of frames.
FRAMES = [(1, 1, 2), (1, 2, 3), (2, 1, 1), (-1, 1, 1), (0, 2, 2)]


class Listed(Dataset):
    """Reads `list.txt`: person, camera and number of frames per tracklet; the frames are in `frames/`."""

    name = "listed"
    official = {  # noqa: RUF012
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


def mark(tree: Path, **parameters: int | None) -> None:
    """Make the tree a rendered one."""
    files = {path: list_file(tree / path) for path in list_sizes(tree)}
    images = {
        path: file._replace(pixels=file.digest) for path, file in files.items() if path.endswith(".png")
    }
    write_marker(tree, "listed", parameters, files | images)


def words(found: Verification) -> list[str]:
    return [f"{finding.where}: {finding.what}" for finding in found.findings if finding.is_certain]


def test_published_dataset_has_no_certain_difference(tree: Path) -> None:
    found = verify(Listed(), tree, deep=True)

    assert found.holds
    assert words(found) == []
    assert [finding.what for finding in found.findings] == ["people: 2 found, 7 published"]
    assert found.counts[""].frames == 9
    assert found.digests == Listed().read(tree).digests


def add_a_row(tree: Path) -> None:
    shutil.copy(tree / "frames/0_0.png", tree / "frames/5_0.png")
    (tree / "list.txt").write_text((tree / "list.txt").read_text() + "\n3 2 1")


def drop_a_row(tree: Path) -> None:
    (tree / "list.txt").write_text("\n".join((tree / "list.txt").read_text().splitlines()[:-1]))


def remove_a_frame(tree: Path) -> None:
    (tree / "frames/1_2.png").unlink()


def add_a_frame(tree: Path) -> None:
    shutil.copy(tree / "frames/0_0.png", tree / "frames/copy of 0_0.png")
    (tree / "frames/Thumbs.db").write_bytes(b"x")


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
                "dataset: tracklets: 6 found, 5 published",
                "dataset: people: 3 found, 2 published",
                "dataset: frames: 10 found, 9 published",
                "dataset: tracklets of camera 2: 3 found, 2 published",
            ],
        ),
        (
            drop_a_row,
            [
                "dataset: tracklets: 4 found, 5 published",
                "dataset: distractors: 0 found, 1 published",
                "dataset: frames: 7 found, 9 published",
                "dataset: tracklets of camera 2: 1 found, 2 published",
                "files: 2 unexpected files: frames/4_0.png, frames/4_1.png",
            ],
        ),
        (remove_a_frame, ["files: 1 missing file: frames/1_2.png"]),
        (add_a_frame, ["files: 1 unexpected file: frames/copy of 0_0.png"]),
    ],
)
def test_differences_are_named(tree: Path, damage: Callable[[Path], None], expected: list[str]) -> None:
    damage(tree)

    found = verify(Listed(), tree)
    assert not found.holds
    assert words(found) == expected


def test_deep_verification_finds_damaged_frames(tree: Path) -> None:
    before = verify(Listed(), tree, deep=True).digests
    damage_a_frame(tree)

    assert verify(Listed(), tree).holds
    found = verify(Listed(), tree, deep=True)
    (line,) = words(found)
    assert "1_1.png" in line
    assert found.digests != before


def test_unreadable_tree_is_one_finding(tree: Path) -> None:
    empty_the_list(tree)

    assert words(verify(Listed(), tree)) == [f"{tree}: list.txt is empty; restore it"]


def test_certain_difference_is_an_error(tree: Path) -> None:
    check_official(Listed(), Listed().read(tree))
    add_a_row(tree)

    with pytest.raises(
        DatasetError, match=r"differs from the published listed: dataset: tracklets: 6 found.*3 more"
    ):
        check_official(Listed(), Listed().read(tree))


def test_rendered_tree_may_have_any_size(tree: Path) -> None:
    add_a_row(tree)
    contents = Listed().read(tree)
    rendered = DatasetContents(contents.table, parts=contents.parts, marker=MARKER)

    check_official(Listed(), rendered)


def test_rendered_tree_agrees_with_its_marker(tree: Path) -> None:
    mark(tree, people=2, seed=3, labels=None)
    add_ignored_file = tree / "frames/Thumbs.db"
    add_ignored_file.write_bytes(b"x")

    found = verify(Listed(), tree, deep=True)

    assert found.findings == []
    assert found.is_synthetic
    facts = found.describe_marker()
    assert facts is not None
    assert {name: facts[name] for name in ("layout", "people", "seed", "files")} == {
        "layout": "listed",
        "people": 2,
        "seed": 3,
        "files": 10,
    }


def remove_the_list(tree: Path) -> None:
    (tree / FILE_LIST_NAME).unlink()


def edit_the_list(tree: Path) -> None:
    path = tree / FILE_LIST_NAME
    path.write_text(path.read_text().replace("0_0.png", "0_9.png"))


def remove_label_file(tree: Path) -> None:
    empty_the_list(tree)
    (tree / "frames/0_1.png").unlink()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (remove_a_frame, ["files: 1 missing file: frames/1_2.png"]),
        (add_a_frame, ["files: 1 unexpected file: frames/copy of 0_0.png"]),
        (damage_a_frame, ["files: 1 changed file: frames/1_1.png"]),
        (remove_label_file, ["files: 1 missing file: frames/0_1.png", "files: 1 changed file: list.txt"]),
        (
            remove_the_list,
            ["marker: cannot read file list .*: No such file or directory; render the tree again"],
        ),
        (edit_the_list, ["marker: file list .* is damaged: its digest is not the one in the marker"]),
    ],
)
def test_rendered_tree_is_compared_with_its_marker(
    tree: Path, damage: Callable[[Path], None], expected: list[str]
) -> None:
    mark(tree)
    damage(tree)

    found = verify(Listed(), tree)

    assert not found.holds
    lines = [line for line in words(found) if "list.txt is empty" not in line]
    assert len(lines) == len(expected)
    for line, pattern in zip(lines, expected, strict=True):
        assert re.match(pattern, line)


def test_marker_of_an_older_version_is_reported(tree: Path) -> None:
    mark(tree)
    marker = json.loads((tree / MARKER_NAME).read_text())
    del marker["contents"]
    (tree / MARKER_NAME).write_text(json.dumps(marker))

    (line,) = words(verify(Listed(), tree))
    assert "is damaged or of an older version: Object missing required field `contents`" in line


@pytest.mark.parametrize("deep", [False, True])
def test_frame_overwritten_at_equal_size_is_found_by_its_bytes(tree: Path, deep: bool) -> None:
    mark(tree)
    path = tree / "frames/1_1.png"
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    found = verify(Listed(), tree, deep=deep)

    assert found.holds != deep
    assert words(found)[:1] == (["files: 1 changed file: frames/1_1.png"] if deep else [])


def test_update_stores_the_digests_of_a_real_tree(tree: Path) -> None:
    assert verify(Listed(), tree, deep=True, update=True).holds
    assert (tree / STORED_NAME).is_file()
    assert verify(Listed(), tree, deep=True).holds

    path = tree / "frames/1_1.png"
    shutil.copy(tree / "frames/1_0.png", path)
    assert verify(Listed(), tree).holds
    assert words(verify(Listed(), tree, deep=True)) == ["contents: 1 changed file: frames/1_0"]

    updated = verify(Listed(), tree, deep=True, update=True)
    assert updated.holds
    assert [finding.what for finding in updated.findings if finding.where == "contents"] == [
        "1 changed file: frames/1_0"
    ]
    assert words(verify(Listed(), tree, deep=True)) == []


def test_stored_digests_name_other_labels_and_items(tree: Path) -> None:
    verify(Listed(), tree, deep=True, update=True)
    add_a_row(tree)

    contents = [finding.what for finding in verify(Listed(), tree, deep=True).findings]

    assert "the labels differ from the stored ones" in contents
    assert "1 unexpected file: frames/5_0" in contents


def test_damaged_stored_digests_are_one_finding(tree: Path) -> None:
    verify(Listed(), tree, deep=True, update=True)
    (tree / STORED_NAME).write_text("reidbench contents 1 x\nnonsense\n")

    (line,) = words(verify(Listed(), tree, deep=True))
    assert line.endswith("is damaged; store the digests again with --update")
    assert verify(Listed(), tree, deep=True, update=True).holds
    assert words(verify(Listed(), tree, deep=True)) == []


def test_pixels_that_differ_from_the_reference_of_the_package_are_named(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(tree)
    digests = Listed().read(tree).digests
    monkeypatch.setattr(references, "RENDERED", {digests.marker: "0" * 64})

    (line,) = words(verify(Listed(), tree, deep=True))

    assert "the rendered pixels differ from the reference of this package" in line
    monkeypatch.setattr(references, "RENDERED", {digests.marker: digests.contents})
    assert verify(Listed(), tree, deep=True).holds


def test_damaged_marker_is_one_finding(tree: Path) -> None:
    mark(tree)
    (tree / MARKER_NAME).write_text("{}")

    (line,) = words(verify(Listed(), tree))
    assert re.match(r"marker: marker .* is damaged", line)


class Nested(Listed):
    """The same dataset with each frame in a folder of its tracklet, listed with a path such as `0/0.png`."""

    def read_layout(self, folder: Path) -> DatasetContents:
        contents = super().read_layout(folder)
        rows = contents.table.rows
        rows["frames"] = rows["frames"].map(lambda names: tuple(name.replace("_", "/") for name in names))
        return DatasetContents(TrackletTable(folder, rows), parts=contents.parts)


@pytest.fixture
def nested(tree: Path) -> Path:
    for path in sorted((tree / "frames").iterdir()):
        target = tree / "frames" / path.name.replace("_", "/")
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    return tree


def test_frames_may_be_listed_with_a_path(nested: Path) -> None:
    contents = Nested().read(nested)

    assert contents.table.files(1)[2] == nested / "frames/1/2.png"
    assert verify(Nested(), nested, deep=True).holds
    before = contents.digests
    path = nested / "frames/1/2.png"
    path.write_bytes(path.read_bytes() + b"x")
    assert Nested().read(nested).digests != before
    assert mask_file("frames/1/2.png") == "masks/frames/1/2.png"


def test_missing_and_unexpected_frames_with_a_path_are_named(nested: Path) -> None:
    (nested / "frames/1/2.png").rename(nested / "frames/1/3.png")

    assert words(verify(Nested(), nested)) == [
        "files: 1 missing file: frames/1/2.png",
        "files: 1 unexpected file: frames/1/3.png",
    ]
    with pytest.raises(DatasetError, match=r"frame .*frames/1/2\.png is missing; restore it"):
        _ = Nested().read(nested).digests
