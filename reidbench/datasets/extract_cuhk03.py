"""The release file of CUHK03: its test sets, and extraction of its images to PNG files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from filelock import FileLock

from reidbench.datasets.frame_mark import HEAD_BYTES, has_matlab_mark
from reidbench.datasets.image_files import encode_image
from reidbench.datasets.matlab import check_integers, load_mat, open_cells
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
    for kind in KINDS:
        with _fill_folder(folder / images_folder(kind)) as unfinished:
            if unfinished is not None:
                written += _extract_kind(folder / RELEASE, kind, unfinished, shown=shown)
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
    cells = load_mat(path, "testsets")["testsets"].ravel()
    sets = [
        check_integers(path, f"testsets of set {number}", cell) for number, cell in enumerate(cells, start=1)
    ]
    for number, rows in enumerate(sets, start=1):
        if rows.ndim != 2 or rows.shape[1] != 2:
            raise DatasetError(
                f"{path}: test set {number} must be an array (people, 2), got {rows.shape}; restore the file"
            )
    return [[(int(pair), int(person)) for pair, person in rows] for rows in sets]


def _extract_kind(release: Path, kind: str, folder: Path, *, shown: bool) -> int:
    """Write the images of a kind of boxes; each camera pair is a cell (people, 10)."""
    written = 0
    with open_cells(release, kind) as (shapes, pictures):
        with release.open("rb") as file:
            is_rendered = has_matlab_mark(file.read(HEAD_BYTES))
        for number, shape in enumerate(shapes, start=1):
            if len(shape) != 2 or shape[1] != IMAGES_PER_PERSON:
                raise DatasetError(
                    f"{release}: '{kind}' of camera pair {number} must have {IMAGES_PER_PERSON} images each, got "
                    f"a cell of shape {shape}; restore the file"
                )
        with progress_bar(kind, sum(people for people, _ in shapes), shown=shown) as advance:
            for number, (people, _) in enumerate(shapes, start=1):
                for person in range(1, people + 1):
                    for image in range(1, IMAGES_PER_PERSON + 1):
                        pixels = next(pictures)
                        name = image_name(number, person, image)
                        # MATLAB stores an empty cell as a vector.
                        if isinstance(pixels, np.ndarray) and pixels.ndim < 3:
                            continue
                        (folder / name).write_bytes(
                            _encode(pixels, f"{release}: '{kind}' {name}", is_rendered=is_rendered)
                        )
                        written += 1
                    advance(1)
    return written


def _encode(pixels: Any, name: str, *, is_rendered: bool) -> bytes:
    """Return RGB pixels (H, W, 3) as a PNG file."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[2:] != (3,):
        received = (
            f"{pixels.dtype} of shape {pixels.shape}" if isinstance(pixels, np.ndarray) else pixels.kind
        )
        raise DatasetError(f"{name} must be 8-bit colour, got {received}; restore the file")
    return encode_image(np.ascontiguousarray(pixels), ".png", is_rendered=is_rendered)


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
