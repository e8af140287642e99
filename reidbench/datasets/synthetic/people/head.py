"""Head, hair and hat: one surface, thicker where hair or a hat covers it, and what protrudes from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from reidbench.datasets.synthetic.people.mesh import Floats, Mesh, Part, ellipsoid, loft, rise
from reidbench.datasets.synthetic.people.skeleton import Bone, Skeleton

# Height between chin (0) and crown (1), shift to the front, half depth and half width in metres.
_SKULL = np.array([
    (0.00, 0.040, 0.042, 0.030), (0.10, 0.035, 0.068, 0.050), (0.22, 0.028, 0.082, 0.062), (0.34, 0.022, 0.089, 0.069),
    (0.46, 0.018, 0.094, 0.074), (0.58, 0.014, 0.097, 0.077), (0.70, 0.010, 0.097, 0.077), (0.81, 0.006, 0.090, 0.071),
    (0.91, 0.004, 0.071, 0.056), (0.97, 0.004, 0.046, 0.037), (1.00, 0.004, 0.016, 0.013),
])  # fmt: skip
# Lower edge of hair and hats at the front, at the ears and at the back, as heights between chin and crown.
_HAIRLINE, _HATLINE = (0.80, 0.48, 0.14), (0.70, 0.58, 0.42)
# Thickness of a hat and height of the crown of a hat with a brim, in metres.
_FELT, _CROWN = 0.016, 0.05
# Hair behind the neck from its end to the head: fraction of the length, half depth and half width.
_LONG = np.array(
    [(1.0, 0.02, 0.07), (0.6, 0.035, 0.09), (0.3, 0.045, 0.088), (0.0, 0.05, 0.075), (-0.1, 0.03, 0.05)]
)
_TAIL = np.array([(1.0, 0.012, 0.015), (0.5, 0.024, 0.03), (0.05, 0.018, 0.02)])


def build_head(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield head and neck, hair and hat."""
    hair, neck, chin = skeleton.person.head.hair, skeleton.neck, skeleton.chin
    heights, blend = (neck - 0.05, neck, chin + 0.05), (neck - 0.02, chin)
    depths, widths, shifts = (0.055, 0.053, 0.05), (0.062, 0.056, 0.05), (0.0, 0.0, 0.015)
    yield loft(Part.NECK, (Bone.TRUNK, Bone.HEAD), heights, depths, widths, shifts, blend=blend, segments=8)
    yield _build_skull(skeleton)
    if hair in ("long", "tied"):
        yield from _build_fall(skeleton)
    yield from _build_rim(skeleton)


def _build_skull(skeleton: Skeleton) -> Mesh:
    head, size = skeleton.person.head, skeleton.person.build.head
    chin, span = skeleton.chin, skeleton.person.build.height - skeleton.chin
    levels, shifts, depths, widths = _SKULL.T
    z = chin + levels * span
    mesh = loft(Part.HEAD, Bone.HEAD, z, depths * size, widths * size, shifts, segments=12)
    levels = (mesh.vertices[:, 2] - chin) / span
    around = np.arctan2(mesh.vertices[:, 1], mesh.vertices[:, 0] - 0.015)
    nose = (np.abs(around) < 0.4) & (np.abs(levels - 0.36) < 0.08)
    mesh.vertices[nose, 0] += 0.016
    has_hair, has_hat = head.hair != "bald", head.hat != "none"
    under_hat = (levels > _line(_HATLINE, around)) & has_hat
    under_hair = (levels > _line(_HAIRLINE, around)) & has_hair
    thickness = np.select([under_hat, under_hair], [_FELT + 0.3 * head.volume, head.volume], 0.0)
    outward = mesh.vertices - (0.01, 0.0, chin + 0.55 * span)
    outward /= np.sqrt((outward * outward).sum(axis=1, keepdims=True))
    mesh.vertices[:] += outward * thickness[:, None]
    if head.hat == "brim":
        mesh.vertices[under_hat, 2] += _CROWN * rise(levels[under_hat], 0.7, 0.9)
    levels, around = (mesh.centres[:, 2] - chin) / span, np.abs(mesh.angles)
    lenses = {"dark": around < 1.1, "frames": (around > 0.6) & (around < 1.6) | (around < 0.1)}
    glasses = (np.abs(levels - 0.52) < 0.06) & lenses.get(head.glasses, np.zeros_like(levels, np.bool_))
    hair = (levels > _line(_HAIRLINE, around)) & has_hair
    hat = (levels > _line(_HATLINE, around)) & has_hat
    parts = np.select([hat, glasses, hair], [Part.HAT, Part.GLASSES, Part.HAIR], Part.HEAD)
    return replace(mesh, parts=parts.astype(np.uint8))


def _line(heights: tuple[float, float, float], around: Floats) -> Floats:
    line: Floats = np.interp(np.abs(around), (0.6, 1.5, 2.4), heights)
    return line


def _build_fall(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield hair behind the neck: loose on the back, or a bun and a tail."""
    head, size = skeleton.person.head, skeleton.person.build.head
    chin, is_long = skeleton.chin, head.hair == "long"
    middle = chin + 0.55 * (skeleton.person.build.height - chin)
    if not is_long:
        yield ellipsoid(Part.HAIR, Bone.HEAD, (-0.095, 0, middle + 0.02), (0.035,) * 3, segments=8, rows=3)
    shares, depths, widths = (_LONG if is_long else _TAIL).T
    drops, volume = shares * head.fall, head.volume if is_long else 0.0
    shifts = -0.025 - 0.32 * drops if is_long else -0.11 - 0.05 * drops
    depths, widths = size * (depths + volume), size * (widths + volume)
    bones, blend = (Bone.TRUNK, Bone.HEAD), (chin - 0.15, chin + 0.06)
    yield loft(Part.HAIR, bones, middle - drops, depths, widths, shifts, blend=blend, segments=8)


def _build_rim(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield what a hat has besides the part on the head."""
    chin, crown, size = skeleton.chin, skeleton.person.build.height, skeleton.person.build.head
    line = chin + 0.72 * (crown - chin)
    # Centre and radii.
    rims = {
        "bobble": ((0.0, 0.0, crown + 0.035), (0.034, 0.034, 0.034)),
        "cap": ((0.1 * size, 0.0, line + 0.01), (0.085, 0.068 * size, 0.012)),
        "brim": ((0.01, 0.0, line), (0.175 * size, 0.155 * size, 0.014)),
    }
    if skeleton.person.head.hat in rims:
        centre, radii = rims[skeleton.person.head.hat]
        yield ellipsoid(Part.BRIM, Bone.HEAD, centre, radii, segments=12, rows=3)
