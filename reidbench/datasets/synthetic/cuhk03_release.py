"""Writer of the CUHK03 release file: images in cell arrays, and the test sets of the classic protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np

from reidbench.datasets.extract_cuhk03 import IMAGES_PER_PERSON, KINDS, RELEASE, image_name, images_folder

_TEXT = b"MATLAB 7.3 MAT-file, written by reidbench".ljust(116)
# No subsystem data, version 2.0, little-endian.
_HEADER = _TEXT + bytes(8) + b"\x00\x02IM"
# Bytes that MATLAB reserves before the HDF5 data.
_USER_BLOCK = 512
# MATLAB stores the shape of an empty array instead of its values.
_EMPTY = np.zeros(2, np.uint64)
# MATLAB stores the contents of cells in this group.
_REFERENCES = "#refs#"


def write_release(
    folder: Path, *, people: Sequence[int], test_sets: Sequence[Sequence[tuple[int, int]]]
) -> None:
    """Write the release file from the images in `images_detected/` and `images_labeled/`.

    Args:
        folder: folder of the dataset.
        people: number of people of each camera pair.
        test_sets: (camera pair, person number in the pair), both from 1.
    """
    path = folder / RELEASE
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=_USER_BLOCK) as release:
        pool = release.create_group(_REFERENCES)
        empty = _store(pool, "empty", _EMPTY)
        for kind in KINDS:
            images = _Images(pool, folder, kind, empty)
            pairs = [images.store_cell(pair, count) for pair, count in enumerate(people, start=1)]
            release[kind] = _make_cell([pairs])
        sets = [
            _store(pool, f"test set {number}", np.array(test_set, np.float64).T)
            for number, test_set in enumerate(test_sets, start=1)
        ]
        release["testsets"] = _make_cell([sets])
    with path.open("r+b") as file:
        file.write(_HEADER)


class _Images:
    """Images of one box kind in the release file."""

    def __init__(self, pool: h5py.Group, folder: Path, kind: str, empty: Any) -> None:
        self._pool, self._kind, self._empty = pool, kind, empty
        self._folder = folder / images_folder(kind)
        self._names = {entry.name for entry in self._folder.iterdir()}

    def store_cell(self, pair: int, people: int) -> Any:
        """Store the cell (people, 10) of a camera pair, transposed as in MATLAB, and return its reference."""
        references = np.empty((IMAGES_PER_PERSON, people), dtype=h5py.ref_dtype)
        for image in range(IMAGES_PER_PERSON):
            for person in range(people):
                references[image, person] = self._store_image(image_name(pair, person + 1, image + 1))
        return _store(self._pool, f"{self._kind} {pair}", references)

    def _store_image(self, name: str) -> Any:
        if name not in self._names:
            return self._empty
        pixels = cv2.imread(str(self._folder / name), cv2.IMREAD_COLOR_RGB)
        return _store(self._pool, f"{self._kind} {name}", np.asarray(pixels).T)


def _make_cell(references: Any) -> Any:
    return np.array(references, dtype=h5py.ref_dtype)


def _store(pool: h5py.Group, name: str, array: Any) -> Any:
    """Store an array and return its reference."""
    return pool.create_dataset(name, data=array).ref
