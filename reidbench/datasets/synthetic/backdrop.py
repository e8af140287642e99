"""Backdrop of a camera: floor, wall, furniture and a crowd behind the paths, drawn once and cut for every frame."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.cameras import Camera
from reidbench.datasets.synthetic.light import Sun
from reidbench.datasets.synthetic.objects import Colour, draw_cloth, draw_standing, make_box
from reidbench.datasets.synthetic.people import Facets, concat_facets
from reidbench.datasets.synthetic.raster import WHITE, Window, fill, project, shade, sort_visible, to_pixels
from reidbench.datasets.synthetic.seeding import Stream, make_rng

Image = npt.NDArray[np.uint8]

# Tracks of a camera have one of this many backdrops: other times of day, with another crowd.
BACKDROPS = 16
# The part of the image plane in a backdrop; a person 6 m away is 0.3 high.
WINDOW = Window(left=-1.1, top=-0.4, scale=320.0)
_COLUMNS, _ROWS = 704, 512
# Furniture and crowd are at these distances, in metres.
_CROWD_NEAR, _CROWD_FAR = 8.5, 12.0
_TILE = 0.9


@lru_cache(maxsize=2 * BACKDROPS)
def draw_backdrop(seed: int, camera: Camera, number: int) -> Image:
    """Draw a backdrop of a camera: (rows, columns, 3) RGB in canvas levels, of the image plane's `WINDOW`."""
    rng = make_rng(Stream.BACKGROUND, seed, camera.number, number)
    sun = Sun(camera.sun, 45.0, 0.4)
    canvas = np.full((_ROWS, _COLUMNS, 3), round(0.5 * WHITE), np.uint8)
    wall = float(rng.uniform(12.5, 16.0))
    for layer in (_build_floor(rng, wall), _build_wall(rng, wall), _build_crowd(rng, wall)):
        points = to_pixels(project(layer.corners, camera.height), WINDOW)
        visible = sort_visible(layer.corners, points, canvas.shape)
        light = sun.light(layer.compute_normals()[visible])
        fill(canvas, points[visible], shade(layer, visible, light).astype(np.uint8))
    stains = cv2.GaussianBlur(rng.standard_normal(canvas.shape[:2], np.float32), (0, 0), 1.2)
    texture = cv2.cvtColor(np.asarray(stains), cv2.COLOR_GRAY2RGB)
    stained = cv2.multiply(canvas, 1 + np.float32(0.25) * texture, dtype=cv2.CV_8U)
    return np.asarray(cv2.GaussianBlur(stained, (0, 0), 0.7), np.uint8)


def cut_backdrop(backdrop: Image, box: Window, size: tuple[int, int], rows: int) -> Image:
    """Return the backdrop in a box as an image of size (width, height); `rows` is the height of the box's canvas."""
    step = WINDOW.scale / box.scale * rows / size[1]
    start = ((box.left - WINDOW.left) * WINDOW.scale, (box.top - WINDOW.top) * WINDOW.scale)
    matrix = np.array([[step, 0, start[0] + step / 2 - 0.5], [0, step, start[1] + step / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(backdrop, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(cut, np.uint8)


def _build_floor(rng: np.random.Generator, wall: float) -> Facets:
    """Return tiles in two tones with stains."""
    x, y = np.meshgrid(np.arange(-18, 18, _TILE), np.arange(2.0, wall, _TILE))
    low = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1).astype(np.float32)
    square = np.array([[0, 0, 0], [_TILE, 0, 0], [_TILE, _TILE, 0], [0, _TILE, 0]], np.float32)
    tone = rng.uniform(0.3, 0.6)
    dark = rng.uniform(0.5, 0.95)
    odd = (np.rint(low[:, 0] / _TILE) + np.rint(low[:, 1] / _TILE)) % 2 == 0
    levels = tone * np.where(odd, 1.0, dark) * np.exp(rng.normal(0, 0.06, len(low)))
    tint = 1 + rng.normal(0, 0.04, 3)
    albedo = (levels[:, None] * tint).astype(np.float32)
    return Facets(low[:, None] + square, albedo, np.zeros(len(low), np.uint8))


def _build_wall(rng: np.random.Generator, distance: float) -> Facets:
    """Return panels, windows, doors, posters and shelves side by side."""
    pieces = []
    x = -18.0
    while x < 18.0:
        width = float(rng.uniform(0.6, 2.4))
        base = _draw_paint(rng)
        pieces.append(make_box((x, distance, 0), (width - 0.06, 0.3, 6.0), base))
        kind = int(rng.integers(5))
        if kind < 2:
            # Window or poster.
            low, height = rng.uniform(0.2, 1.4), rng.uniform(0.5, 1.8)
            pieces.append(
                make_box((x + 0.12, distance - 0.1, low), (width - 0.3, 0.05, height), _draw_paint(rng))
            )
        elif kind < 4:
            pieces += _build_shelf(rng, x, distance - 0.5, width)
        else:
            pieces.append(make_box((x, distance - 0.2, 0), (0.25, 0.2, 6.0), _draw_paint(rng)))
        x += width
    return concat_facets(pieces)


def _build_shelf(rng: np.random.Generator, x: float, y: float, width: float) -> list[Facets]:
    """Return blocks in the colours of clothes, of the size of trunks and legs."""
    pieces = []
    height = 0.0
    while height < 2.2:
        block = float(rng.uniform(0.3, 0.8))
        left = x
        while left < x + width - 0.2:
            span = float(rng.uniform(0.2, 0.6))
            pieces.append(make_box((left, y, height), (span - 0.03, 0.3, block - 0.03), draw_cloth(rng)))
            left += span
        height += block
    return pieces


def _build_crowd(rng: np.random.Generator, wall: float) -> Facets:
    """Return furniture and people at random positions."""
    pieces = []
    for _ in range(int(rng.integers(10, 22))):
        x, y = rng.uniform(-9, 9), rng.uniform(_CROWD_NEAR, wall - 1.0)
        size = rng.uniform([0.3, 0.3, 0.4], [1.5, 0.6, 2.0]).tolist()
        pieces.append(make_box((x, y, 0), (size[0], size[1], size[2]), draw_cloth(rng)))
    for _ in range(int(rng.integers(9, 18))):
        pieces.append(
            draw_standing(rng, rng.uniform(-7, 7), rng.uniform(_CROWD_NEAR, min(_CROWD_FAR, wall - 0.7)))
        )
    return concat_facets(pieces)


def _draw_paint(rng: np.random.Generator) -> Colour:
    """Draw a muted colour of any brightness."""
    level = rng.uniform(0.12, 0.85)
    red, green, blue = (level * (1 + 0.10 * rng.normal(size=3))).clip(0.03, 0.95).tolist()
    return red, green, blue
