"""The digests of a dataset: what each of them depends on."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from reidbench.datasets import DatasetContents, TrackletTable
from reidbench.datasets.digests import Digests, digest_item
from reidbench.errors import DatasetError

ROWS = [(1, 1, "a/1", ("9.jpg", "10.jpg")), (2, 2, "a", ("2.jpg.jpg",)), (2, 1, "", ("b/2.jpg",))]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for index, file in enumerate(TrackletTable.of(tmp_path, ROWS).files(row) for row in range(len(ROWS))):
        for frame, path in enumerate(file):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes([index, frame]))
    return tmp_path


def read(root: Path, rows: list[tuple[int, int, str, tuple[str, ...]]] = ROWS) -> DatasetContents:
    return DatasetContents(TrackletTable.of(root, rows))


def test_public_name_is_the_path_of_the_first_frame_without_suffix(root: Path) -> None:
    assert read(root).table.names == ["a/1/9", "a/2.jpg", "b/2"]


def test_item_without_frames_has_the_name_of_its_folder(root: Path) -> None:
    assert TrackletTable.of(root, [(1, 1, "a.b/c", ())]).names == ["a.b/c"]


def test_row_digest_is_of_the_name_and_the_contents_of_all_frames(root: Path) -> None:
    contents = read(root)

    hashes = [hashlib.sha256((root / "a/1" / name).read_bytes()).digest() for name in ("9.jpg", "10.jpg")]
    files = hashlib.sha256(b"".join(hashes)).digest()
    assert contents.row_digests[0] == hashlib.sha256(b"a/1/9\0" + files).hexdigest()
    assert contents.row_digests[0] == digest_item("a/1/9", files)
    assert len(set(contents.row_digests)) == 3


def test_frame_overwritten_at_equal_size_and_time_changes_contents_only(root: Path) -> None:
    before, frame = read(root).digests, root / "a/1/10.jpg"
    times = frame.stat()
    frame.write_bytes(b"xy")
    os.utime(frame, ns=(times.st_atime_ns, times.st_mtime_ns))

    after = read(root).digests

    assert after.contents != before.contents
    assert after.labels == before.labels


def test_copied_tree_has_equal_digests(root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path.parent / f"{tmp_path.name}-copy")

    assert read(copy).digests == read(root).digests


def test_other_image_format_changes_contents_only(root: Path) -> None:
    before = read(root).digests
    for path in sorted(root.rglob("*.jpg")):
        path.with_suffix(".png").write_bytes(path.read_bytes() + b"x")
    as_png = [(*row[:3], tuple(name.removesuffix(".jpg") + ".png" for name in row[3])) for row in ROWS]

    after = read(root, as_png).digests

    assert after.labels == before.labels
    assert after.contents != before.contents


@pytest.mark.parametrize("row", [(3, 1, "a/1", ("9.jpg", "10.jpg")), (1, 2, "a/1", ("9.jpg", "10.jpg"))])
def test_other_label_changes_labels_and_not_contents(
    root: Path, row: tuple[int, int, str, tuple[str, ...]]
) -> None:
    relabelled = read(root, [row, *ROWS[1:]]).digests

    assert relabelled.labels != read(root).digests.labels
    assert relabelled.contents == read(root).digests.contents


def test_parts_and_splits_change_the_labels(root: Path) -> None:
    table = read(root).table
    variants = [
        DatasetContents(table),
        DatasetContents(table, parts={"query": np.array([0])}),
        DatasetContents(table, people=(1, 2)),
        DatasetContents(table, people=(1, 2), splits=np.array([[1, 2]])),
    ]

    assert len({variant.label_digests.labels for variant in variants}) == 4


def test_digests_of_labels_need_no_frames(root: Path) -> None:
    complete = read(root).digests
    shutil.rmtree(root)

    assert read(root).label_digests == Digests(labels=complete.labels)
    with pytest.raises(
        DatasetError, match=r"cannot read folder .*/a/1: No such file or directory; restore it"
    ):
        _ = read(root).row_digests


def test_fingerprint_of_rows_depends_on_labels_and_contents(root: Path) -> None:
    before = read(root)

    assert before.digest_rows([0, 1]) == read(root).digest_rows(np.array([0, 1]))
    assert before.digest_rows([0, 1]) != before.digest_rows([1, 0])
    relabelled = read(root, [(9, *ROWS[0][1:]), *ROWS[1:]])
    assert relabelled.digest_rows([0]) != before.digest_rows([0])
    (root / "a/1/9.jpg").write_bytes(b"x")
    assert read(root).digest_rows([0]) != before.digest_rows([0])
    assert read(root).digest_rows([1]) == before.digest_rows([1])
