from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from reidbench.datasets.masks import has_masks, mask_file, read_mask
from reidbench.datasets.readers.ilids_vid import IlidsVid
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.ilids_vid import LAYOUT
from reidbench.datasets.tracklets import DatasetContents
from reidbench.errors import FrameError


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> DatasetContents:
    settings = SyntheticSettings(people=3, frames=2, seed=4, masks=True)
    return IlidsVid().read(
        LAYOUT.synthesize(tmp_path_factory.mktemp("data"), settings, workers=1, progress=False)
    )


@pytest.mark.parametrize(
    ("frame", "mask"),
    [
        ("a/b/0001.png", "masks/a/b/0001.png"),
        ("a/0001_c1.jpg", "masks/a/0001_c1.png"),
        ("a/0001_c1.jpg.jpg", "masks/a/0001_c1.png"),
        ("x.y/7.bmp", "masks/x.y/7.png"),
    ],
)
def test_mask_file_is_a_png_with_the_path_of_its_frame(frame: str, mask: str) -> None:
    assert mask_file(frame) == mask


def test_every_frame_has_a_mask(tree: DatasetContents) -> None:
    assert has_masks(tree)
    for row in range(len(tree.table)):
        for file in tree.table.files(row):
            mask = read_mask(tree.table.root, file)
            assert (mask.shape, mask.dtype) == ((128, 64), np.uint8)
            assert (mask == 1).mean() > 0.05


def test_trees_without_masks_or_marker_have_no_masks(tree: DatasetContents, small_root: Path) -> None:
    assert not has_masks(IlidsVid().read(small_root / "ilids-vid"))
    assert not has_masks(DatasetContents(tree.table))


def test_missing_or_damaged_mask_is_named(tmp_path: Path) -> None:
    frame = tmp_path / "a" / "1.png"
    path = tmp_path / "masks" / "a" / "1.png"
    with pytest.raises(FrameError, match=r"masks/a/1\.png"):
        read_mask(tmp_path, frame)
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), np.full((4, 4), 3, np.uint8))
    with pytest.raises(FrameError, match="values of a mask must be 0, 1 or 2, got 3"):
        read_mask(tmp_path, frame)
