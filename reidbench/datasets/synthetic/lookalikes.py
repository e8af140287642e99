"""Random people of a tree, most of them in look-alike groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from reidbench.datasets.synthetic import palette
from reidbench.datasets.synthetic.appearance import (
    Appearance,
    Bag,
    Bottom,
    Build,
    Gait,
    Hair,
    Head,
    Luggage,
    Outfit,
    Top,
)
from reidbench.datasets.synthetic.difficulty import DIFFICULTY
from reidbench.datasets.synthetic.seeding import Stream, make_rng


def draw_people(seed: int, count: int) -> tuple[Appearance, ...]:
    """Draw the people of a tree, in the order of their folders.

    Args:
        seed: seed of the tree.
        count: number of people, at least 1.

    Returns:
        `count` appearances. A fraction of them (`Difficulty.lookalike_share`) is in groups of three to six people,
        with clothes of nearly equal colours and a difference in bag, hair, build, shoes or pattern. A test set of
        half of the people contains two or three people per group.
    """
    people: list[Appearance | None] = [None] * count
    for number, members in enumerate(_draw_groups(seed, count)):
        lookalikes = draw_lookalikes(make_rng(Stream.GROUP, seed, number), len(members))
        for index, person in zip(members, lookalikes, strict=True):
            people[index] = replace(person, group=number)
    return tuple(
        person or draw_appearance(make_rng(Stream.PERSON, seed, index)) for index, person in enumerate(people)
    )


def draw_appearance(rng: np.random.Generator) -> Appearance:
    """Draw one person independently of all others."""
    return Appearance(
        outfit=_draw_outfit(rng),
        luggage=_draw_luggage(rng, tuple(Bag)),
        head=_draw_head(rng, tuple(Hair)),
        build=Build(
            height=float(np.clip(rng.normal(1.0, 0.03), 0.92, 1.05)),
            width=float(np.clip(rng.normal(1.0, 0.11), 0.8, 1.3)),
        ),
        gait=Gait(
            rate=float(np.clip(rng.normal(0.95, 0.09), 0.7, 1.25)),
            stride=float(np.clip(rng.normal(0.42, 0.06), 0.26, 0.56)),
            arm_swing=float(np.clip(rng.normal(0.40, 0.16), 0.05, 0.8)),
        ),
    )


def draw_lookalikes(rng: np.random.Generator, count: int) -> list[Appearance]:
    """Draw one to six people with clothes of nearly equal colours; any two differ in at least one trait.

    The first person is the model; each other person changes one trait, different for each.
    """
    model = draw_appearance(rng)
    changes = [_CHANGES[int(index)] for index in rng.permutation(len(_CHANGES))[: count - 1]]
    return [_vary_colours(rng, model), *(change(rng, _vary_colours(rng, model)) for change in changes)]


def _draw_groups(seed: int, count: int) -> list[list[int]]:
    rng = make_rng(Stream.GROUPING, seed)
    order: list[int] = rng.permutation(count).tolist()
    remaining = round(DIFFICULTY.lookalike_share * count)
    groups = []
    while remaining >= 2:
        size = min(int(rng.integers(3, 7)), remaining)
        groups.append(order[:size])
        order = order[size:]
        remaining -= size
    return groups


def _draw_outfit(rng: np.random.Generator) -> Outfit:
    sigma = DIFFICULTY.clothes_colour_sigma
    upper = palette.pick_cloth(rng, palette.UPPER_WEIGHTS, sigma)
    return Outfit(
        top=_draw_top(rng),
        upper=upper,
        accent=palette.pick_contrast(rng, upper, sigma),
        pattern_count=int(rng.integers(3, 8)),
        long_sleeves=bool(rng.random() < 0.7),
        sleeves_in_accent=bool(rng.random() < 0.18),
        hem=(0.50, 0.53, 0.58, 0.66)[int(rng.choice(4, p=[0.4, 0.3, 0.18, 0.12]))],
        bottom=tuple(Bottom)[int(rng.choice(3, p=[0.76, 0.11, 0.13]))],
        lower=palette.pick_cloth(rng, palette.LOWER_WEIGHTS, sigma),
        shoes=palette.pick_cloth(rng, palette.SHOE_WEIGHTS, sigma),
    )


def _draw_top(rng: np.random.Generator) -> Top:
    patterned = tuple(top for top in Top if top is not Top.PLAIN)
    choice = patterned[int(rng.choice(6, p=[0.17, 0.13, 0.15, 0.18, 0.15, 0.22]))]
    return Top.PLAIN if rng.random() < DIFFICULTY.plain_share else choice


_BAG_KIND_WEIGHTS = {Bag.NONE: 0.3, Bag.BACKPACK: 0.28, Bag.SHOULDER: 0.25, Bag.HAND: 0.17}
_HAIR_KIND_WEIGHTS = {Hair.SHORT: 0.5, Hair.LONG: 0.3, Hair.BALD: 0.07, Hair.HAT: 0.13}


def _draw_luggage(rng: np.random.Generator, kinds: tuple[Bag, ...]) -> Luggage:
    weights = np.array([_BAG_KIND_WEIGHTS[kind] for kind in kinds])
    return Luggage(
        kind=kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))],
        colour=palette.pick_cloth(rng, palette.BAG_WEIGHTS, DIFFICULTY.clothes_colour_sigma),
        size=float(rng.uniform(0.8, 1.3)),
        side=int(rng.choice([-1, 1])),
    )


def _draw_head(rng: np.random.Generator, kinds: tuple[Hair, ...]) -> Head:
    weights = np.array([_HAIR_KIND_WEIGHTS[kind] for kind in kinds])
    return Head(
        hair=kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))],
        hair_colour=palette.pick(rng, palette.HAIR, palette.HAIR_WEIGHTS),
        hat_colour=palette.pick_cloth(rng, palette.ACCENT_WEIGHTS, DIFFICULTY.clothes_colour_sigma),
        skin=palette.vary_colour(rng, palette.pick(rng, palette.SKIN, palette.SKIN_WEIGHTS), 4),
    )


def _vary_colours(rng: np.random.Generator, person: Appearance) -> Appearance:
    """Vary the colours of clothes and bag slightly."""
    sigma = DIFFICULTY.lookalike_colour_sigma
    outfit = replace(
        person.outfit,
        upper=palette.vary_colour(rng, person.outfit.upper, sigma),
        accent=palette.vary_colour(rng, person.outfit.accent, sigma),
        lower=palette.vary_colour(rng, person.outfit.lower, sigma),
    )
    luggage = replace(person.luggage, colour=palette.vary_colour(rng, person.luggage.colour, sigma))
    return replace(person, outfit=outfit, luggage=luggage)


def _change_bag(rng: np.random.Generator, person: Appearance) -> Appearance:
    """Replace the bag by another kind, or by the same kind in another colour."""
    kind = person.luggage.kind
    if kind is Bag.NONE or rng.random() < 0.4:
        return replace(person, luggage=_draw_luggage(rng, tuple(other for other in Bag if other is not kind)))
    colour = palette.pick_contrast(rng, person.luggage.colour, DIFFICULTY.clothes_colour_sigma)
    return replace(person, luggage=replace(person.luggage, colour=colour))


def _change_hair(rng: np.random.Generator, person: Appearance) -> Appearance:
    others = tuple(kind for kind in Hair if kind is not person.head.hair)
    return replace(person, head=replace(_draw_head(rng, others), skin=person.head.skin))


def _change_build(rng: np.random.Generator, person: Appearance) -> Appearance:
    width = person.build.width * (1.18 if person.build.width < 1.0 else 0.85)
    gait = replace(person.gait, arm_swing=float(rng.uniform(0.05, 0.8)))
    return replace(person, build=replace(person.build, width=width), gait=gait)


def _change_shoes(rng: np.random.Generator, person: Appearance) -> Appearance:
    shoes = palette.pick_contrast(rng, person.outfit.shoes, DIFFICULTY.clothes_colour_sigma)
    return replace(person, outfit=replace(person.outfit, shoes=shoes))


def _change_pattern(rng: np.random.Generator, person: Appearance) -> Appearance:
    """Change the pattern with the same colours: finer or coarser; plain tops get a print, open jackets become plain."""
    outfit = person.outfit
    other = {Top.PLAIN: Top.PRINT, Top.OPEN_JACKET: Top.PLAIN}
    count = outfit.pattern_count + (2 if outfit.pattern_count < 5 else -2)
    top = other.get(outfit.top, outfit.top)
    return replace(person, outfit=replace(outfit, top=top, pattern_count=count))


_CHANGES: tuple[Callable[[np.random.Generator, Appearance], Appearance], ...] = (
    _change_bag,
    _change_hair,
    _change_build,
    _change_shoes,
    _change_pattern,
)
