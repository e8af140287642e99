"""A picture of some people of a synthetic tree, to see at a glance what it holds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from reidbench.errors import ConfigError, DatasetError, FrameError

_ENLARGED = 2
_GAP = 4  # pixels between rows and columns
_LABEL = 84  # pixels left of a row
_STEP = 8  # between colour levels: finer ones are sensor noise, which makes a PNG large
_PAPER, _INK = 255, (60, 60, 60)

_Picture = npt.NDArray[np.uint8]


def write_contact_sheet(dataset_folder: Path, out: Path, people: int = 6, frames: int = 8) -> None:
    """Write a PNG with two rows for each of the first people, one row per camera.

    Args:
        dataset_folder: an iLIDS-VID tree.
        out: file to write; its folder must exist.
        people: number of people, at most as many as the tree has.
        frames: frames per row, evenly spaced over the track.

    Raises:
        ConfigError: `people` or `frames` is below 1.
        DatasetError: no such tree, or a frame that cannot be read.
    """
    if people < 1 or frames < 1:
        raise ConfigError(f"a contact sheet needs at least 1 person and 1 frame, got {people} and {frames}")
    sequences = dataset_folder / "i-LIDS-VID" / "sequences"
    names = sorted(folder.name for folder in sequences.glob("cam1/person*"))[:people]
    if not names:
        raise DatasetError(f"no people under {sequences / 'cam1'}: give the folder of a rendered tree")
    rows = [_row(sequences / camera / name, frames) for name in names for camera in ("cam1", "cam2")]
    sheet = np.vstack(rows) // _STEP * _STEP + _STEP - 1
    if not cv2.imwrite(str(out), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise DatasetError(
            f"cannot write the contact sheet to {out}: the name must end in .png and its folder exist"
        )


def _row(track: Path, count: int) -> _Picture:
    files = sorted(track.glob("*.png"))
    chosen = [files[int(index)] for index in np.linspace(0, len(files) - 1, count).round()]
    cells = [_label(f"{track.name[-3:]} {track.parent.name}")]
    for path in chosen:
        picture = cv2.imread(str(path))
        if picture is None:
            raise FrameError(path, "no readable PNG")
        cells.append(np.repeat(np.repeat(picture, _ENLARGED, axis=0), _ENLARGED, axis=1).astype(np.uint8))
    padded = [np.pad(cell, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=_PAPER) for cell in cells]
    return np.hstack(padded).astype(np.uint8)


def _label(text: str) -> _Picture:
    paper = np.full((128 * _ENLARGED, _LABEL, 3), _PAPER, np.uint8)
    cv2.putText(paper, text, (4, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    return paper
