"""Appearance of a person: plain values, equal in all cameras.

The `scale` of a field divides its value in `Appearance.vector`, so that a difference of 1 is about as visible in one
field as in another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Colour = tuple[float, float, float]
"""Red, green and blue in 0..1 as in a picture under neutral light."""

# Scale of colours: 30 of 255 levels.
_COLOUR_SCALE = 0.12


def _number(scale: float) -> Any:
    return field(metadata={"scale": scale})


class Pattern(StrEnum):
    """Pattern of the upper garment."""

    PLAIN = "plain"
    BANDS = "horizontal stripes"
    STRIPES = "vertical stripes"
    CHECKS = "checks"
    DIAGONALS = "diagonal stripes"
    YOKE = "shoulders in another colour"
    CHEST_BAND = "one band across the chest"
    HALVES = "left and right half"


class Collar(StrEnum):
    """Upper edge of the upper garment."""

    CREW = "crew neck"
    SHIRT = "shirt collar"
    HIGH = "high collar"
    SCARF = "scarf"
    HOOD = "hood on the back"


class Shape(StrEnum):
    """Shape of a print."""

    NONE = "none"
    BOX = "box"
    DISC = "disc"
    LINES = "lines of text"


class LowerKind(StrEnum):
    """Kind of the lower garment."""

    TROUSERS = "trousers"
    SHORTS = "shorts"
    SKIRT = "skirt"


class ShoeKind(StrEnum):
    """Kind of shoes."""

    LOW = "low"
    SNEAKERS = "sneakers"
    BOOTS = "boots"


class Hair(StrEnum):
    """Hair style."""

    SHORT = "short"
    LONG = "long"
    TIED = "tied"
    BALD = "bald"


class Hat(StrEnum):
    """Kind of hat."""

    NONE = "none"
    BEANIE = "beanie"
    BOBBLE = "bobble hat"
    CAP = "cap"
    BRIM = "brimmed hat"


class Glasses(StrEnum):
    """Kind of glasses."""

    NONE = "none"
    FRAMES = "frames"
    DARK = "dark"


class BagKind(StrEnum):
    """Kind of bag and how it is carried."""

    NONE = "none"
    BACKPACK = "backpack"
    SHOULDER = "over one shoulder"
    CROSS = "across the body"
    HAND = "in the hand"
    TROLLEY = "trolley"


@dataclass(frozen=True, kw_only=True)
class Build:
    """Body proportions: height and half width of the shoulders in metres, factors of the average for the rest."""

    height: float = _number(0.09)
    shoulder: float = _number(0.022)
    hips: float = _number(0.1)
    girth: float = _number(0.15)
    belly: float = _number(0.15)
    limbs: float = _number(0.14)
    legs: float = _number(0.03)
    head: float = _number(0.06)


@dataclass(frozen=True, kw_only=True)
class Gait:
    """Posture and gait.

    Attributes:
        rate: gait cycles per second.
        stride: angle of the leg at heel strike, in radians.
        arm_swing: largest angle of the upper arm, in radians.
        elbow: resting angle of the elbow, in radians.
        spread: angle of the arms away from the body, in radians.
        lean: forward lean of the trunk, in radians.
        stoop: bend of the upper back and the head, in radians.
        twist: largest turn of the shoulders about the vertical, in radians.
        sway: largest shift of the hips to the side, in metres.
        toe_out: angle of the feet, in radians.
    """

    rate: float = _number(0.1)
    stride: float = _number(0.1)
    arm_swing: float = _number(0.2)
    elbow: float = _number(0.25)
    spread: float = _number(0.06)
    lean: float = _number(0.05)
    stoop: float = _number(0.06)
    twist: float = _number(0.05)
    sway: float = _number(0.012)
    toe_out: float = _number(0.1)


@dataclass(frozen=True, kw_only=True)
class Print:
    """Print on the chest or the back; width and height in metres."""

    shape: Shape
    colour: Colour
    width: float = _number(0.08)
    height: float = _number(0.08)


@dataclass(frozen=True, kw_only=True)
class Upper:
    """Upper garment.

    Attributes:
        colour: main colour.
        accent: colour of the pattern.
        inner: colour of the shirt in an open jacket and of a scarf.
        period: width of a stripe and its gap, in metres.
        sleeves: length of the sleeves as a fraction of the arm.
        sleeves_in_accent: the sleeves have the accent colour.
        hem: lower edge as a fraction of the thigh, counted from the hip.
        flare: widening of the hem, in metres.
        thickness: distance of the cloth from the body, in metres.
        opening: half width of the front opening at the hem, in metres; 0: closed.
    """

    pattern: Pattern
    colour: Colour
    accent: Colour
    inner: Colour
    period: float = _number(0.04)
    sleeves: float = _number(0.25)
    sleeves_in_accent: bool
    collar: Collar
    hem: float = _number(0.2)
    flare: float = _number(0.03)
    thickness: float = _number(0.01)
    opening: float = _number(0.04)
    front: Print
    back: Print


@dataclass(frozen=True, kw_only=True)
class Lower:
    """Lower garment.

    Attributes:
        colour: colour of the garment.
        legs: colour of the legs under it: skin or tights.
        stripe: colour of a stripe along the outer seam; the main colour if there is no stripe.
        length: lower edge as a fraction of the leg, counted from the hip.
        width: distance of the cloth from the leg at the lower edge, in metres.
    """

    kind: LowerKind
    colour: Colour
    legs: Colour
    stripe: Colour
    length: float = _number(0.2)
    width: float = _number(0.015)


@dataclass(frozen=True, kw_only=True)
class Shoes:
    """Shoes; `shaft` is the height of boots as a fraction of the shin."""

    kind: ShoeKind
    colour: Colour
    sole: Colour
    shaft: float = _number(0.2)


@dataclass(frozen=True, kw_only=True)
class Head:
    """Head; `volume` is the thickness of the hair in metres and `fall` the length of hair behind the neck."""

    skin: Colour
    hair: Hair
    hair_colour: Colour
    volume: float = _number(0.01)
    fall: float = _number(0.1)
    beard: bool
    hat: Hat
    hat_colour: Colour
    glasses: Glasses


@dataclass(frozen=True, kw_only=True)
class Bag:
    """Bag; `size` is a factor of the average and `side` 1 for the left side, -1 for the right side."""

    kind: BagKind
    colour: Colour
    pocket: Colour
    size: float = _number(0.2)
    side: float = _number(1.0)


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """Appearance of one identity; two equal appearances give equal pictures."""

    build: Build
    gait: Gait
    upper: Upper
    lower: Lower
    shoes: Shoes
    head: Head
    bag: Bag

    @property
    def step(self) -> float:
        """Distance in metres that a foot moves back under the body while it is on the ground."""
        return 2 * leg_length(self.build) * math.sin(self.gait.stride)

    @property
    def speed(self) -> float:
        """Walking speed in metres per second at which the feet do not slide."""
        return self.step * self.gait.rate / STANCE

    @property
    def cadence(self) -> float:
        """Radians of the gait cycle per second."""
        return 2 * math.pi * self.gait.rate

    def vector(self) -> npt.NDArray[np.float64]:
        """Return all values as numbers, in units of their scales: float64 (K,)."""
        return np.array(_list_numbers(self, 1.0))


# Fraction of the gait cycle in which a foot is on the ground; Perry, Gait Analysis, 1992.
STANCE = 0.6
# Heights of hip and ankle in body heights; Drillis and Contini 1966.
HIP, ANKLE = 0.525, 0.045


def leg_length(build: Build) -> float:
    """Return the distance from hip to ankle in metres."""
    return build.height * (HIP * build.legs - ANKLE)


def _list_numbers(value: Any, scale: float) -> list[float]:
    if is_dataclass(value):
        return [
            number
            for item in fields(value)
            for number in _list_numbers(getattr(value, item.name), item.metadata.get("scale", 1.0))
        ]
    if isinstance(value, StrEnum):
        return [float(value is member) for member in type(value)]
    if isinstance(value, tuple):
        return [channel / _COLOUR_SCALE for channel in value]
    return [float(value) / scale]
