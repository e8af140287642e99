"""What stays the same about a person in every camera."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reidbench.datasets.synthetic.palette import Colour


class Top(StrEnum):
    """Layout of the upper garment."""

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
    """What is carried, and how."""

    NONE = "none"
    BACKPACK = "backpack"
    SHOULDER = "shoulder"
    HAND = "hand"


class Hair(StrEnum):
    """How the head is covered."""

    SHORT = "short"
    LONG = "long"
    BALD = "bald"
    HAT = "hat"


@dataclass(frozen=True, kw_only=True)
class Outfit:
    """The clothes."""

    top: Top
    upper: Colour
    accent: Colour
    pattern_count: int  # stripes or squares over the garment
    long_sleeves: bool
    sleeves_in_accent: bool
    hem: float  # lower edge of the top, in body heights below the crown
    bottom: Bottom
    lower: Colour
    shoes: Colour


@dataclass(frozen=True, kw_only=True)
class Luggage:
    """The bag."""

    kind: Bag
    colour: Colour
    size: float
    side: int  # 1 = left, -1 = right


@dataclass(frozen=True, kw_only=True)
class Head:
    """Hair, hat and skin."""

    hair: Hair
    hair_colour: Colour
    hat_colour: Colour
    skin: Colour


@dataclass(frozen=True, kw_only=True)
class Build:
    """Proportions, as factors on the usual ones."""

    height: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Gait:
    """How a person walks."""

    rate: float  # full cycles per second
    stride: float  # largest angle of the thigh, radians
    arm_swing: float  # largest angle of the upper arm, radians


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """One identity."""

    outfit: Outfit
    luggage: Luggage
    head: Head
    build: Build
    gait: Gait
    group: int | None = None  # number of the look-alike group
