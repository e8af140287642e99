"""One track: a person walking past one camera, frame by frame."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from reidbench.datasets.masks import MASK_BACKGROUND, MASK_IN_FRONT, MASK_PERSON
from reidbench.datasets.synthetic.appearance import Appearance
from reidbench.datasets.synthetic.backgrounds import PLATE_HEIGHT, PLATE_PERIOD, background_plate
from reidbench.datasets.synthetic.camera_work import Exposure, Floats, Image, fold_bank
from reidbench.datasets.synthetic.cameras import Camera
from reidbench.datasets.synthetic.canvas import HEIGHT, WIDTH, Canvas
from reidbench.datasets.synthetic.difficulty import DIFFICULTY
from reidbench.datasets.synthetic.figure import draw_figure
from reidbench.datasets.synthetic.parts import PARTS_PER_PERSON, part_colours
from reidbench.datasets.synthetic.pose import Pose
from reidbench.datasets.synthetic.seeding import Stream, stream
from reidbench.datasets.synthetic.traffic import Kind, Passing, draw_passing, draw_traffic

FRAME_RATE = 25.0  # frames per second of the imagined recorder
_FINER = 2  # canvas pixels per output pixel and axis, for smooth edges
_MOST_AT_ONCE = 4  # passings on either side of the person whose part numbers fit into 8 bits

_NOTHING = -1  # class of pixels that nobody covers; people behind are background in a mask, yet opaque

_FRONT_KINDS = {Kind.PERSON: 0.45, Kind.TROLLEY: 0.25, Kind.PILLAR: 0.2, Kind.BARRIER: 0.1}


class Track:
    """All frames of one person under one camera; the same for the same seed, person and camera."""

    def __init__(self, person: Appearance, camera: Camera, *, seed: int, index: int, frames: int) -> None:
        """Draw everything that happens during the track.

        Args:
            person: who walks.
            camera: who watches.
            seed: seed of the tree.
            index: position of the person in the tree, which with camera and seed names the random stream.
            frames: length of the track.
        """
        rng = stream(Stream.TRACK, seed, index, camera.number)
        self.length = frames
        self._person, self._camera = person, camera
        self._plate = background_plate(seed, camera)
        self._canvas = Canvas(WIDTH * _FINER, HEIGHT * _FINER)
        self._walk = _Walk(rng, person, camera, frames)
        self._behind = draw_traffic(rng, frames, DIFFICULTY.behind_rate, {Kind.PERSON: 1.0})[:_MOST_AT_ONCE]
        self._front = draw_traffic(rng, frames, DIFFICULTY.occluder_rate, _FRONT_KINDS)[:_MOST_AT_ONCE]
        self._depth = rng.uniform(0.62, 0.85)
        self._colours, self._classes = self._tables()
        self._free = np.repeat(_table(self._classes == _NOTHING)[:, None], 3, axis=2)
        self._exposure = Exposure(rng, camera, frames)
        self._drawn: int | None = None  # the frame on the canvas: a picture and its mask are drawn once

    def is_clear(self, frame: int) -> bool:
        """Tell whether nothing passes in front of the person in a frame."""
        return not any(passing.is_present(frame) for passing in self._front)

    def render(self, frame: int) -> Image:
        """Return the picture of one frame: (HEIGHT, WIDTH, 3), RGB."""
        self._draw(frame)
        labels = self._canvas.labels
        drawn = _shrink(cv2.applyColorMap(labels, self._colours))
        free = _shrink(cv2.applyColorMap(labels, self._free)) * np.float32(1 / 255)
        scene = drawn * self._folds(frame) + self._background(frame) * free
        return self._exposure.take(scene, frame)

    def mask(self, frame: int) -> Image:
        """Return who covers which pixel of a frame: (HEIGHT, WIDTH) of the three MASK values.

        A pixel belongs to whoever covers most of it; people behind the person are background.
        """
        self._draw(frame)
        labels = self._canvas.labels
        person = _shrink(cv2.LUT(labels, _table(self._classes == MASK_PERSON)))
        in_front = _shrink(cv2.LUT(labels, _table(self._classes == MASK_IN_FRONT)))
        mask = np.where(person > 127, MASK_PERSON, MASK_BACKGROUND)
        return np.where(in_front > 127, MASK_IN_FRONT, mask).astype(np.uint8)

    def _draw(self, frame: int) -> None:
        if frame == self._drawn:
            return
        canvas = self._canvas
        canvas.clear()
        self._drawn = frame
        for index, passing in enumerate(self._behind):
            if passing.is_present(frame):
                draw_passing(canvas, passing, frame, _offset(1 + index), scale=self._depth, drop=0.1)
        draw_figure(canvas, self._person, self._walk.pose(frame))
        for index, passing in enumerate(self._front):
            if passing.is_present(frame):
                draw_passing(canvas, passing, frame, _offset(1 + _MOST_AT_ONCE + index), scale=1.0, drop=0.06)

    def _tables(self) -> tuple[Image, npt.NDArray[np.int64]]:
        """Return colour (256, 1, 3) and mask class (256,) of every part number; part 0 is _NOTHING."""
        colours = np.zeros((256, 1, 3), np.uint8)
        classes = np.full(256, _NOTHING)
        colours[:PARTS_PER_PERSON, 0] = part_colours(self._person)
        classes[1:PARTS_PER_PERSON] = MASK_PERSON
        groups = [(1, self._behind, MASK_BACKGROUND), (1 + _MOST_AT_ONCE, self._front, MASK_IN_FRONT)]
        for first, passings, mask in groups:
            for index, passing in enumerate(passings):
                start = _offset(first + index)
                colours[start : start + PARTS_PER_PERSON, 0] = _passing_colours(passing)
                classes[start + 1 : start + PARTS_PER_PERSON] = mask
        return colours, classes

    def _background(self, frame: int) -> Image:
        column, row = self._walk.window(frame)
        return self._plate[row : row + HEIGHT, column : column + WIDTH]

    def _folds(self, frame: int) -> Floats:
        row, column = self._walk.fold_window(frame)
        return fold_bank()[row : row + HEIGHT, column : column + WIDTH]


class _Walk:
    """Path, direction and box of the person during one track."""

    def __init__(self, rng: np.random.Generator, person: Appearance, camera: Camera, frames: int) -> None:
        self._camera = camera
        side = rng.choice([-1, 1])  # people cross to the left as often as to the right
        heading = camera.heading + rng.normal(0, DIFFICULTY.heading_sigma)
        turn = rng.normal(0, DIFFICULTY.heading_drift) * np.linspace(-0.5, 0.5, frames)
        self._heading = np.radians(np.rint(side * (heading + turn)))  # whole degrees: surfaces are reused
        time = np.arange(frames) / FRAME_RATE
        self._phase = rng.uniform(0, 2 * math.pi) + 2 * math.pi * person.gait.rate * time
        self._lean = 0.008 * np.sin(self._phase)
        bias = rng.normal(0, DIFFICULTY.shift_bias_sigma, 2)
        self._shift = bias + DIFFICULTY.shift_sigma * _wander(rng, frames, 2)
        scale = (
            rng.normal(0, DIFFICULTY.scale_bias_sigma)
            + DIFFICULTY.scale_sigma * _wander(rng, frames, 1)[:, 0]
        )
        self._unit = 117.0 * person.build.height * np.exp(scale)
        speed = side * math.sin(math.radians(heading)) * rng.uniform(0.8, 1.8)  # pixels; the box follows
        self._column = rng.uniform(0, PLATE_PERIOD) + speed * np.arange(frames)
        self._row = rng.uniform(0.2, 0.8) * (PLATE_HEIGHT - HEIGHT)
        self._folds = rng.integers(0, 100, (frames, 2))

    def pose(self, frame: int) -> Pose:
        """Return the pose on the canvas."""
        unit = float(self._unit[frame])  # plain floats: drawing is much slower with NumPy's
        x, y = self._shift[frame].tolist()
        bounce = 0.012 * unit * abs(math.cos(self._phase[frame]))
        return Pose(
            x=_FINER * (WIDTH / 2 + x),
            y=_FINER * (HEIGHT / 2 + 1 - unit / 2 + y - bounce),
            unit=_FINER * unit,
            heading=float(self._heading[frame]),
            phase=float(self._phase[frame]),
            pitch=self._camera.pitch,
            lean=float(self._lean[frame]),
        )

    def window(self, frame: int) -> tuple[int, int]:
        """Return column and row of the background behind the box; it moves against the jitter of the box."""
        x, y = self._shift[frame]
        row = min(max(round(self._row - y), 0), PLATE_HEIGHT - HEIGHT)
        return round(self._column[frame] - x) % PLATE_PERIOD, row

    def fold_window(self, frame: int) -> tuple[int, int]:
        """Return row and column of the folds of cloth, which change with every movement."""
        row, column = self._folds[frame // 3]
        return int(row), int(column)


def _wander(rng: np.random.Generator, frames: int, count: int) -> npt.NDArray[np.float64]:
    """Return (frames, count) autoregressive noise of unit variance: a box follows with some inertia."""
    keep = 0.75
    steps = rng.normal(0, 1, (frames, count))
    for index in range(1, frames):
        steps[index] = keep * steps[index - 1] + math.sqrt(1 - keep**2) * steps[index]
    return steps


def _offset(slot: int) -> int:
    return slot * PARTS_PER_PERSON


def _passing_colours(passing: Passing) -> Image:
    if passing.person is not None:
        return part_colours(passing.person)
    table = np.zeros((PARTS_PER_PERSON, 3), np.uint8)
    table[1], table[2] = passing.colours
    return table


def _table(chosen: npt.NDArray[np.bool_]) -> Image:
    """Return a look-up table (256, 1) that is 255 for the chosen part numbers."""
    return np.where(chosen, 255, 0).astype(np.uint8)[:, None]


def _shrink(finer: MatLike) -> Image:
    return np.asarray(cv2.resize(finer, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)
