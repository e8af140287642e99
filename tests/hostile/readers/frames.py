"""Frames: hostile pictures, and lossless ones of unusual kinds whose pixels are known."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np

from reidbench.datasets.frames import decode
from tests.calls import Answer, call
from tests.hostile.outcomes import Outcome
from tests.hostile.pictures import REFUSED, make_deep_picture, make_picture
from tests.hostile.reader import TRUTH, Reader


def prepare_nothing(folder: Path) -> None:
    """Leave the folder empty: each input is written by its damage."""


def damage_frame(folder: Path, random: Random) -> str:
    """Write a hostile frame."""
    data, suffix, what = make_picture(random)
    (folder / f"frame{suffix}").write_bytes(data)
    (folder / TRUTH).write_text(json.dumps(what))
    return f"{what} in a {suffix}"


def read_frame(folder: Path) -> Answer:
    """Decode the frame in a folder."""
    path = next(path for path in folder.iterdir() if path.stem == "frame")
    return call(folder, lambda: list(decode(path).shape))


def judge_frame(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """Other formats and very large pictures must be refused."""
    what = json.loads((folder / TRUTH).read_text())
    return (Outcome.WRONG, "decoded") if what in REFUSED else (Outcome.ACCEPTED, answer.out)


def damage_deep_frame(folder: Path, random: Random) -> str:
    """Write a lossless frame of an unusual kind, and the pixels that it shows."""
    data, pixels, kind = make_deep_picture(random)
    (folder / "frame.png").write_bytes(data)
    (folder / TRUTH).write_text(json.dumps(pixels.tolist()))
    return kind


def read_deep_frame(folder: Path) -> Answer:
    """Decode the frame to numbers."""
    return call(folder, lambda: decode(folder / "frame.png").tolist())


def judge_pixels(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """Pixels may differ by the rounding of the conversion."""
    truth = np.array(json.loads((folder / TRUTH).read_text()))
    pixels = np.array(json.loads(answer.out))
    if truth.shape == pixels.shape and np.abs(truth - pixels).max() <= 1:
        return Outcome.SAME, ""
    return (
        Outcome.WRONG,
        f"differs by {np.abs(truth - pixels).max() if truth.shape == pixels.shape else 'shape'}",
    )


READERS = (
    Reader(
        name="frame",
        prepare=prepare_nothing,
        damage=damage_frame,
        read=read_frame,
        judge=judge_frame,
        share=3,
    ),
    Reader(
        name="frame-depth",
        prepare=prepare_nothing,
        damage=damage_deep_frame,
        read=read_deep_frame,
        judge=judge_pixels,
    ),
)
