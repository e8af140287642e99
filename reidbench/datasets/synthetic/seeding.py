"""Independent random generators, one per draw, so that results do not depend on order or worker count."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Purpose of a random generator; part of its seed."""

    PERSON = 2
    PATH = 4
    LENGTH = 5
    SPLITS = 6
    FOLDERS = 7
    BACKGROUND = 8
    NOISE = 9
    CAMERA = 10
    LABELS = 11
    LIGHT = 12
    OBJECTS = 13
    WALKERS = 14
    DETECTOR = 15
    SENSOR = 16
    PASSER_BY = 17


def make_rng(purpose: Stream, *keys: int) -> np.random.Generator:
    """Create the generator of a purpose and its keys, such as seed, person index and camera number."""
    return np.random.default_rng(np.random.SeedSequence((int(purpose), *keys)))
