"""Part numbers on a canvas, and their colours."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.appearance import Appearance, Hair
from reidbench.datasets.synthetic.palette import Colour, shade

# Offset between the part numbers of two people on one canvas.
PARTS_PER_PERSON = 24


class Part(IntEnum):
    """Number of a body part; 0 is the background."""

    SKIN = 1
    HAIR = 2
    HAT = 3
    UPPER = 4
    ACCENT = 5
    SLEEVE = 6
    FAR_SLEEVE = 7
    FAR_SKIN = 8
    LOWER = 9
    FAR_LOWER = 10
    SHOE = 11
    BAG = 12
    BAG_EDGE = 13
    STRAP = 14


def make_colour_table(person: Appearance) -> npt.NDArray[np.uint8]:
    """Return the RGB colour of each part of a person: uint8 (PARTS_PER_PERSON, 3)."""
    outfit, head = person.outfit, person.head
    sleeve = outfit.accent if outfit.sleeves_in_accent else outfit.upper
    colours: dict[Part, Colour] = {
        Part.SKIN: head.skin,
        Part.HAIR: shade(head.skin, 0.92) if head.hair is Hair.BALD else head.hair_colour,
        Part.HAT: head.hat_colour,
        Part.UPPER: outfit.upper,
        Part.ACCENT: outfit.accent,
        Part.SLEEVE: shade(sleeve, 0.88),
        Part.FAR_SLEEVE: shade(sleeve, 0.72),
        Part.FAR_SKIN: shade(head.skin, 0.8),
        Part.LOWER: outfit.lower,
        Part.FAR_LOWER: shade(outfit.lower, 0.78),
        Part.SHOE: outfit.shoes,
        Part.BAG: person.luggage.colour,
        Part.BAG_EDGE: shade(person.luggage.colour, 0.65),
        Part.STRAP: shade(person.luggage.colour, 0.75),
    }
    table = np.zeros((PARTS_PER_PERSON, 3), np.uint8)
    for part, colour in colours.items():
        table[part] = colour
    return table
