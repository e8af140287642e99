"""Colours of all facets of a person: a pure function of the appearance and the rest pose."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.people.appearance import Appearance, LowerKind
from reidbench.datasets.synthetic.people.body import hem_of_legs
from reidbench.datasets.synthetic.people.mesh import Mesh, Part
from reidbench.datasets.synthetic.people.skeleton import Skeleton


def paint(person: Appearance, skeleton: Skeleton, mesh: Mesh) -> npt.NDArray[np.float32]:
    """Return the albedo of each facet: float32 (F, 3)."""
    upper, lower, head = person.upper, person.lower, person.head
    table = np.zeros((max(Part) + 1, 3))
    table[[Part.NECK, Part.HEAD, Part.LEFT_HAND, Part.RIGHT_HAND]] = head.skin
    table[[Part.LEFT_SHOE, Part.RIGHT_SHOE]] = person.shoes.colour
    table[[Part.TORSO, Part.LEFT_ARM, Part.RIGHT_ARM]] = upper.colour
    table[[Part.LEFT_LEG, Part.RIGHT_LEG, Part.SKIRT]] = lower.colour
    table[Part.HAIR] = head.hair_colour
    albedo = table[mesh.parts]
    z = mesh.centres[:, 2]
    arms = np.isin(mesh.parts, (Part.LEFT_ARM, Part.RIGHT_ARM))
    top = skeleton.shoulder + 0.03
    albedo[arms & (z < top - upper.sleeves * (top - skeleton.wrist))] = head.skin
    if upper.sleeves_in_accent:
        albedo[arms & (z > top - upper.sleeves * (top - skeleton.wrist))] = upper.accent
    legs = np.isin(mesh.parts, (Part.LEFT_LEG, Part.RIGHT_LEG))
    albedo[legs & ((z < hem_of_legs(skeleton)) | (lower.kind is LowerKind.SKIRT))] = lower.legs
    albedo[(mesh.parts == Part.TORSO) & (z < skeleton.up(0.02))] = lower.colour
    return albedo.astype(np.float32)
