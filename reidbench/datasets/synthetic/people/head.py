"""Head, hair and hat: one surface, thicker where hair or a hat covers it, and what protrudes from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from reidbench.datasets.synthetic.people.appearance import Glasses
from reidbench.datasets.synthetic.people.body import rise
from reidbench.datasets.synthetic.people.mesh import Floats, Mesh, Part, ellipsoid, loft
from reidbench.datasets.synthetic.people.skeleton import Bone, Skeleton

# Height between chin (0) and crown (1), shift to the front, half depth and half width in metres.
_SKULL = (
    (0.00, 0.040, 0.042, 0.030),
    (0.10, 0.035, 0.068, 0.050),
    (0.22, 0.028, 0.082, 0.062),
    (0.34, 0.022, 0.089, 0.069),
    (0.46, 0.018, 0.094, 0.074),
    (0.58, 0.014, 0.097, 0.077),
    (0.70, 0.010, 0.097, 0.077),
    (0.81, 0.006, 0.090, 0.071),
    (0.91, 0.004, 0.071, 0.056),
    (0.97, 0.004, 0.046, 0.037),
    (1.00, 0.004, 0.016, 0.013),
)
# Lower edge of hair and hats at the front, at the ears and at the back, as heights between chin and crown.
_HAIRLINE, _HATLINE = (0.80, 0.48, 0.14), (0.70, 0.58, 0.42)
# Thickness of a hat and height of the crown of a hat with a brim, in metres.
_FELT, _CROWN = 0.016, 0.05


def build_head(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield head and neck, hair and hat."""
    head = skeleton.person.head
    neck, chin = skeleton.neck, skeleton.chin
    yield loft(
        Part.NECK,
        [
            (0.0, 0.0, neck - 0.05, 0.055, 0.062),
            (0.0, 0.0, neck, 0.053, 0.056),
            (0.015, 0.0, chin + 0.05, 0.05, 0.05),
        ],
        (Bone.TRUNK, Bone.HEAD),
        lambda vertices: rise(vertices[:, 2], neck - 0.02, chin),
        segments=10,
    )
    yield _build_skull(skeleton)
    if head.hair in ("long", "tied"):
        yield from _build_fall(skeleton)
    if head.hat != "none":
        yield from _build_rim(skeleton)


def _build_skull(skeleton: Skeleton) -> Mesh:
    head, size = skeleton.person.head, skeleton.person.build.head
    chin, crown = skeleton.chin, skeleton.person.build.height
    mesh = loft(
        Part.HEAD,
        [
            (x, 0.0, chin + level * (crown - chin), depth * size, width * size)
            for level, x, depth, width in _SKULL
        ],
        Bone.HEAD,
        segments=16,
    )
    levels = (mesh.vertices[:, 2] - chin) / (crown - chin)
    around = np.arctan2(mesh.vertices[:, 1], mesh.vertices[:, 0] - 0.015)
    nose = (np.abs(around) < 0.25) & (np.abs(levels - 0.36) < 0.08)
    mesh.vertices[nose, 0] += 0.016
    has_hair, has_hat = head.hair != "bald", head.hat != "none"
    covered = levels > _line(_HAIRLINE, around)
    thickness = np.where(covered & has_hair, head.volume, 0.0)
    under_hat = (levels > _line(_HATLINE, around)) & has_hat
    thickness = np.where(under_hat, _FELT + 0.3 * head.volume, thickness)
    # Sideways around the axis of the head, upwards at the top.
    outward = mesh.vertices - (0.01, 0.0, chin + 0.55 * (crown - chin))
    outward /= np.sqrt((outward * outward).sum(axis=1, keepdims=True))
    mesh.vertices[:] += outward * thickness[:, None]
    if head.hat == "brim":
        mesh.vertices[under_hat, 2] += _CROWN * rise(levels[under_hat], 0.7, 0.9)
    centres = mesh.centres
    levels = (centres[:, 2] - chin) / (crown - chin)
    parts = np.where((levels > _line(_HAIRLINE, mesh.angles)) & has_hair, Part.HAIR, mesh.parts)
    parts = np.where(
        (np.abs(levels - 0.52) < 0.06) & _is_behind_glasses(head.glasses, mesh.angles), Part.GLASSES, parts
    )
    parts = np.where((levels > _line(_HATLINE, mesh.angles)) & has_hat, Part.HAT, parts)
    return replace(mesh, parts=parts.astype(np.uint8))


def _line(heights: tuple[float, float, float], around: Floats) -> Floats:
    line: Floats = np.interp(np.abs(around), (0.6, 1.5, 2.4), heights)
    return line


def _is_behind_glasses(glasses: Glasses, around: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    turn = np.abs(around)
    if glasses == "none":
        return np.zeros(turn.shape, np.bool_)
    return turn < 1.0 if glasses == "dark" else (turn > 0.6) & (turn < 1.6) | (turn < 0.1)


def _build_fall(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield hair behind the neck: loose, or a bun and a tail."""
    head, size = skeleton.person.head, skeleton.person.build.head
    chin, crown = skeleton.chin, skeleton.person.build.height
    middle, volume = chin + 0.55 * (crown - chin), head.volume
    # Fraction of the length, half depth and half width; long hair lies on the back.
    if head.hair == "long":
        rows = [
            (1.0, 0.02, 0.07),
            (0.6, 0.035, 0.09),
            (0.3, 0.045, 0.088),
            (0.0, 0.05, 0.075),
            (-0.1, 0.03, 0.05),
        ]
        rows = [(share, depth + volume, width + volume) for share, depth, width in rows]
        start, slope = -0.025, 0.32
    else:
        rows = [(1.0, 0.012, 0.015), (0.5, 0.024, 0.03), (0.05, 0.018, 0.02)]
        start, slope = -0.11, 0.05
        yield ellipsoid(
            Part.HAIR, (-0.095, 0, middle + 0.02), (0.035, 0.035, 0.035), Bone.HEAD, segments=8, rows=3
        )
    yield loft(
        Part.HAIR,
        [
            (start - slope * share * head.fall, 0.0, middle - share * head.fall, depth * size, width * size)
            for share, depth, width in rows
        ],
        (Bone.TRUNK, Bone.HEAD),
        lambda vertices: rise(vertices[:, 2], chin - 0.15, chin + 0.06),
        segments=10,
    )


def _build_rim(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield what a hat has besides the part on the head."""
    hat, size = skeleton.person.head.hat, skeleton.person.build.head
    chin, crown = skeleton.chin, skeleton.person.build.height
    line = chin + 0.72 * (crown - chin)
    if hat == "bobble":
        yield ellipsoid(Part.BRIM, (0.0, 0.0, crown + 0.035), (0.034,) * 3, Bone.HEAD, segments=8, rows=3)
    if hat == "cap":
        yield ellipsoid(
            Part.BRIM, (0.1 * size, 0.0, line + 0.01), (0.085, 0.068 * size, 0.012), Bone.HEAD, rows=3
        )
    if hat == "brim":
        yield ellipsoid(
            Part.BRIM, (0.01, 0.0, line), (0.175 * size, 0.155 * size, 0.014), Bone.HEAD, segments=14, rows=3
        )
