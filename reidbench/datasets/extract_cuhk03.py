"""The release file of CUHK03: its test sets, and extraction of its images to PNG files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import cv2
import h5py
import numpy as np
import numpy.typing as npt
from filelock import FileLock

from reidbench.errors import DatasetError
from reidbench.progress import is_terminal, progress_bar

RELEASE = "cuhk03_release/cuhk-03.mat"
KINDS = ("detected", "labeled")
# The first half is of view 1, the second of view 2.
IMAGES_PER_PERSON = 10


def extract(folder: Path, progress: bool | None = None) -> int:
    """Write the images of the release file to `images_detected/` and `images_labeled/`.

    A folder appears complete or not at all, so an interrupted call can be repeated. Existing folders are not changed.

    Args:
        folder: of the dataset; it contains the release file.
        progress: show a progress bar on stderr; None = if stderr is a terminal.

    Returns:
        The number of images written.

    Raises:
        DatasetError: the release file is missing or damaged, or the images cannot be written.
    """
    shown = is_terminal() if progress is None else progress
    written = 0
    with open_release(folder / RELEASE) as release:
        for kind in KINDS:
            destination = folder / images_folder(kind)
            with _fill_folder(destination) as unfinished:
                if unfinished is not None:
                    with progress_bar(kind, _count_people(release, kind), shown=shown) as advance:
                        written += _extract_kind(release, kind, unfinished, advance)
    return written


def images_folder(kind: str) -> str:
    """Return the folder of the images of a kind of boxes, relative to the dataset folder."""
    return f"images_{kind}"


def image_name(pair: int, person: int, image: int) -> str:
    """Return the file name of an image; all numbers start at 1."""
    view = 1 if image <= IMAGES_PER_PERSON // 2 else 2
    return f"{pair}_{person:03d}_{view}_{image:02d}.png"


def read_test_sets(path: Path) -> list[list[tuple[int, int]]]:
    """Return the test sets of the classic protocol: lists of (camera pair, person in the pair), both from 1.

    Raises:
        DatasetError: the release file is damaged or a set is not an array (N, 2).
    """
    with open_release(path) as release:
        sets = [np.asarray(cell).T for cell in _read_cells(release, release["testsets"])]
    for number, rows in enumerate(sets, start=1):
        if rows.ndim != 2 or rows.shape[1] != 2:
            raise DatasetError(
                f"{path}: test set {number} must be an array (people, 2), got {rows.shape}; restore the file"
            )
    return [[(int(pair), int(person)) for pair, person in rows] for rows in sets]


@contextmanager
def open_release(path: Path) -> Iterator[h5py.File]:
    """Open the release file, of MATLAB version 7.3, for the time of the block.

    Raises:
        DatasetError: the file is missing, damaged or lacks a variable.
    """
    try:
        with h5py.File(path, "r") as release:
            yield release
    # h5py raises these for damaged files.
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"cannot read {path}: {reason}; restore the file from the archive") from error


def _read_cells(release: h5py.File, cell: h5py.Dataset) -> Iterator[h5py.Dataset]:
    for reference in np.ravel(cell[()]):
        yield release[reference]


def _count_people(release: h5py.File, kind: str) -> int:
    return sum(pair.shape[1] for pair in _read_pairs(release, kind))


def _read_pairs(release: h5py.File, kind: str) -> Sequence[h5py.Dataset]:
    """Return the cell (10, people) of each camera pair; HDF5 has MATLAB's arrays transposed."""
    pairs = list(_read_cells(release, release[kind]))
    for number, pair in enumerate(pairs, start=1):
        if pair.ndim != 2 or pair.shape[0] != IMAGES_PER_PERSON:
            raise DatasetError(
                f"{release.filename}: '{kind}' of camera pair {number} must have {IMAGES_PER_PERSON} images each, got "
                f"a cell of shape {pair.shape[::-1]}; restore the file"
            )
    return pairs


def _extract_kind(release: h5py.File, kind: str, folder: Path, advance: Callable[[int], None]) -> int:
    written = 0
    for number, pair in enumerate(_read_pairs(release, kind), start=1):
        for person, references in enumerate(pair[()].T, start=1):
            for image, reference in enumerate(references, start=1):
                pixels = release[reference][()]
                # MATLAB stores an empty cell as a vector.
                if pixels.ndim < 3:
                    continue
                name = image_name(number, person, image)
                (folder / name).write_bytes(_encode(pixels.T, f"{release.filename}: '{kind}' {name}"))
                written += 1
            advance(1)
    return written


def _encode(pixels: npt.NDArray[np.uint8], name: str) -> bytes:
    """Return RGB pixels (H, W, 3) as a PNG file."""
    if pixels.dtype != np.uint8 or pixels.shape[2:] != (3,):
        raise DatasetError(
            f"{name} must be 8-bit colour, got {pixels.dtype} of shape {pixels.shape}; restore the file"
        )
    written, data = cv2.imencode(".png", np.ascontiguousarray(pixels[:, :, ::-1]))
    if not written:
        raise DatasetError(f"cannot encode {name}; install opencv-python-headless with PNG support")
    return data.tobytes()


@contextmanager
def _fill_folder(destination: Path) -> Iterator[Path | None]:
    """Yield a temporary folder that becomes `destination` after the block; None if `destination` exists."""
    unfinished = destination.with_name(f".{destination.name}.{uuid4().hex}.unfinished")
    try:
        with FileLock(destination.with_name(f".{destination.name}.lock")):
            # Left by attempts that were killed.
            for abandoned in destination.parent.glob(f".{destination.name}.*.unfinished"):
                shutil.rmtree(abandoned, ignore_errors=True)
            if destination.is_dir():
                yield None
                return
            try:
                unfinished.mkdir()
                yield unfinished
                unfinished.replace(destination)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise DatasetError(
            f"cannot extract to {destination}: {error}; check the release file, disk space and permissions"
        ) from error
