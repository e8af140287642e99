"""One track: a person in front of one camera, frame by frame."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from reidbench.datasets.masks import MASK_BACKGROUND, MASK_IN_FRONT, MASK_PERSON
from reidbench.datasets.synthetic.backdrop import BACKDROPS, cut_backdrop, draw_backdrop
from reidbench.datasets.synthetic.cameras import Camera
from reidbench.datasets.synthetic.detector import HEIGHT, WIDTH, Detector
from reidbench.datasets.synthetic.difficulty import DIFFICULTY
from reidbench.datasets.synthetic.light import PathLight, Sun
from reidbench.datasets.synthetic.objects import draw_objects, draw_walkers
from reidbench.datasets.synthetic.path import Path
from reidbench.datasets.synthetic.people import Appearance, Facets, Figure, concat_facets
from reidbench.datasets.synthetic.raster import (
    NEAR,
    Points,
    Window,
    fill,
    measure_bounds,
    project,
    shade,
    sort_visible,
    to_pixels,
)
from reidbench.datasets.synthetic.seeding import Stream, make_rng
from reidbench.datasets.synthetic.sensor import Image, Sensor

# Canvas pixels per output pixel and axis, for smooth edges.
_SUPERSAMPLING = 3
_ROWS, _COLUMNS = HEIGHT * _SUPERSAMPLING, WIDTH * _SUPERSAMPLING
# Values of the fourth channel of the canvas; 0: the backdrop. People behind are background in a mask too, but they
# cover pixels.
_CODES = {MASK_BACKGROUND: 1, MASK_PERSON: 2, MASK_IN_FRONT: 3}


class Track:
    """All frames of one person in one camera, equal for equal seed, person and camera."""

    def __init__(self, person: Appearance, camera: Camera, *, seed: int, index: int, frames: int) -> None:
        """Draw all random values of the track.

        Args:
            person: appearance of the person.
            camera: camera of the track.
            seed: seed of the tree.
            index: key of the random generators, together with camera and seed.
            frames: length of the track.
        """
        keys = (seed, index, camera.number)
        self.length = frames
        self._eye = camera.height
        self._figure = _build_figure(person)
        self._path = Path(make_rng(Stream.PATH, *keys), person, camera, frames)
        rng = make_rng(Stream.LIGHT, *keys)
        self._sun = _draw_sun(rng, camera)
        self._light = PathLight(rng, self._path.distances, camera.cast)
        rng = make_rng(Stream.WALKERS, *keys)
        self._walkers = [
            *draw_walkers(rng, self._path, DIFFICULTY.walkers_in_front, 0.45, 0.85),
            *draw_walkers(rng, self._path, DIFFICULTY.walkers_behind, 1.12, 1.6),
        ]
        self._objects = draw_objects(make_rng(Stream.OBJECTS, *keys), self._path, DIFFICULTY.object_rate)
        self._detector = Detector(make_rng(Stream.DETECTOR, *keys), frames)
        self._sensor = Sensor(make_rng(Stream.SENSOR, *keys), camera, self._light.track, frames)
        number = int(make_rng(Stream.BACKGROUND, *keys, 0).integers(BACKDROPS))
        self._backdrop = draw_backdrop(seed, camera, number)
        self._canvas = np.zeros((_ROWS, _COLUMNS, 4), np.uint8)
        # The frame on the canvas, so that its image and mask share one drawing.
        self._drawn: tuple[int, Window] | None = None

    def is_clear(self, frame: int) -> bool:
        """Return whether no object or walker is in front of the person in a frame."""
        _, box = self._place_person(frame)
        return all(item[1] != MASK_IN_FRONT for item in self._list_others(frame, box))

    def render(self, frame: int) -> Image:
        """Render the image of one frame: (HEIGHT, WIDTH, 3), RGB."""
        box = self._draw(frame)
        drawn = _downsample(self._canvas)
        uncovered = self._measure_share(0).astype(np.float32) / np.float32(255)
        backdrop = cut_backdrop(self._backdrop, box, (WIDTH, HEIGHT), _ROWS)
        scene = drawn[:, :, :3] + backdrop * uncovered[:, :, None]
        return self._sensor.expose(scene, frame)

    def render_mask(self, frame: int) -> Image:
        """Render the mask of one frame: (HEIGHT, WIDTH) of the three MASK values.

        A pixel belongs to the class that covers most of it. People behind the person are background.
        """
        self._draw(frame)
        person, in_front = (self._measure_share(_CODES[value]) for value in (MASK_PERSON, MASK_IN_FRONT))
        mask = np.where(person > 127, MASK_PERSON, MASK_BACKGROUND)
        return np.where(in_front > 127, MASK_IN_FRONT, mask).astype(np.uint8)

    def _measure_share(self, code: int) -> Image:
        """Return which share of each output pixel has a code: 0 to 255."""
        return _downsample((self._canvas[:, :, 3] == code).view(np.uint8) * np.uint8(255))

    def _draw(self, frame: int) -> Window:
        """Draw a frame on the canvas and return its box."""
        if self._drawn is not None and self._drawn[0] == frame:
            return self._drawn[1]
        person, box = self._place_person(frame)
        items = [(person, MASK_PERSON), *self._list_others(frame, box)]
        facets = concat_facets([item for item, _ in items])
        codes = np.repeat([_CODES[value] for _, value in items], [len(item.parts) for item, _ in items])
        points = to_pixels(project(facets.corners, self._eye), box)
        visible = sort_visible(facets.corners, points, self._canvas.shape)
        light = self._sun.light(facets.compute_normals()[visible]) * self._light.gains(frame)
        colours = np.column_stack((shade(facets, visible, light), codes[visible])).astype(np.uint8)
        self._canvas.fill(0)
        fill(self._canvas, points[visible], colours)
        self._drawn = (frame, box)
        return box

    def _place_person(self, frame: int) -> tuple[Facets, Window]:
        """Return the person on the path, and the box of the detector."""
        path = self._path
        phase, angle, x, y = (float(values[frame]) for values in (path.phases, path.angles, path.x, path.y))
        person = self._figure.facets(phase).turn(angle).move(x, y)
        return person, self._detector.find_box(project(person.corners, self._eye), frame, _ROWS)

    def _list_others(self, frame: int, box: Window) -> list[tuple[Facets, int]]:
        """Return the objects and walkers in a box, and their mask values."""
        time, distance = float(self._path.times[frame]), float(self._path.y[frame])
        others = []
        for item in self._objects:
            if self._is_inside(item.corners, box):
                others.append((item, MASK_IN_FRONT))
        for walker in self._walkers:
            if self._is_inside(walker.space(time), box):
                is_in_front = walker.locate(time)[1] < distance
                others.append((walker.facets(time), MASK_IN_FRONT if is_in_front else MASK_BACKGROUND))
        return others

    def _is_inside(self, corners: Points, box: Window) -> bool:
        """Return whether an object overlaps a box; objects next to the lens are left out."""
        if float(corners[..., 1].min()) < 2 * NEAR:
            return False
        pixels = to_pixels(project(corners.reshape(-1, 4, 3), self._eye), box)
        left, top, right, bottom = measure_bounds(pixels)
        return bool(right > 0 and bottom > 0 and left < _COLUMNS and top < _ROWS)


@lru_cache(maxsize=64)
def _build_figure(person: Appearance) -> Figure:
    """Build a figure once for the tracks of a person that follow each other."""
    return Figure(person)


def _draw_sun(rng: np.random.Generator, camera: Camera) -> Sun:
    azimuth = camera.sun + DIFFICULTY.sun_sigma * rng.normal()
    elevation = DIFFICULTY.elevation + DIFFICULTY.elevation_sigma * rng.normal()
    fraction = DIFFICULTY.sun_low + (DIFFICULTY.sun_high - DIFFICULTY.sun_low) * rng.random()
    return Sun(float(azimuth), float(elevation), float(fraction))


def _downsample(image: Image) -> Image:
    return np.asarray(cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)
