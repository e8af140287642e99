"""Cloth that hangs off the body: the tail of a top, skirts, collars, scarves and hoods."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reidbench.datasets.synthetic.people.body import (
    ROW,
    TRUNK_SEGMENTS,
    has_tail,
    hem_of_lower,
    hem_of_upper,
    leg_radius,
    measure_trunk,
)
from reidbench.datasets.synthetic.people.mesh import Floats, Mesh, Part, ellipsoid, loft, stack_rings
from reidbench.datasets.synthetic.people.skeleton import Bone, Skeleton


def build_clothes(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield the hanging parts of the clothes."""
    upper, lower = skeleton.person.upper, skeleton.person.lower
    hem = hem_of_upper(skeleton)
    if lower.kind == "skirt" and hem_of_lower(skeleton) < hem - 0.03:
        # Only the part under the top is seen.
        start = min(skeleton.hip + 0.01, hem + 0.06) if has_tail(skeleton) else skeleton.hip + 0.01
        yield _build_panel(skeleton, Part.SKIRT, hem_of_lower(skeleton), start, lower.width + 0.01, 0.0)
    if has_tail(skeleton):
        yield _build_panel(skeleton, Part.TAIL, hem, skeleton.hip + 0.03, upper.flare, 0.006)
    yield from _build_collar(skeleton)


def _build_panel(
    skeleton: Skeleton, part: Part, hem: float, start: float, flare: float, outside: float
) -> Mesh:
    """Build cloth around both legs, which hangs from the foremost and the hindmost leg."""
    count = max(1, round((start - hem) / (1.5 * ROW)))
    heights = np.linspace(hem, start, count + 1)
    down = (skeleton.hip + 0.03 - heights) / (skeleton.hip - skeleton.knee)
    depths, widths = measure_trunk(skeleton, np.maximum(heights, skeleton.hip - 0.04))
    legs = leg_radius(skeleton, heights)
    # The upper edge is inside the trunk.
    wide = outside + flare * down + 0.01 * np.minimum(1, 5 * down) - 0.012 * (down <= 0)
    depths = np.maximum(depths * (1 - 0.25 * down), legs + 0.015) + wide
    widths = np.maximum(widths * (1 - 0.12 * down), skeleton.hip_half + legs + 0.015) + wide

    def weigh(vertices: Floats) -> Floats:
        turn = np.arctan2(vertices[:, 1], vertices[:, 0])
        share: Floats = 0.5 - 0.5 * np.cos(turn)
        return share

    return loft(
        part,
        stack_rings(0.0, 0.0, heights, depths, widths),
        (Bone.FRONT_PANEL, Bone.BACK_PANEL),
        weigh,
        segments=TRUNK_SEGMENTS,
        square=0.8,
    )


def _build_collar(skeleton: Skeleton) -> Iterator[Mesh]:
    collar, cloth = skeleton.person.upper.collar, skeleton.person.upper.thickness
    neck, chin = skeleton.neck, skeleton.chin
    # Height of the upper edge and its radius.
    edges = {
        "shirt": (neck + 0.03, 0.06),
        "high": (chin + 0.015, 0.062),
        "hood": (neck + 0.03, 0.068),
    }
    if collar in edges:
        top, radius = edges[collar]
        yield loft(
            Part.COLLAR,
            [
                (0.0, 0.0, neck - 0.03, 0.066 + cloth, 0.075 + cloth),
                (0.008, 0.0, top, radius + 0.5 * cloth, radius),
            ],
            (Bone.TRUNK, Bone.HEAD),
            lambda vertices: np.where(vertices[:, 2] > neck, 0.4, 0.0),
        )
    if collar == "scarf":
        middle = (neck + chin) / 2
        yield ellipsoid(
            Part.COLLAR, (0.012, 0.0, middle - 0.012), (0.095, 0.1, 0.055), Bone.TRUNK, segments=12, rows=4
        )
        yield ellipsoid(
            Part.COLLAR, (0.085, 0.035, neck - 0.12), (0.03, 0.035, 0.15), Bone.TRUNK, segments=8, rows=3
        )
    if collar == "hood":
        yield ellipsoid(
            Part.HOOD, (-0.085, 0.0, neck + 0.0), (0.06, 0.105, 0.085), Bone.TRUNK, segments=12, rows=4
        )
