"""Rendering of one track: one person in front of one camera, frame by frame."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from reidbench.datasets.masks import MASK_BACKGROUND, MASK_IN_FRONT, MASK_PERSON
from reidbench.datasets.synthetic.appearance import Appearance
from reidbench.datasets.synthetic.backgrounds import BACKGROUND_HEIGHT, BACKGROUND_PERIOD, draw_background
from reidbench.datasets.synthetic.cameras import Camera
from reidbench.datasets.synthetic.canvas import HEIGHT, WIDTH, Canvas
from reidbench.datasets.synthetic.difficulty import DIFFICULTY
from reidbench.datasets.synthetic.exposure import Exposure, Floats, Image, fold_bank
from reidbench.datasets.synthetic.figure import draw_figure
from reidbench.datasets.synthetic.parts import PARTS_PER_PERSON, make_colour_table
from reidbench.datasets.synthetic.pose import Pose
from reidbench.datasets.synthetic.seeding import Stream, make_rng
from reidbench.datasets.synthetic.traffic import ObjectKind, PassingObject, draw_object, sample_traffic

# Frames per second.
FRAME_RATE = 25.0
# Canvas pixels per output pixel and axis, for smooth edges.
_SUPERSAMPLING = 2
# Maximum number of objects in front of the person, and behind; their part numbers fit into 8 bits.
_MAX_OBJECTS = 4

# Class of pixels of the empty background. People behind are background in a mask too, but they cover pixels.
_UNCOVERED = -1

_FRONT_SHARES = {
    ObjectKind.PERSON: 0.45,
    ObjectKind.TROLLEY: 0.25,
    ObjectKind.PILLAR: 0.2,
    ObjectKind.BARRIER: 0.1,
}


class Track:
    """All frames of one person in one camera, equal for equal seed, person and camera."""

    def __init__(self, person: Appearance, camera: Camera, *, seed: int, index: int, frames: int) -> None:
        """Draw all random values of the track.

        Args:
            person: appearance of the person.
            camera: camera of the track.
            seed: seed of the tree.
            index: key of the random generator, together with camera and seed.
            frames: length of the track.
        """
        rng = make_rng(Stream.TRACK, seed, index, camera.number)
        self.length = frames
        self._person, self._camera = person, camera
        self._background = draw_background(seed, camera)
        self._canvas = Canvas(WIDTH * _SUPERSAMPLING, HEIGHT * _SUPERSAMPLING)
        self._motion = _Motion(rng, person, camera, frames)
        self._behind = sample_traffic(rng, frames, DIFFICULTY.behind_rate, {ObjectKind.PERSON: 1.0})[
            :_MAX_OBJECTS
        ]
        self._front = sample_traffic(rng, frames, DIFFICULTY.occluder_rate, _FRONT_SHARES)[:_MAX_OBJECTS]
        self._depth = rng.uniform(0.62, 0.85)
        self._colours, self._classes = self._build_tables()
        self._uncovered = np.repeat(_make_table(self._classes == _UNCOVERED)[:, None], 3, axis=2)
        self._exposure = Exposure(rng, camera, frames)
        # The frame on the canvas, so that its image and mask share one drawing.
        self._drawn_frame: int | None = None

    def is_clear(self, frame: int) -> bool:
        """Return whether the person is unoccluded in a frame."""
        return not any(item.is_present(frame) for item in self._front)

    def render(self, frame: int) -> Image:
        """Render the image of one frame: (HEIGHT, WIDTH, 3), RGB."""
        self._draw(frame)
        labels = self._canvas.labels
        foreground = _downsample(cv2.applyColorMap(labels, self._colours))
        uncovered = _downsample(cv2.applyColorMap(labels, self._uncovered)) * np.float32(1 / 255)
        scene = foreground * self._crop_folds(frame) + self._crop_background(frame) * uncovered
        return self._exposure.apply(scene, frame)

    def render_mask(self, frame: int) -> Image:
        """Render the mask of one frame: (HEIGHT, WIDTH) of the three MASK values.

        A pixel belongs to the class that covers most of it. People behind the person are background.
        """
        self._draw(frame)
        labels = self._canvas.labels
        person = _downsample(cv2.LUT(labels, _make_table(self._classes == MASK_PERSON)))
        in_front = _downsample(cv2.LUT(labels, _make_table(self._classes == MASK_IN_FRONT)))
        mask = np.where(person > 127, MASK_PERSON, MASK_BACKGROUND)
        return np.where(in_front > 127, MASK_IN_FRONT, mask).astype(np.uint8)

    def _draw(self, frame: int) -> None:
        if frame == self._drawn_frame:
            return
        canvas = self._canvas
        canvas.clear()
        self._drawn_frame = frame
        for index, item in enumerate(self._behind):
            if item.is_present(frame):
                draw_object(canvas, item, frame, _part_offset(1 + index), scale=self._depth, drop=0.1)
        draw_figure(canvas, self._person, self._motion.pose(frame))
        for index, item in enumerate(self._front):
            if item.is_present(frame):
                draw_object(canvas, item, frame, _part_offset(1 + _MAX_OBJECTS + index), scale=1.0, drop=0.06)

    def _build_tables(self) -> tuple[Image, npt.NDArray[np.int64]]:
        """Return the colour (256, 1, 3) and mask class (256,) of each part number; part 0 is _UNCOVERED."""
        colours = np.zeros((256, 1, 3), np.uint8)
        classes = np.full(256, _UNCOVERED)
        colours[:PARTS_PER_PERSON, 0] = make_colour_table(self._person)
        classes[1:PARTS_PER_PERSON] = MASK_PERSON
        groups = [(1, self._behind, MASK_BACKGROUND), (1 + _MAX_OBJECTS, self._front, MASK_IN_FRONT)]
        for first, objects, mask in groups:
            for index, item in enumerate(objects):
                start = _part_offset(first + index)
                colours[start : start + PARTS_PER_PERSON, 0] = _make_object_colours(item)
                classes[start + 1 : start + PARTS_PER_PERSON] = mask
        return colours, classes

    def _crop_background(self, frame: int) -> Image:
        column, row = self._motion.window(frame)
        return self._background[row : row + HEIGHT, column : column + WIDTH]

    def _crop_folds(self, frame: int) -> Floats:
        row, column = self._motion.fold_window(frame)
        return fold_bank()[row : row + HEIGHT, column : column + WIDTH]


class _Motion:
    """Path, heading and box of the person during one track."""

    def __init__(self, rng: np.random.Generator, person: Appearance, camera: Camera, frames: int) -> None:
        self._camera = camera
        # Half of the people walk to the left.
        side = rng.choice([-1, 1])
        heading = camera.heading + rng.normal(0, DIFFICULTY.heading_sigma)
        turn = rng.normal(0, DIFFICULTY.heading_drift) * np.linspace(-0.5, 0.5, frames)
        # Integer degrees, so that cached surfaces are reused.
        self._heading = np.radians(np.rint(side * (heading + turn)))
        time = np.arange(frames) / FRAME_RATE
        self._phase = rng.uniform(0, 2 * math.pi) + 2 * math.pi * person.gait.rate * time
        self._lean = 0.008 * np.sin(self._phase)
        bias = rng.normal(0, DIFFICULTY.shift_bias_sigma, 2)
        self._shift = bias + DIFFICULTY.shift_sigma * _draw_autoregressive_noise(rng, frames, 2)
        scale = (
            rng.normal(0, DIFFICULTY.scale_bias_sigma)
            + DIFFICULTY.scale_sigma * _draw_autoregressive_noise(rng, frames, 1)[:, 0]
        )
        self._unit = 117.0 * person.build.height * np.exp(scale)
        # Speed of the box over the background, in pixels per frame.
        speed = side * math.sin(math.radians(heading)) * rng.uniform(0.8, 1.8)
        self._column = rng.uniform(0, BACKGROUND_PERIOD) + speed * np.arange(frames)
        self._row = rng.uniform(0.2, 0.8) * (BACKGROUND_HEIGHT - HEIGHT)
        self._folds = rng.integers(0, 100, (frames, 2))

    def pose(self, frame: int) -> Pose:
        """Return the pose on the canvas in one frame."""
        # Drawing is much faster with Python floats than with NumPy floats.
        unit = float(self._unit[frame])
        x, y = self._shift[frame].tolist()
        bounce = 0.012 * unit * abs(math.cos(self._phase[frame]))
        return Pose(
            x=_SUPERSAMPLING * (WIDTH / 2 + x),
            y=_SUPERSAMPLING * (HEIGHT / 2 + 1 - unit / 2 + y - bounce),
            unit=_SUPERSAMPLING * unit,
            heading=float(self._heading[frame]),
            phase=float(self._phase[frame]),
            pitch=self._camera.pitch,
            lean=float(self._lean[frame]),
        )

    def window(self, frame: int) -> tuple[int, int]:
        """Return column and row of the background behind the box, which moves opposite to the box jitter."""
        x, y = self._shift[frame]
        row = min(max(round(self._row - y), 0), BACKGROUND_HEIGHT - HEIGHT)
        return round(self._column[frame] - x) % BACKGROUND_PERIOD, row

    def fold_window(self, frame: int) -> tuple[int, int]:
        """Return row and column of the folds of cloth, which change every three frames."""
        row, column = self._folds[frame // 3]
        return int(row), int(column)


def _draw_autoregressive_noise(rng: np.random.Generator, frames: int, count: int) -> npt.NDArray[np.float64]:
    """Draw autoregressive noise of unit variance: (frames, count)."""
    keep = 0.75
    steps = rng.normal(0, 1, (frames, count))
    for index in range(1, frames):
        steps[index] = keep * steps[index - 1] + math.sqrt(1 - keep**2) * steps[index]
    return steps


def _part_offset(slot: int) -> int:
    return slot * PARTS_PER_PERSON


def _make_object_colours(item: PassingObject) -> Image:
    if item.person is not None:
        return make_colour_table(item.person)
    table = np.zeros((PARTS_PER_PERSON, 3), np.uint8)
    table[1], table[2] = item.colours
    return table


def _make_table(selected: npt.NDArray[np.bool_]) -> Image:
    """Return a lookup table (256, 1) that is 255 for the selected part numbers."""
    return np.where(selected, 255, 0).astype(np.uint8)[:, None]


def _downsample(image: MatLike) -> Image:
    return np.asarray(cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)
