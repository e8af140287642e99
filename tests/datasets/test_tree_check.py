"""Rendered trees are compared with their marker, and without it they do not pass as real ones."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from reidbench.datasets import TrackletTable, hashing
from reidbench.datasets.frame_mark import HEAD_BYTES, is_marked
from reidbench.datasets.frames import decode
from reidbench.datasets.hashing import FileHasher
from reidbench.datasets.image_files import digest_image, encode_image
from reidbench.datasets.marker import FILE_LIST_NAME, MARKER_NAME, read_file_list, read_marker
from reidbench.datasets.readers.ilids_vid import IlidsVid
from reidbench.datasets.readers.viper import Viper
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts import ilids_vid, viper
from reidbench.datasets.tree_check import hash_items
from reidbench.errors import DatasetError

# Used by the fixtures `rendered` and `copied`.
layout = ilids_vid
SMALL = SyntheticSettings(people=3, frames=2, seed=501, masks=True)
FRAMES = "i-LIDS-VID/sequences"


def list_frames(tree: Path) -> list[Path]:
    return sorted((tree / FRAMES).rglob("*.png"))


def remove_marker(tree: Path) -> None:
    (tree / MARKER_NAME).unlink()
    (tree / FILE_LIST_NAME).unlink()
    shutil.rmtree(tree / "train-test people splits")


def check(tree: Path) -> None:
    """Compare a tree with its marker without reading its label files, which may be damaged."""
    table = TrackletTable.of(tree, [])
    hash_items(tree, table.groups, read_marker(tree), FileHasher())


def overwrite(path: Path) -> None:
    """Change the last byte, and keep size and time stamp."""
    before = path.stat()
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_contents_are_the_pixels_before_encoding(rendered: Path) -> None:
    contents = IlidsVid().read(rendered)
    marker = read_marker(rendered)
    assert marker is not None
    files = read_file_list(rendered, marker)

    assert contents.digests.contents == marker.contents
    assert contents.digests.marker == marker.digest
    for path in list_frames(rendered):
        listed = files[path.relative_to(rendered).as_posix()]
        assert listed.pixels == digest_image(decode(path))
        assert (listed.size, listed.digest) == (
            path.stat().st_size,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
    paths = [path.relative_to(rendered).as_posix() for path in contents.table.files(0)]
    pixels = b"".join(bytes.fromhex(files[path].pixels or "") for path in paths)
    item = f"{contents.table.names[0]}\0".encode() + hashlib.sha256(pixels).digest()
    assert contents.row_digests[0] == hashlib.sha256(item).hexdigest()


@pytest.mark.parametrize(
    ("pick", "name"),
    [
        (lambda tree: list_frames(tree)[1], "cam1_person"),
        (lambda tree: next((tree / "masks").rglob("*.png")), "masks/"),
        (lambda tree: next(tree.rglob("*.mat")), "train_test_splits_ilidsvid.mat"),
    ],
    ids=["frame", "mask", "split file"],
)
def test_file_overwritten_at_equal_size_and_time_is_named(
    copied: Path, pick: Callable[[Path], Path], name: str
) -> None:
    overwrite(pick(copied))

    with pytest.raises(
        DatasetError, match=rf"differs from its marker \(1 changed: .*{name}.*; render it again$"
    ):
        check(copied)


def test_missing_mask_is_named(copied: Path) -> None:
    mask = next((copied / "masks").rglob("*.png"))
    mask.unlink()

    with pytest.raises(DatasetError, match=rf"\(1 missing: .*{mask.name}\)"):
        _ = IlidsVid().read(copied).row_digests


def test_additional_frame_is_named(copied: Path) -> None:
    first = list_frames(copied)[0]
    shutil.copy(first, first.with_name(first.name.replace(first.stem[-5:], "99999")))

    with pytest.raises(DatasetError, match=r"\(1 unexpected: .*_99999\.png\)"):
        _ = IlidsVid().read(copied).row_digests


def test_rendered_tree_without_marker_is_refused_when_it_is_read(copied: Path) -> None:
    (copied / MARKER_NAME).unlink()
    with pytest.raises(DatasetError, match=r"has the file list of a rendered tree, .* but no marker"):
        IlidsVid().read(copied)

    (copied / FILE_LIST_NAME).unlink()
    with pytest.raises(DatasetError, match=r"\.png was rendered by reidbench, but its tree has no marker"):
        IlidsVid().read(copied)


def test_split_file_of_the_renderer_is_refused_without_marker(copied: Path) -> None:
    splits = copied / "train-test people splits"
    shutil.move(splits, copied.parent / "splits")
    remove = [copied / MARKER_NAME, copied / FILE_LIST_NAME]
    for path in remove:
        path.unlink()
    for path in list_frames(copied):
        path.write_bytes(encode_image(decode(path), ".png", is_rendered=False))
    IlidsVid().read(copied)

    shutil.move(copied.parent / "splits", splits)
    with pytest.raises(DatasetError, match=r"train_test_splits_ilidsvid\.mat was rendered by reidbench"):
        IlidsVid().read(copied)


def test_one_rendered_frame_in_a_real_tree_is_refused_when_it_is_hashed(copied: Path) -> None:
    remove_marker(copied)
    frames = list_frames(copied)
    for path in [*frames[:3], *frames[4:]]:
        path.write_bytes(encode_image(decode(path), ".png", is_rendered=False))
    contents = IlidsVid().read(copied)

    with pytest.raises(DatasetError, match=rf"{frames[3].name} was rendered by reidbench"):
        _ = contents.row_digests


def test_memory_of_a_rendered_tree_does_not_hide_its_marks(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns
    monkeypatch.setattr(hashing.time, "time_ns", lambda: now() + 3_600_000_000_000)
    hasher = FileHasher(memory=tmp_path / "digests.bin")
    frames = list_frames(copied)
    for path in (frames[0], frames[1], frames[-2], frames[-1]):
        path.with_suffix(".bin").write_bytes(encode_image(decode(path), ".png", is_rendered=False))
    _ = replace(IlidsVid().read(copied), hasher=hasher).row_digests
    assert (tmp_path / "digests.bin").exists()
    remove_marker(copied)
    for path in (frames[0], frames[1], frames[-2], frames[-1]):
        path.with_suffix(".bin").replace(path)
    contents = replace(IlidsVid().read(copied), hasher=hasher)

    with pytest.raises(DatasetError, match="was rendered by reidbench"):
        _ = contents.row_digests


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
@pytest.mark.parametrize("shape", [(16, 8, 3), (5, 7, 3), (16, 8)], ids=["even", "odd", "grey"])
def test_mark_is_recognised_and_changes_no_pixel(tmp_path: Path, suffix: str, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(1).integers(0, 255, shape, np.uint8)
    plain, marked = tmp_path / f"plain{suffix}", tmp_path / f"marked{suffix}"
    plain.write_bytes(encode_image(image, suffix, is_rendered=False))
    marked.write_bytes(encode_image(image, suffix, is_rendered=True))

    assert is_marked(marked.read_bytes()[:HEAD_BYTES])
    assert not is_marked(plain.read_bytes()[:HEAD_BYTES])
    np.testing.assert_array_equal(decode(marked), decode(plain))
    np.testing.assert_array_equal(
        cv2.imread(str(marked), cv2.IMREAD_UNCHANGED), cv2.imread(str(plain), cv2.IMREAD_UNCHANGED)
    )


def test_frames_in_bmp_are_marked(tmp_path: Path) -> None:
    tree = viper.LAYOUT.synthesize(tmp_path, SyntheticSettings(people=2), workers=1, progress=False)
    _ = Viper().read(tree).row_digests
    (tree / MARKER_NAME).unlink()
    (tree / FILE_LIST_NAME).unlink()

    with pytest.raises(DatasetError, match=r"\.bmp was rendered by reidbench"):
        Viper().read(tree)
