from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from reidbench.datasets.synthetic.people import Appearance, Facets, Figure, Part, draw_people
from reidbench.datasets.synthetic.people.appearance import (
    STANCE,
    Bag,
    BagKind,
    Collar,
    Glasses,
    Hair,
    Hat,
    Pattern,
    Print,
    Shape,
)

PEOPLE = draw_people(911, 30)
FACETS = [Figure(person).facets(1.0) for person in PEOPLE]
PHASES = np.linspace(0, 2 * math.pi, 12, endpoint=False)
CLOSED = [
    (Part.TORSO, Part.STRAP),
    (Part.HEAD, Part.HAIR, Part.HAT, Part.GLASSES),
    *(
        (part,)
        for part in Part
        if part not in (Part.TORSO, Part.STRAP, Part.HEAD, Part.HAIR, Part.HAT, Part.GLASSES)
    ),
]


def make_plain(person: Appearance) -> Appearance:
    """Return the person without pattern, print, opening, bag, hat or glasses, with short hair and a crew neck."""
    nothing = Print(shape="none", colour=(0, 0, 0), width=0, height=0)
    upper = replace(
        person.upper,
        colour=(0.1, 0.1, 0.1),
        accent=(0.8, 0.8, 0.8),
        inner=(0.7, 0.7, 0.9),
        pattern="plain",
        period=0.12,
        sleeves=1.0,
        sleeves_in_accent=False,
        collar="crew",
        hem=0.1,
        opening=0.0,
        front=nothing,
        back=nothing,
    )
    head = replace(
        person.head,
        hair="short",
        hair_colour=(0.2, 0.15, 0.1),
        volume=0.01,
        fall=0.25,
        beard=False,
        hat="none",
        hat_colour=(0.6, 0.1, 0.1),
        glasses="none",
    )
    lower = replace(person.lower, kind="trousers", length=1.0)
    bag = Bag(kind="none", colour=(0.5, 0.3, 0.1), pocket=(0.5, 0.3, 0.1), size=1.0, side=1.0)
    shoes = replace(person.shoes, kind="low", shaft=0.6)
    return replace(person, upper=upper, head=head, lower=lower, bag=bag, shoes=shoes)


PLAIN = make_plain(PEOPLE[0])


def measure_volume(facets: Facets, parts: tuple[Part, ...]) -> float:
    """Return the signed volume inside the facets of some parts, positive if they face outwards."""
    corners = facets.corners[np.isin(facets.parts, parts)].astype(np.float64)
    first, second, third, fourth = corners.transpose(1, 0, 2)
    triangles = np.concatenate((np.stack((first, second, third)), np.stack((first, third, fourth))), axis=1)
    return float((triangles[0] * np.cross(triangles[1], triangles[2])).sum() / 6)


def find_difference(first: Facets, second: Facets) -> int:
    """Return how many facets of `first` have no facet of equal corners and colour in `second`."""
    rows = [
        {
            tuple(row)
            for row in np.concatenate((item.corners.reshape(-1, 12), item.albedo), axis=1).round(4).tolist()
        }
        for item in (first, second)
    ]
    return len(rows[0] - rows[1])


@pytest.mark.parametrize("parts", CLOSED, ids=lambda parts: parts[0].name.lower())
def test_parts_face_outwards(parts: tuple[Part, ...]) -> None:
    volumes = [measure_volume(facets, parts) for facets in FACETS if np.isin(facets.parts, parts).any()]

    assert all(volume > 0 for volume in volumes)


def test_facets_are_finite_and_of_the_promised_types() -> None:
    for facets in FACETS:
        count = len(facets.parts)
        assert facets.corners.shape == (count, 4, 3)
        assert facets.corners.dtype == np.float32
        assert facets.albedo.shape == (count, 3)
        assert facets.albedo.dtype == np.float32
        assert facets.parts.dtype == np.uint8
        assert facets.parts.min() > 0
        assert np.isfinite(facets.corners).all()
        assert facets.albedo.min() >= 0
        assert facets.albedo.max() <= 1
        assert 1000 < count < 2400


def test_people_stand_on_the_ground_at_their_height() -> None:
    for person in PEOPLE:
        figure = Figure(person)
        for phase in PHASES:
            facets = figure.facets(float(phase))
            assert abs(facets.corners[..., 2].min()) < 0.004
            body = facets.corners[facets.parts != Part.BRIM]
            assert -0.11 < body[..., 2].max() - person.build.height < 0.08


def test_a_standing_foot_does_not_slide() -> None:
    for person in PEOPLE[:5]:
        figure, soles = Figure(person), []
        # The flat part of the stance of the left foot.
        for share in np.linspace(0.22, 0.5, 6):
            cycle = share * STANCE
            facets = figure.facets(2 * math.pi * cycle)
            shoe = facets.corners[facets.parts == Part.LEFT_SHOE]
            soles.append(shoe + np.array([figure.speed * cycle / person.gait.rate, 0, 0]))
        assert max(np.abs(sole - soles[0]).max() for sole in soles) < 0.002


def test_half_a_cycle_mirrors_the_body() -> None:
    figure = Figure(PLAIN)
    for phase in PHASES[:4]:
        first, second = figure.facets(float(phase)), figure.facets(float(phase) + math.pi)
        for left, right in ((Part.LEFT_LEG, Part.RIGHT_LEG), (Part.LEFT_ARM, Part.RIGHT_ARM)):
            corners = first.corners[first.parts == left] * np.array([1, -1, 1])
            other = second.corners[second.parts == right]
            assert np.allclose(corners.mean(axis=(0, 1)), other.mean(axis=(0, 1)), atol=1e-4)
            assert np.allclose(corners.min(axis=(0, 1)), other.min(axis=(0, 1)), atol=1e-4)


def test_legs_swing_against_each_other_and_arms_against_legs() -> None:
    facets = Figure(PLAIN).facets(0.0)
    forward = {
        part: float(facets.corners[facets.parts == part][..., 0].mean())
        for part in Part
        if part in facets.parts
    }

    assert forward[Part.LEFT_SHOE] > 0.1 > -0.1 > forward[Part.RIGHT_SHOE]
    assert forward[Part.RIGHT_HAND] > forward[Part.LEFT_HAND]


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        *(("upper", "pattern", pattern) for pattern in get_args(Pattern)[1:]),
        *(("upper", "collar", collar) for collar in get_args(Collar)[1:]),
        *(
            ("upper", side, Print(shape=shape, colour=(0.9, 0.2, 0.2), width=0.25, height=0.2))
            for side in ("front", "back")
            for shape in get_args(Shape)[1:]
        ),
        ("upper", "sleeves", 0.4),
        ("upper", "sleeves_in_accent", True),
        ("upper", "hem", 0.7),
        ("upper", "opening", 0.08),
        ("upper", "thickness", 0.03),
        ("lower", "kind", "skirt"),
        ("lower", "length", 0.5),
        ("lower", "width", 0.05),
        ("lower", "stripe", (0.9, 0.9, 0.9)),
        *(("head", "hair", hair) for hair in get_args(Hair)[1:]),
        *(("head", "hat", hat) for hat in get_args(Hat)[1:]),
        *(("head", "glasses", glasses) for glasses in get_args(Glasses)[1:]),
        ("head", "beard", True),
        ("head", "volume", 0.04),
        *(("bag", "kind", kind) for kind in get_args(BagKind)[1:]),
        ("shoes", "kind", "boots"),
        ("shoes", "sole", (0.95, 0.95, 0.95)),
    ],
    ids=str,
)
def test_each_trait_changes_the_person(group: str, name: str, value: object) -> None:
    plain = replace(PLAIN, lower=replace(PLAIN.lower, length=0.5)) if value == "skirt" else PLAIN
    other = replace(plain, **{group: replace(getattr(plain, group), **{name: value})})

    assert find_difference(Figure(other).facets(0.7), Figure(plain).facets(0.7)) >= 5


@pytest.mark.parametrize("pattern", get_args(Pattern)[1:])
def test_patterns_share_the_trunk_with_the_main_colour(pattern: Pattern) -> None:
    facets = Figure(replace(PLAIN, upper=replace(PLAIN.upper, pattern=pattern))).facets(0.0)
    trunk = facets.albedo[facets.parts == Part.TORSO]
    accent = np.isclose(trunk, PLAIN.upper.accent).all(axis=1)

    assert 0.1 < accent.mean() < 0.7


@pytest.mark.parametrize("side", [1, -1])
def test_prints_are_on_one_side_only(side: int) -> None:
    item = Print(shape="box", colour=(1.0, 0.0, 0.0), width=0.25, height=0.2)
    upper = replace(PLAIN.upper, **{"front" if side > 0 else "back": item})
    facets = Figure(replace(PLAIN, upper=upper)).facets(0.0)
    x = facets.corners[(facets.albedo == (1, 0, 0)).all(axis=1)].mean(axis=1)[:, 0]

    assert len(x) >= 10
    assert (x * side > 0).all()


def test_bags_are_on_their_side() -> None:
    for kind in ("shoulder", "cross", "hand", "trolley"):
        for side in (1.0, -1.0):
            person = replace(PLAIN, bag=replace(PLAIN.bag, kind=kind, side=side))
            facets = Figure(person).facets(0.0)
            assert facets.corners[facets.parts == Part.BAG][..., 1].mean() * side > 0.1


def test_facets_turn_and_move() -> None:
    facets = Figure(PLAIN).facets(0.0)
    turned = facets.turn(math.pi / 2).move(1.0, 2.0)

    assert np.allclose(turned.corners[..., 0], 1.0 - facets.corners[..., 1], atol=1e-5)
    assert np.allclose(turned.corners[..., 1], 2.0 + facets.corners[..., 0], atol=1e-5)
    assert np.array_equal(turned.corners[..., 2], facets.corners[..., 2])


def test_normals_have_unit_length_and_face_outwards() -> None:
    facets = Figure(PLAIN).facets(0.0)
    normals = facets.compute_normals()
    trunk = facets.parts == Part.TORSO
    outward = facets.corners.mean(axis=1)[trunk][:, 1] * normals[trunk][:, 1]

    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-3)
    assert (outward > -1e-4).mean() > 0.95
