"""Random people. All values are always drawn, so that a setting never shifts the values after it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

import numpy as np

from reidbench.datasets.synthetic.people import palette
from reidbench.datasets.synthetic.people.appearance import (
    Appearance,
    Bag,
    BagKind,
    Build,
    Collar,
    Colour,
    Gait,
    Glasses,
    Hair,
    Hat,
    Head,
    Lower,
    LowerKind,
    Pattern,
    Print,
    Shape,
    ShoeKind,
    Shoes,
    Upper,
)
from reidbench.datasets.synthetic.people.variety import VARIETY, Variety
from reidbench.datasets.synthetic.seeding import Stream, make_rng

Kind = TypeVar("Kind", bound=StrEnum)

# Colour of what a person does not have.
_UNUSED: Colour = (0.0, 0.0, 0.0)


def draw_people(seed: int, count: int, variety: Variety = VARIETY) -> tuple[Appearance, ...]:
    """Draw the people of a tree, in the order of their folders; each depends on the seed and its index only."""
    return tuple(draw_appearance(make_rng(Stream.PERSON, seed, index), variety) for index in range(count))


def draw_appearance(rng: np.random.Generator, variety: Variety = VARIETY) -> Appearance:
    """Draw one person. A value without effect, such as the colour of a missing hat, is set to zero."""
    return Appearance(
        build=_draw_build(rng, variety),
        gait=_draw_gait(rng, variety),
        upper=_draw_upper(rng, variety),
        lower=_draw_lower(rng, variety),
        shoes=_draw_shoes(rng, variety),
        head=_draw_head(rng, variety),
        bag=_draw_bag(rng, variety),
    )


def _draw_build(rng: np.random.Generator, variety: Variety) -> Build:
    return Build(
        height=_normal(rng, 1.72, variety.height_sigma, 1.48, 1.98),
        shoulder=_normal(rng, 0.205, variety.shoulder_sigma, 0.165, 0.25),
        hips=_normal(rng, 1.0, 0.08, 0.82, 1.2),
        girth=_normal(rng, 1.0, variety.girth_sigma, 0.72, 1.45),
        belly=_normal(rng, 1.0, 0.12, 0.85, 1.4),
        limbs=_normal(rng, 1.0, variety.limb_sigma, 0.7, 1.35),
        legs=_normal(rng, 1.0, 0.03, 0.93, 1.07),
        head=_normal(rng, 1.0, 0.05, 0.88, 1.12),
    )


def _draw_gait(rng: np.random.Generator, variety: Variety) -> Gait:
    return Gait(
        rate=_normal(rng, 0.95, 0.09, 0.7, 1.25),
        stride=_normal(rng, 0.42, variety.stride_sigma, 0.22, 0.56),
        arm_swing=_normal(rng, 0.4, variety.swing_sigma, 0.03, 0.9),
        elbow=_normal(rng, 0.3, 0.22, 0.05, 1.1),
        spread=_normal(rng, 0.12, 0.05, 0.04, 0.28),
        lean=_normal(rng, 0.04, variety.lean_sigma, -0.06, 0.2),
        stoop=_normal(rng, 0.03, 0.05, -0.03, 0.22),
        twist=_normal(rng, 0.1, 0.05, 0.0, 0.22),
        sway=_normal(rng, 0.02, 0.01, 0.0, 0.045),
        toe_out=_normal(rng, 0.12, 0.09, -0.1, 0.4),
    )


def _draw_upper(rng: np.random.Generator, variety: Variety) -> Upper:
    sigma = variety.colour_sigma
    dark = palette.pick(rng, palette.DARK_TOPS, sigma, palette.DARK_TOP_WEIGHTS)
    bright = palette.pick(rng, palette.BRIGHT, sigma)
    colour = bright if rng.random() < variety.bright_share else dark
    accent, inner = palette.pick_contrast(rng, colour, sigma), palette.pick_contrast(rng, colour, sigma)
    accent = palette.mix(colour, accent, float(rng.uniform(*variety.pattern_contrast)))
    pattern = _pick(rng, tuple(Pattern)[1:], (0.2, 0.15, 0.1, 0.1, 0.16, 0.16, 0.13))
    pattern = pattern if rng.random() < variety.pattern_share else Pattern.PLAIN
    short, length = rng.random() < variety.short_sleeve_share, rng.uniform(0.3, 0.75)
    opening, is_open = rng.uniform(0.02, 0.09), rng.random() < variety.open_share
    hem, long = rng.uniform(0.02, 0.25), rng.uniform(0.25, 0.8)
    return Upper(
        pattern=pattern,
        colour=colour,
        accent=accent,
        inner=inner,
        period=float(np.exp(rng.uniform(np.log(0.05), np.log(0.16)))),
        sleeves=float(length if short else 1.0),
        sleeves_in_accent=bool(rng.random() < 0.15),
        collar=_pick(rng, tuple(Collar), (0.22, 0.24, 0.2, 0.12, 0.22)),
        hem=float(long if rng.random() < 0.35 else hem),
        flare=_normal(rng, 0.01, 0.02, 0.0, 0.06),
        thickness=_normal(rng, 0.014, 0.008, 0.003, 0.032),
        opening=float(opening if is_open else 0.0),
        front=_draw_print(rng, variety),
        back=_draw_print(rng, variety),
    )


def _draw_print(rng: np.random.Generator, variety: Variety) -> Print:
    shape, colour = _pick(rng, tuple(Shape)[1:]), palette.pick(rng, palette.ACCENTS, variety.colour_sigma)
    width, height = rng.uniform(0.1, 0.28), rng.uniform(0.08, 0.24)
    if rng.random() >= variety.print_share:
        return Print(shape=Shape.NONE, colour=_UNUSED, width=0.0, height=0.0)
    return Print(shape=shape, colour=colour, width=float(width), height=float(height))


def _draw_lower(rng: np.random.Generator, variety: Variety) -> Lower:
    sigma = variety.colour_sigma
    colour = palette.pick(rng, palette.TROUSERS, sigma, palette.TROUSER_WEIGHTS)
    stripe = palette.pick_contrast(rng, colour, sigma)
    tights = palette.pick(rng, palette.DARK_TOPS, sigma)
    chance, length = rng.random(), rng.uniform(0.3, 0.62)
    has_stripe, rolled = rng.random() < 0.12, rng.uniform(0.78, 1.02)
    if chance < variety.skirt_share:
        kind = LowerKind.SKIRT
    elif chance < variety.skirt_share + variety.shorts_share:
        kind = LowerKind.SHORTS
    else:
        kind, length = LowerKind.TROUSERS, rolled if rolled < 0.9 else 1.0
    return Lower(
        kind=kind,
        colour=colour,
        legs=tights,
        stripe=stripe if has_stripe else colour,
        length=float(length),
        width=_normal(rng, 0.016, 0.012, 0.0, 0.05),
    )


def _draw_shoes(rng: np.random.Generator, variety: Variety) -> Shoes:
    kind = _pick(rng, tuple(ShoeKind), (0.45, 0.33, 0.22))
    colour, sole = palette.pick(rng, palette.SHOES, variety.colour_sigma), rng.uniform(0.7, 0.9)
    shaft = rng.uniform(0.35, 0.85)
    return Shoes(
        kind=kind,
        colour=colour,
        sole=(float(sole),) * 3 if kind is ShoeKind.SNEAKERS else (0.12, 0.12, 0.12),
        shaft=float(shaft) if kind is ShoeKind.BOOTS else 0.0,
    )


def _draw_head(rng: np.random.Generator, variety: Variety) -> Head:
    skin = palette.pick(rng, palette.SKIN, 4, palette.SKIN_WEIGHTS)
    hair, colour = (
        _pick(rng, tuple(Hair), (0.5, 0.27, 0.15, 0.08)),
        palette.pick(rng, palette.HAIR, 4, palette.HAIR_WEIGHTS),
    )
    volume, fall = _normal(rng, 0.012, 0.008, 0.002, 0.04), rng.uniform(0.12, 0.4)
    hat, has_hat = _pick(rng, tuple(Hat)[1:]), rng.random() < variety.hat_share
    hat_colour = palette.pick(rng, palette.ACCENTS, variety.colour_sigma)
    glasses = _pick(rng, tuple(Glasses)[1:], (0.75, 0.25))
    has_glasses, has_beard = rng.random() < variety.glasses_share, rng.random() < 0.2
    return Head(
        skin=skin,
        hair=hair,
        hair_colour=colour,
        volume=volume if hair is not Hair.BALD else 0.0,
        fall=float(fall) if hair in (Hair.LONG, Hair.TIED) else 0.0,
        beard=bool(has_beard and hair in (Hair.SHORT, Hair.BALD)),
        hat=hat if has_hat else Hat.NONE,
        hat_colour=hat_colour if has_hat else _UNUSED,
        glasses=glasses if has_glasses else Glasses.NONE,
    )


def _draw_bag(rng: np.random.Generator, variety: Variety) -> Bag:
    kind, has_bag = (
        _pick(rng, tuple(BagKind)[1:], (0.34, 0.2, 0.18, 0.16, 0.12)),
        rng.random() < variety.bag_share,
    )
    colour, pocket = (
        palette.pick(rng, palette.BAGS, variety.colour_sigma),
        palette.pick(rng, palette.BAGS, variety.colour_sigma),
    )
    size, side = _normal(rng, 1.0, 0.18, 0.65, 1.4), float(rng.choice([-1, 1]))
    if not has_bag:
        return Bag(kind=BagKind.NONE, colour=_UNUSED, pocket=_UNUSED, size=0.0, side=0.0)
    return Bag(kind=kind, colour=colour, pocket=pocket, size=size, side=side)


def _normal(rng: np.random.Generator, mean: float, sigma: float, low: float, high: float) -> float:
    return float(np.clip(rng.normal(mean, sigma), low, high))


def _pick(rng: np.random.Generator, kinds: Sequence[Kind], weights: tuple[float, ...] | None = None) -> Kind:
    return kinds[int(rng.choice(len(kinds), p=weights))]
