from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import replace
from typing import get_args

import numpy as np

from reidbench.datasets.synthetic.people import VARIETY, draw_appearance, draw_people
from reidbench.datasets.synthetic.people.appearance import BagKind, Hat, Pattern

PEOPLE = draw_people(901, 300)


def test_people_depend_on_seed_and_index_only() -> None:
    assert draw_people(901, 5) == PEOPLE[:5]
    assert draw_people(902, 5) != PEOPLE[:5]


def test_people_can_be_sent_to_workers() -> None:
    assert pickle.loads(pickle.dumps(PEOPLE[0])) == PEOPLE[0]
    assert len(set(PEOPLE)) == 300


def test_no_two_people_have_nearly_equal_vectors() -> None:
    vectors = np.stack([person.vector() for person in PEOPLE])
    distances = np.linalg.norm(vectors[:, None] - vectors, axis=2) + 100 * np.eye(300)

    assert np.isfinite(vectors).all()
    assert distances.min() > 2


def test_vectors_have_comparable_scales() -> None:
    spread = np.stack([person.vector() for person in PEOPLE]).std(axis=0)

    assert spread.max() < 3.5


def test_most_clothes_are_dark_and_shared() -> None:
    tops = np.array([person.upper.colour for person in PEOPLE])
    dark = tops.max(axis=1) < 0.45
    assert 0.8 < dark.mean() < 0.97
    neighbours = (np.abs(tops[:, None] - tops).max(axis=2) < 0.08).sum(axis=1) - 1
    assert np.median(neighbours) > 30


def test_shares_follow_the_knobs() -> None:
    bags = Counter(person.bag.kind for person in PEOPLE)
    hats = Counter(person.head.hat for person in PEOPLE)
    patterns = Counter(person.upper.pattern for person in PEOPLE)

    assert abs(1 - bags["none"] / 300 - VARIETY.bag_share) < 0.1
    assert abs(1 - hats["none"] / 300 - VARIETY.hat_share) < 0.1
    assert abs(1 - patterns["plain"] / 300 - VARIETY.pattern_share) < 0.1
    assert set(bags) == set(get_args(BagKind))
    assert set(hats) == set(get_args(Hat))
    assert set(patterns) == set(get_args(Pattern))


def test_a_knob_does_not_shift_the_other_values() -> None:
    other = replace(
        VARIETY, bag_share=1.0, hat_share=0.0, pattern_share=0.0, print_share=1.0, skirt_share=0.0
    )
    for seed in range(5):
        first = draw_appearance(np.random.default_rng(seed))
        second = draw_appearance(np.random.default_rng(seed), other)
        assert first.build == second.build
        assert first.gait == second.gait
        assert first.upper.colour == second.upper.colour
        assert first.lower.colour == second.lower.colour
        assert first.head.hair_colour == second.head.hair_colour
        assert first.shoes == second.shoes
        assert second.head.hat == "none"
        assert second.upper.front.shape != "none"


def test_missing_things_have_no_colour() -> None:
    person = next(person for person in PEOPLE if person.bag.kind == "none" and person.head.hat == "none")

    assert person.bag.colour == person.bag.pocket == person.head.hat_colour == (0, 0, 0)
    assert person.bag.size == person.bag.side == 0
