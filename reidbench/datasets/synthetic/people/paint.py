"""Colours of all facets of a person: a pure function of the appearance and the rest pose."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.people.appearance import Appearance, BagKind, Colour, Pattern, Print, Shape
from reidbench.datasets.synthetic.people.body import (
    ROW,
    TRUNK_SEGMENTS,
    end_of_sleeves,
    hem_of_lower,
    hem_of_upper,
    top_of_boots,
)
from reidbench.datasets.synthetic.people.mesh import Floats, Mesh, Part
from reidbench.datasets.synthetic.people.skeleton import Skeleton

Mask = npt.NDArray[np.bool_]

_ARMS, _LEGS, _TOP = (Part.LEFT_ARM, Part.RIGHT_ARM), (Part.LEFT_LEG, Part.RIGHT_LEG), (Part.TORSO, Part.TAIL)
_SHOES = (Part.LEFT_SHOE, Part.RIGHT_SHOE)
# Width of a column of facets on the trunk, in metres; stripes are whole columns.
_COLUMN = 1.0 / TRUNK_SEGMENTS


def paint(
    person: Appearance, skeleton: Skeleton, mesh: Mesh
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Return the albedo of each facet, float32 (F, 3), and its part, with straps on the trunk: uint8 (F,)."""
    albedo = _list_colours(person)[mesh.parts]
    _paint_upper(albedo, skeleton, mesh)
    _paint_lower(albedo, skeleton, mesh)
    _paint_face(albedo, skeleton, mesh)
    parts = mesh.parts.copy()
    straps = _find_straps(skeleton, mesh)
    parts[straps] = Part.STRAP
    albedo[straps] = _shade(person.bag.colour, 0.8)
    return albedo.astype(np.float32), parts


def _list_colours(person: Appearance) -> Floats:
    """Return the main colour of each part: (parts, 3)."""
    upper, head, bag = person.upper, person.head, person.bag
    collar = {"scarf": upper.inner, "shirt": upper.inner}.get(upper.collar, _shade(upper.colour, 1.15))
    table = np.zeros((max(Part) + 1, 3))
    for parts, colour in (
        ((Part.NECK, Part.HEAD, Part.LEFT_HAND, Part.RIGHT_HAND), head.skin),
        (_SHOES, person.shoes.colour),
        ((*_TOP, *_ARMS), upper.colour),
        ((*_LEGS, Part.SKIRT), person.lower.colour),
        ((Part.COLLAR,), collar),
        ((Part.HOOD,), _shade(upper.colour, 0.9)),
        ((Part.HAIR,), head.hair_colour),
        ((Part.HAT,), head.hat_colour),
        ((Part.BRIM,), _shade(head.hat_colour, 0.8)),
        ((Part.GLASSES,), (0.07, 0.07, 0.08)),
        ((Part.BAG,), bag.colour),
        ((Part.POCKET,), bag.pocket),
        ((Part.STRAP,), _shade(bag.colour, 0.8)),
    ):
        table[list(parts)] = colour
    return table


def _paint_upper(albedo: Floats, skeleton: Skeleton, mesh: Mesh) -> None:
    upper, centres = skeleton.person.upper, mesh.centres
    z, trunk, arms = centres[:, 2], np.isin(mesh.parts, _TOP), np.isin(mesh.parts, _ARMS)
    albedo[(trunk | arms) & _find_pattern(skeleton, mesh)] = upper.accent
    if upper.sleeves_in_accent:
        albedo[arms] = upper.accent
    is_front = np.abs(mesh.angles) < np.pi / 2
    middle = skeleton.up(0.46)
    for item, side, level in ((upper.front, is_front, middle - 0.03), (upper.back, ~is_front, middle)):
        albedo[trunk & side & _find_print(item, centres[:, 1], z - level)] = item.colour
    if upper.opening:
        # The opening is a little wider at the hem than at the collar.
        width = upper.opening * np.interp(z, (skeleton.hip, skeleton.neck), (1.0, 0.6))
        albedo[trunk & is_front & (np.abs(centres[:, 1]) < width)] = upper.inner
    albedo[arms & (z < end_of_sleeves(skeleton) - 0.001)] = skeleton.person.head.skin


def _find_pattern(skeleton: Skeleton, mesh: Mesh) -> Mask:
    """Return the facets in the accent colour."""
    upper, z = skeleton.person.upper, mesh.centres[:, 2]
    half = max(upper.period, 0.05) / 2
    # Whole rows and columns of facets, so that stripes have equal widths.
    rows = np.floor((skeleton.neck - z) / ROW / max(1, round(half / ROW))) % 2 == 1
    column = np.rint(mesh.angles / (2 * np.pi) * TRUNK_SEGMENTS)
    width = max(1, round(half / _COLUMN))
    columns = np.floor((column + width // 2) / width) % 2 == 1
    across = np.abs(column) * _COLUMN + skeleton.neck - z
    masks: dict[Pattern, Mask] = {
        "plain": np.zeros(z.shape, np.bool_),
        "bands": rows,
        "stripes": columns & ~np.isin(mesh.parts, _ARMS),
        "checks": rows ^ columns,
        "diagonals": np.floor(across / half) % 2 == 1,
        "yoke": z > skeleton.up(0.47),
        "chest band": np.abs(z - skeleton.up(0.42)) < half,
        "halves": mesh.centres[:, 1] > 0,
    }
    return masks[upper.pattern]


def _find_print(item: Print, across: Floats, along: Floats) -> Mask:
    """Return the facets under a print; positions from its centre in metres."""
    x, z = np.abs(across) / max(item.width, 0.01) * 2, along / max(item.height, 0.01) * 2
    box: Mask = (x < 1) & (np.abs(z) < 1)
    masks: dict[Shape, Mask] = {
        "none": np.zeros(x.shape, np.bool_),
        "box": box,
        "disc": x * x + z * z < 1,
        "lines": box & (np.floor(along / ROW) % 2 == 0),
    }
    return masks[item.shape]


def _paint_lower(albedo: Floats, skeleton: Skeleton, mesh: Mesh) -> None:
    lower, shoes, z = skeleton.person.lower, skeleton.person.shoes, mesh.centres[:, 2]
    legs = np.isin(mesh.parts, _LEGS)
    outside = np.where(mesh.parts == Part.LEFT_LEG, 1, -1) * mesh.angles
    albedo[legs & (np.abs(outside - np.pi / 2) < 0.3)] = lower.stripe
    albedo[legs & ((z < hem_of_lower(skeleton) - 0.001) | (lower.kind == "skirt"))] = lower.legs
    albedo[(mesh.parts == Part.TORSO) & (z < hem_of_upper(skeleton))] = lower.colour
    albedo[legs & (z < top_of_boots(skeleton)) & (shoes.kind == "boots")] = shoes.colour
    albedo[np.isin(mesh.parts, _SHOES) & (z < 0.018)] = shoes.sole


def _paint_face(albedo: Floats, skeleton: Skeleton, mesh: Mesh) -> None:
    head, chin = skeleton.person.head, skeleton.chin
    level = (mesh.centres[:, 2] - chin) / (skeleton.person.build.height - chin)
    face, turn = mesh.parts == Part.HEAD, np.abs(mesh.angles)
    if head.beard:
        beard = 0.3 * np.array(head.skin) + 0.7 * np.array(head.hair_colour)
        albedo[face & (level < 0.3) & (turn < 1.9)] = beard
    albedo[face & (np.abs(level - 0.52) < 0.06) & (turn > 0.2) & (turn < 0.9)] *= 0.6
    albedo[face & (np.abs(level - 0.16) < 0.06) & (turn < 0.3)] *= (0.85, 0.65, 0.65)
    if head.glasses == "frames":
        albedo[mesh.parts == Part.GLASSES] = 0.5 * np.array(head.skin) + 0.06


def _find_straps(skeleton: Skeleton, mesh: Mesh) -> Mask:
    """Return the facets of the trunk under the straps of a backpack or of a bag across the body."""
    bag, centres = skeleton.person.bag, mesh.centres
    y, z, trunk = centres[:, 1], centres[:, 2], mesh.parts == Part.TORSO
    low, high = skeleton.up(0.02), skeleton.up(0.62)
    across = y - bag.side * np.interp(z, (low, high), (0.17, -0.1))
    beside = np.abs(y) - 0.45 * skeleton.person.build.shoulder
    is_front = np.abs(mesh.angles) < np.pi / 2
    straps: dict[BagKind, Mask] = {
        "backpack": (np.abs(beside) < 0.024) & (z > skeleton.up(0.3)) & is_front,
        "cross": (np.abs(across) < 0.026) & (z > low),
    }
    found: Mask = trunk & straps.get(bag.kind, np.zeros(z.shape, np.bool_))
    return found


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(1.0, factor * channel) for channel in colour)
    return red, green, blue
