"""Random people. All values are always drawn, so that a setting never shifts the values after it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

import numpy as np

from reidbench.datasets.synthetic.people import appearance as kinds
from reidbench.datasets.synthetic.people import palette
from reidbench.datasets.synthetic.people.appearance import (
    Appearance,
    Bag,
    Build,
    Gait,
    Head,
    Lower,
    Print,
    Shoes,
    Upper,
)
from reidbench.datasets.synthetic.people.variety import VARIETY, Variety
from reidbench.datasets.synthetic.seeding import Stream, make_rng

# Colour of what a person does not have.
_UNUSED = (0.0, 0.0, 0.0)


def draw_people(seed: int, count: int, variety: Variety = VARIETY) -> tuple[Appearance, ...]:
    """Draw the people of a tree, in the order of their folders; each depends on the seed and its index only."""
    return tuple(draw_appearance(make_rng(Stream.PERSON, seed, index), variety) for index in range(count))


def draw_appearance(rng: np.random.Generator, variety: Variety = VARIETY) -> Appearance:
    """Draw one person. A value without effect, such as the colour of a missing hat, is set to zero."""
    return Appearance(
        build=Build(**_draw_normals(rng, Build, variety.build_spread)),
        gait=Gait(**_draw_normals(rng, Gait, variety.gait_spread)),
        upper=_draw_upper(rng, variety),
        lower=_draw_lower(rng, variety),
        shoes=_draw_shoes(rng, variety),
        head=_draw_head(rng, variety),
        bag=_draw_bag(rng, variety),
    )


def _draw_normals(rng: np.random.Generator, group: type, spread: float) -> dict[str, float]:
    """Draw the fields that are declared with a normal distribution, `spread` times as wide."""
    values = {}
    for item in fields(group):
        if "normal" in item.metadata:
            mean, sigma, low, high = item.metadata["normal"]
            values[item.name] = float(np.clip(rng.normal(mean, spread * sigma), low, high))
    return values


def _draw_upper(rng: np.random.Generator, variety: Variety) -> Upper:
    sigma = variety.colour_sigma
    dark = palette.pick(rng, palette.DARK_TOPS, sigma, palette.DARK_TOP_WEIGHTS)
    bright = palette.pick(rng, palette.BRIGHT, sigma)
    colour = bright if rng.random() < variety.bright_share else dark
    accent, inner = palette.pick_contrast(rng, colour, sigma), palette.pick_contrast(rng, colour, sigma)
    accent = palette.mix(colour, accent, rng.uniform(*variety.pattern_contrast))
    period = float(np.exp(rng.uniform(np.log(0.07), np.log(0.24))))
    pattern: kinds.Pattern = _pick(rng, get_args(kinds.Pattern)[1:], (0.2, 0.15, 0.1, 0.1, 0.16, 0.16, 0.13))
    pattern = pattern if rng.random() < variety.pattern_share else "plain"
    collar = _pick(rng, get_args(kinds.Collar), (0.22, 0.24, 0.2, 0.12, 0.22))
    short, sleeves = rng.random() < variety.short_sleeve_share, rng.uniform(0.3, 0.75)
    in_accent = bool(rng.random() < variety.accent_sleeve_share)
    is_open, opening = rng.random() < variety.open_share, rng.uniform(0.02, 0.09)
    is_long, hem, long_hem = rng.random() < variety.long_share, rng.uniform(0.02, 0.2), rng.uniform(0.25, 0.8)
    has_period = pattern in ("bands", "stripes", "checks", "diagonals", "chest band")
    return Upper(
        pattern=pattern,
        colour=colour,
        accent=accent if pattern != "plain" or in_accent else _UNUSED,
        inner=inner if is_open or collar in ("shirt", "scarf") else _UNUSED,
        period=period if has_period else 0.0,
        sleeves=float(sleeves if short else 1.0),
        sleeves_in_accent=in_accent,
        collar=collar,
        hem=float(long_hem if is_long else hem),
        opening=float(opening if is_open else 0.0),
        front=_draw_print(rng, variety),
        back=_draw_print(rng, variety),
        **_draw_normals(rng, Upper, 1.0),
    )


def _draw_print(rng: np.random.Generator, variety: Variety) -> Print:
    shape, colour = (
        _pick(rng, get_args(kinds.Shape)[1:]),
        palette.pick(rng, palette.ACCENTS, variety.colour_sigma),
    )
    width, height = float(rng.uniform(0.1, 0.28)), float(rng.uniform(0.08, 0.24))
    if rng.random() >= variety.print_share:
        return Print(shape="none", colour=_UNUSED, width=0.0, height=0.0)
    return Print(shape=shape, colour=colour, width=width, height=height)


def _draw_lower(rng: np.random.Generator, variety: Variety) -> Lower:
    sigma = variety.colour_sigma
    colour = palette.pick(rng, palette.TROUSERS, sigma, palette.TROUSER_WEIGHTS)
    stripe, legs = palette.pick_contrast(rng, colour, sigma), palette.pick(rng, palette.DARK_TOPS, sigma)
    has_stripe = rng.random() < variety.stripe_share
    chance, bare, rolled = rng.random(), rng.uniform(0.3, 0.62), rng.uniform(0.78, 1.02)
    skirt, short = variety.skirt_share, variety.skirt_share + variety.shorts_share
    trousers = rolled if rolled < 0.9 else 1.0
    return Lower(
        kind="skirt" if chance < skirt else "shorts" if chance < short else "trousers",
        colour=colour,
        legs=legs,
        stripe=stripe if has_stripe else colour,
        length=float(bare if chance < short else trousers),
        width=_normal(rng, 0.016, 0.012, 0.0, 0.05),
    )


def _draw_shoes(rng: np.random.Generator, variety: Variety) -> Shoes:
    kind = _pick(rng, get_args(kinds.ShoeKind), (0.45, 0.33, 0.22))
    colour = palette.pick(rng, palette.SHOES, variety.colour_sigma)
    sole, shaft = float(rng.uniform(0.7, 0.9)), float(rng.uniform(0.35, 0.85))
    sole = sole if kind == "sneakers" else 0.12
    return Shoes(kind=kind, colour=colour, sole=(sole, sole, sole), shaft=shaft if kind == "boots" else 0.0)


def _draw_head(rng: np.random.Generator, variety: Variety) -> Head:
    skin = palette.pick(rng, palette.SKIN, 4, palette.SKIN_WEIGHTS)
    hair_colour = palette.pick(rng, palette.HAIR, 4, palette.HAIR_WEIGHTS)
    hair = _pick(rng, get_args(kinds.Hair), (0.5, 0.27, 0.15, 0.08))
    volume, fall = _normal(rng, 0.012, 0.008, 0.002, 0.04), float(rng.uniform(0.12, 0.4))
    has_beard = bool(rng.random() < 0.2)
    hat, has_hat = _pick(rng, get_args(kinds.Hat)[1:]), rng.random() < variety.hat_share
    hat_colour = palette.pick(rng, palette.ACCENTS, variety.colour_sigma)
    glasses, has_glasses = (
        _pick(rng, get_args(kinds.Glasses)[1:], (0.75, 0.25)),
        rng.random() < variety.glasses_share,
    )
    return Head(
        skin=skin,
        hair=hair,
        hair_colour=hair_colour,
        volume=volume if hair != "bald" else 0.0,
        fall=fall if hair in ("long", "tied") else 0.0,
        beard=has_beard and hair in ("short", "bald"),
        hat=hat if has_hat else "none",
        hat_colour=hat_colour if has_hat else _UNUSED,
        glasses=glasses if has_glasses else "none",
    )


def _draw_bag(rng: np.random.Generator, variety: Variety) -> Bag:
    kind = _pick(rng, get_args(kinds.BagKind)[1:], (0.34, 0.2, 0.18, 0.16, 0.12))
    colour = palette.pick(rng, palette.BAGS, variety.colour_sigma)
    pocket = palette.pick(rng, palette.BAGS, variety.colour_sigma)
    size, side = _normal(rng, 1.0, 0.18, 0.65, 1.4), float(rng.choice([-1, 1]))
    if rng.random() >= variety.bag_share:
        return Bag(kind="none", colour=_UNUSED, pocket=_UNUSED, size=0.0, side=0.0)
    is_backpack = kind == "backpack"
    pocket, side = (pocket, 0.0) if is_backpack else (_UNUSED, side)
    return Bag(kind=kind, colour=colour, pocket=pocket, size=size, side=side)


def _normal(rng: np.random.Generator, mean: float, sigma: float, low: float, high: float) -> float:
    return float(np.clip(rng.normal(mean, sigma), low, high))


def _pick(
    rng: np.random.Generator, choices: tuple[Any, ...], weights: tuple[float, ...] | None = None
) -> Any:
    return choices[int(rng.choice(len(choices), p=weights))]
