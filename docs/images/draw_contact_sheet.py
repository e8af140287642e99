"""Draws the README's picture: rendered people, two rows per person, one row per camera.

    python docs/images/draw_contact_sheet.py [--out FILE.png] [--people 4] [--frames 7]

The script renders the tree of the `demo` protocol (with `--tree-people`, a smaller one) in a temporary folder and
draws the first people of it.
"""

from __future__ import annotations

import argparse
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.ilids_vid import LAYOUT

PICTURE = Path(__file__).with_name("synthetic-contact-sheet.png")
DEMO = Path(__file__).parents[2] / "protocols/demo.toml"
CAMERAS = ("cam1", "cam2")
MAGNIFICATION = 2
# Pixels between rows and columns.
GAP = 4
# Pixels to the left of a row, for its label.
LABEL_WIDTH = 84
# Distance of colour levels. Finer levels are sensor noise, which makes a PNG large.
COLOR_STEP = 8
WHITE, GRAY = 255, (60, 60, 60)

Picture = npt.NDArray[np.uint8]


def draw_contact_sheet(dataset_folder: Path, people: int, frames: int) -> Picture:
    """Return a picture with one row per person and camera.

    Args:
        dataset_folder: an iLIDS-VID tree.
        people: number of people, at most as many as the tree has.
        frames: frames per row, evenly spaced over the track.
    """
    sequences = dataset_folder / "i-LIDS-VID" / "sequences"
    names = sorted(folder.name for folder in (sequences / CAMERAS[0]).iterdir())[:people]
    rows = [_draw_row(sequences / camera / name, frames) for name in names for camera in CAMERAS]
    sheet = np.vstack(rows) // COLOR_STEP * COLOR_STEP + COLOR_STEP - 1
    return sheet.astype(np.uint8)


def _draw_row(track: Path, count: int) -> Picture:
    files = sorted(track.glob("*.png"))
    cells = [_draw_label(f"{track.name[-3:]} {track.parent.name}")]
    for index in np.linspace(0, len(files) - 1, count).round():
        frame = cv2.imread(str(files[int(index)]))
        if frame is None:
            raise SystemExit(f"cannot read {files[int(index)]}")
        cells.append(
            np.repeat(np.repeat(frame, MAGNIFICATION, axis=0), MAGNIFICATION, axis=1).astype(np.uint8)
        )
    with_gaps = [np.pad(cell, ((0, GAP), (0, GAP), (0, 0)), constant_values=WHITE) for cell in cells]
    return np.hstack(with_gaps).astype(np.uint8)


def _draw_label(text: str) -> Picture:
    label = np.full((128 * MAGNIFICATION, LABEL_WIDTH, 3), WHITE, np.uint8)
    cv2.putText(label, text, (4, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.42, GRAY, 1, cv2.LINE_AA)
    return label


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def main() -> None:
    """Render a tree and draw its first people."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=PICTURE, help="PNG file to write (default: the README's)")
    parser.add_argument("--people", type=_count, default=4, help="number of people (default: 4)")
    parser.add_argument("--frames", type=_count, default=7, help="frames per row (default: 7)")
    parser.add_argument("--tree-people", type=_count, help="people to render (default: as many as demo)")
    arguments = parser.parse_args()
    settings = SyntheticSettings(**tomllib.loads(DEMO.read_text(encoding="utf-8"))["synthetic"])
    if arguments.tree_people is not None:
        settings = replace(settings, people=arguments.tree_people)
    with tempfile.TemporaryDirectory() as root:
        tree = LAYOUT.synthesize(Path(root), settings)
        sheet = draw_contact_sheet(tree, arguments.people, arguments.frames)
    if not cv2.imwrite(str(arguments.out), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise SystemExit(f"cannot write {arguments.out}: the name must end in .png and its folder must exist")


if __name__ == "__main__":
    main()
