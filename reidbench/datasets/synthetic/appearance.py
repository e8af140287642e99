"""Appearance of a person, equal in all cameras."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reidbench.datasets.synthetic.palette import Colour


class Top(StrEnum):
    """Pattern of the upper garment."""

    PLAIN = "plain"
    BANDS = "horizontal stripes"
    STRIPES = "vertical stripes"
    CHECKS = "checks"
    TWO_TONE = "two-tone"
    PRINT = "logo patch"
    OPEN_JACKET = "open jacket"


class Bottom(StrEnum):
    """Kind of the lower garment."""

    TROUSERS = "trousers"
    SHORTS = "shorts"
    SKIRT = "skirt"


class Bag(StrEnum):
    """Kind of bag."""

    NONE = "none"
    BACKPACK = "backpack"
    SHOULDER = "shoulder"
    HAND = "hand"


class Hair(StrEnum):
    """Hair style or hat."""

    SHORT = "short"
    LONG = "long"
    BALD = "bald"
    HAT = "hat"


@dataclass(frozen=True, kw_only=True)
class Outfit:
    """Clothes.

    Attributes:
        pattern_count: number of stripes or squares on the garment.
        hem: lower edge of the top, in body heights from the crown.
    """

    top: Top
    upper: Colour
    accent: Colour
    pattern_count: int
    long_sleeves: bool
    sleeves_in_accent: bool
    hem: float
    bottom: Bottom
    lower: Colour
    shoes: Colour


@dataclass(frozen=True, kw_only=True)
class Luggage:
    """Bag; `side` is 1 for the left side and -1 for the right side."""

    kind: Bag
    colour: Colour
    size: float
    side: int


@dataclass(frozen=True, kw_only=True)
class Head:
    """Hair, hat and skin."""

    hair: Hair
    hair_colour: Colour
    hat_colour: Colour
    skin: Colour


@dataclass(frozen=True, kw_only=True)
class Build:
    """Body proportions, as factors of the average."""

    height: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Gait:
    """Gait.

    Attributes:
        rate: cycles per second.
        stride: largest angle of the thigh, in radians.
        arm_swing: largest angle of the upper arm, in radians.
    """

    rate: float
    stride: float
    arm_swing: float


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """Appearance of one identity; `group` is the number of its look-alike group."""

    outfit: Outfit
    luggage: Luggage
    head: Head
    build: Build
    gait: Gait
    group: int | None = None
