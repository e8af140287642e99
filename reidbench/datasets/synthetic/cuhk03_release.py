"""Writes the release file of CUHK03: images as arrays in cells, and the test sets of the classic protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np

from reidbench.datasets.extract_cuhk03 import IMAGES_OF_A_PERSON, KINDS, RELEASE, image_name, images_folder

_TEXT = b"MATLAB 7.3 MAT-file, written by reidbench".ljust(116)
_HEADER = _TEXT + bytes(8) + b"\x00\x02IM"  # no subsystem data, version 2.0, little-endian
_USER_BLOCK = 512  # bytes before the HDF5 part, as MATLAB leaves them
_EMPTY = np.zeros(2, np.uint64)  # MATLAB stores the shape of an empty array in its place
_POOL = "#refs#"  # where MATLAB keeps what cells refer to


def write_release(
    folder: Path, *, people: Sequence[int], test_sets: Sequence[Sequence[tuple[int, int]]]
) -> None:
    """Write the release file from the images that lie in `images_detected/` and `images_labeled/`.

    Args:
        folder: of the dataset.
        people: of each camera pair.
        test_sets: (camera pair, person in it), both from 1.
    """
    path = folder / RELEASE
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=_USER_BLOCK) as release:
        pool = release.create_group(_POOL)
        empty = _stored(pool, "empty", _EMPTY)
        for kind in KINDS:
            images = _Images(pool, folder, kind, empty)
            pairs = [images.cell(pair, count) for pair, count in enumerate(people, start=1)]
            release[kind] = _cell([pairs])
        sets = [
            _stored(pool, f"test set {number}", np.array(test_set, np.float64).T)
            for number, test_set in enumerate(test_sets, start=1)
        ]
        release["testsets"] = _cell([sets])
    with path.open("r+b") as file:
        file.write(_HEADER)


class _Images:
    """Copies images of one kind of boxes into the release file."""

    def __init__(self, pool: h5py.Group, folder: Path, kind: str, empty: Any) -> None:
        self._pool, self._kind, self._empty = pool, kind, empty
        self._folder = folder / images_folder(kind)
        self._there = {entry.name for entry in self._folder.iterdir()}

    def cell(self, pair: int, people: int) -> Any:
        """Return the reference of the cell (people, 10) of a camera pair, transposed as MATLAB's arrays are."""
        references = np.empty((IMAGES_OF_A_PERSON, people), dtype=h5py.ref_dtype)
        for image in range(IMAGES_OF_A_PERSON):
            for person in range(people):
                references[image, person] = self._image(image_name(pair, person + 1, image + 1))
        return _stored(self._pool, f"{self._kind} {pair}", references)

    def _image(self, name: str) -> Any:
        if name not in self._there:
            return self._empty
        pixels = cv2.imread(str(self._folder / name), cv2.IMREAD_COLOR_RGB)
        return _stored(self._pool, f"{self._kind} {name}", np.asarray(pixels).T)


def _cell(references: Any) -> Any:
    return np.array(references, dtype=h5py.ref_dtype)


def _stored(pool: h5py.Group, name: str, array: Any) -> Any:
    """Return the reference of an array."""
    return pool.create_dataset(name, data=array).ref
