"""Appearance of a person: plain values, equal in all cameras."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, get_args, get_type_hints

import numpy as np
import numpy.typing as npt

Colour = tuple[float, float, float]
"""Red, green and blue in 0..1 as in a picture under neutral light."""

Pattern = Literal["plain", "bands", "stripes", "checks", "diagonals", "yoke", "chest band", "halves"]
Collar = Literal["crew", "shirt", "high", "scarf", "hood"]
Shape = Literal["none", "box", "disc", "lines"]
LowerKind = Literal["trousers", "shorts", "skirt"]
ShoeKind = Literal["low", "sneakers", "boots"]
Hair = Literal["short", "long", "tied", "bald"]
Hat = Literal["none", "beanie", "bobble", "cap", "brim"]
Glasses = Literal["none", "frames", "dark"]
BagKind = Literal["none", "backpack", "shoulder", "cross", "hand", "trolley"]

# Fraction of the gait cycle in which a foot is on the ground; Perry, Gait Analysis, 1992.
STANCE = 0.6
# Heights of hip and ankle in body heights; Drillis and Contini 1966.
HIP, ANKLE = 0.525, 0.045
# Scale of a colour channel in `Appearance.vector`: 30 of 255 levels.
_COLOUR_SCALE = 0.12


def _number(scale: float) -> Any:
    """Declare a number; differences of one scale are about equally visible in all fields."""
    return field(metadata={"scale": scale})


def _normal(mean: float, sigma: float, low: float, high: float) -> Any:
    """Declare a number with a clipped normal distribution; sigma is its scale."""
    return field(metadata={"scale": sigma, "normal": (mean, sigma, low, high)})


@dataclass(frozen=True, kw_only=True)
class Build:
    """Body proportions: height and half width of the shoulders in metres, factors of the average for the rest."""

    height: float = _normal(1.72, 0.09, 1.48, 1.98)
    shoulder: float = _normal(0.205, 0.022, 0.165, 0.25)
    hips: float = _normal(1.0, 0.08, 0.82, 1.2)
    girth: float = _normal(1.0, 0.15, 0.72, 1.45)
    belly: float = _normal(1.0, 0.12, 0.85, 1.4)
    limbs: float = _normal(1.0, 0.14, 0.7, 1.35)
    legs: float = _normal(1.0, 0.03, 0.93, 1.07)
    head: float = _normal(1.0, 0.05, 0.88, 1.12)


@dataclass(frozen=True, kw_only=True)
class Gait:
    """Posture and gait; all angles in radians.

    Attributes:
        rate: gait cycles per second.
        stride: angle of the leg at heel strike.
        arm_swing: largest angle of the upper arm.
        elbow: resting angle of the elbow.
        spread: angle of the arms away from the body.
        lean: forward lean of the trunk.
        stoop: bend of the upper back and the head.
        twist: largest turn of the shoulders about the vertical.
        sway: largest shift of the hips to the side, in metres.
        toe_out: outward turn of the feet.
    """

    rate: float = _normal(0.95, 0.09, 0.7, 1.25)
    stride: float = _normal(0.42, 0.1, 0.22, 0.56)
    arm_swing: float = _normal(0.4, 0.2, 0.03, 0.9)
    elbow: float = _normal(0.3, 0.22, 0.05, 1.1)
    spread: float = _normal(0.12, 0.05, 0.04, 0.28)
    lean: float = _normal(0.04, 0.05, -0.06, 0.2)
    stoop: float = _normal(0.03, 0.05, -0.03, 0.22)
    twist: float = _normal(0.1, 0.05, 0.0, 0.22)
    sway: float = _normal(0.02, 0.01, 0.0, 0.045)
    toe_out: float = _normal(0.12, 0.09, -0.1, 0.4)


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
        accent: colour of the pattern.
        inner: colour of the shirt in an open jacket, of a shirt collar and of a scarf.
        period: width of a stripe and its gap, in metres.
        sleeves: length of the sleeves as a fraction of the arm.
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
    sleeves_in_accent: bool = _number(1.0)
    collar: Collar
    hem: float = _number(0.2)
    flare: float = _normal(0.01, 0.02, 0.0, 0.06)
    thickness: float = _normal(0.014, 0.008, 0.003, 0.032)
    opening: float = _number(0.04)
    front: Print
    back: Print


@dataclass(frozen=True, kw_only=True)
class Lower:
    """Lower garment.

    Attributes:
        legs: colour of the legs under it.
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
    beard: bool = _number(1.0)
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
    def leg(self) -> float:
        """Distance from hip to ankle in metres."""
        return self.build.height * (HIP * self.build.legs - ANKLE)

    @property
    def step(self) -> float:
        """Distance in metres that a foot moves back under the body while it is on the ground."""
        return 2 * self.leg * math.sin(self.gait.stride)

    @property
    def speed(self) -> float:
        """Walking speed in metres per second at which the feet do not slide."""
        return self.step * self.gait.rate / STANCE

    @property
    def cadence(self) -> float:
        """Radians of the gait cycle per second."""
        return 2 * math.pi * self.gait.rate

    def vector(self) -> npt.NDArray[np.float64]:
        """Return all values as numbers, in units of their scales; a kind is one number per choice: float64 (K,)."""
        return np.array(_list_numbers(self))


def _list_numbers(group: Any) -> list[float]:
    numbers: list[float] = []
    kinds = get_type_hints(type(group))
    for item in fields(group):
        value = getattr(group, item.name)
        if is_dataclass(value):
            numbers += _list_numbers(value)
        elif isinstance(value, str):
            numbers += [float(value == kind) for kind in get_args(kinds[item.name])]
        elif "scale" in item.metadata:
            numbers.append(float(value) / item.metadata["scale"])
        else:
            numbers += [channel / _COLOUR_SCALE for channel in value]
    return numbers
