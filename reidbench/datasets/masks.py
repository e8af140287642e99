"""Masks of rendered frames: background, person or object in front, for every pixel."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from reidbench.datasets.frames import Frames, read_picture
from reidbench.datasets.tracklets import DatasetContents
from reidbench.errors import FrameError

MASK_BACKGROUND, MASK_PERSON, MASK_IN_FRONT = 0, 1, 2
MASK_CLASSES = 3
FOLDER = "masks"


def mask_file(frame: str) -> str:
    """Return the mask file of a frame; both are paths relative to the dataset folder, separated by "/".

    Masks are PNG files for every format of frames, since lossy compression would change their values. The masks of
    frames that end in .jpg.jpg, as some of Market-1501 do, end in .png.
    """
    path = PurePosixPath(frame)
    stem, _, _ = path.name.partition(".")
    return str(FOLDER / path.with_name(f"{stem}.png"))


def mask_files(frames: Iterable[str]) -> tuple[str, ...]:
    """Return the mask file of each frame."""
    return tuple(mask_file(frame) for frame in frames)


def has_masks(contents: DatasetContents) -> bool:
    """Return whether a dataset is a rendered tree whose frames have masks."""
    is_set = contents.marker is not None and contents.marker.parameters.get("masks") is True
    return is_set and (contents.table.root / FOLDER).is_dir()


def read_mask(root: Path, frame: Path) -> Frames:
    """Return the mask (H, W) of a frame, uint8 with the three MASK values.

    Args:
        root: the dataset folder.
        frame: a file inside it.

    Raises:
        FrameError: the mask is missing, damaged, or has other values.
    """
    path = root / mask_file(frame.relative_to(root).as_posix())
    mask = read_picture(path, "L", formats=("PNG",))
    if mask.max(initial=0) >= MASK_CLASSES:
        raise FrameError(path, f"values of a mask must be 0, 1 or 2, got {int(mask.max())}")
    return mask
