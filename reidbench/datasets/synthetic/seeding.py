"""Independent random streams: one per thing drawn, so that neither order nor worker count matters."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from reidbench.fingerprints import derived_seed


class Stream(IntEnum):
    """What a random stream is for; part of its seed."""

    CAST = 1
    PERSON = 2
    GROUP = 3
    TRACK = 4
    LENGTH = 5
    SPLITS = 6
    FOLDERS = 7
    PLATE = 8
    NOISE = 9
    CAMERA = 10
    LABELS = 11


def stream(purpose: Stream, *numbers: int) -> np.random.Generator:
    """Return the generator of one purpose and its numbers, such as seed, person and camera."""
    return np.random.default_rng(np.random.SeedSequence((int(purpose), *numbers)))


def layout_seed(layout: str, seed: int) -> int:
    """Return the seed of a layout's people, so that trees of two layouts and one seed show different people."""
    return derived_seed("layout", layout, seed)
