"""Each audit finds its own shortcut, planted in noise, and only audits that see the same thing find it, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.audit.trees import World, grow, paint_noise

FOUND, CHANCE = 0.8, 0.3


def draw(person: int, *key: int, shape: tuple[int, ...], high: int = 256) -> Any:
    """Return random values that depend on the person only."""
    return np.random.default_rng([person, 77, *key]).integers(0, high, shape)


def paint_border(person: int, random: np.random.Generator) -> Any:
    frames = paint_noise(person, random)
    ring = grow(draw(person, shape=(1, 16, 8, 3)))[0]
    frames[:, :4], frames[:, -4:], frames[:, :, :4], frames[:, :, -4:] = (
        ring[:4],
        ring[-4:],
        ring[:, :4],
        ring[:, -4:],
    )
    return frames


def paint_clothes(person: int, random: np.random.Generator) -> Any:
    frames = paint_noise(person, random)
    torso, legs = draw(person, shape=(2, 3))
    frames[:, 23:64, 16:48], frames[:, 70:115, 16:48] = torso, legs
    return frames


def paint_structure(person: int, random: np.random.Generator) -> Any:
    pattern = draw(person, shape=(1, 16, 8, 1)) - 128
    light, contrast = random.integers(80, 170, (1, 1, 1, 3)), random.uniform(0.2, 0.5)
    return grow(np.repeat(light + contrast * pattern, 4, axis=0))


def paint_flicker(person: int, random: np.random.Generator) -> Any:
    cells = np.repeat(random.integers(100, 156, (1, 16, 8, 3)), 6, axis=0)
    moving = draw(person, shape=(16, 8), high=10) == 0
    return grow(cells + moving[None, :, :, None] * random.integers(-90, 90, (6, 16, 8, 1)))


def paint_walk(person: int, random: np.random.Generator) -> Any:
    pattern, base = random.integers(-60, 60, (16, 8, 1)), random.integers(100, 156, (16, 8, 3))
    time = np.arange(32)[:, None, None, None] + random.integers(100)
    # Upper and lower half have periods of 3 to 14 frames.
    periods = np.repeat([3 + 2 * (person % 5), 3 + 2 * (person // 5)], 8)[None, :, None, None]
    return grow(base + pattern * np.sin(2 * np.pi * time / periods))


def paint_one_frame_twice(person: int, random: np.random.Generator) -> Any:
    frames = paint_noise(person, random)
    frames[-1] = grow(draw(person, shape=(1, 16, 8, 3)))[0]
    return frames


def paint_noisy_structure(person: int, random: np.random.Generator) -> Any:
    pattern = draw(person, shape=(1, 16, 8, 1)) - 128
    return grow(128 + 0.2 * pattern + random.normal(0, 60, (16, 16, 8, 1)) + np.zeros((1, 1, 1, 3)))


def paint_length(person: int, random: np.random.Generator) -> Any:
    return np.concatenate([paint_noise(person, random) for _ in range(8)])[: 10 + person]


def shape_masks(person: int, random: np.random.Generator) -> Any:
    mask = grow(np.repeat(draw(person, shape=(1, 16, 8, 1), high=2), 3, axis=3))[0, ..., 0]
    return np.stack([mask] * 4)


def mask_middle(person: int, random: np.random.Generator) -> Any:
    masks = np.zeros((4, 128, 64), np.uint8)
    masks[:, 16:112, 16:48] = 1
    return masks


def paint_background(person: int, random: np.random.Generator) -> Any:
    frames = grow(np.repeat(draw(person, shape=(1, 16, 8, 3)), 4, axis=0))
    frames[:, 16:112, 16:48] = paint_noise(person, random)[:, 16:112, 16:48]
    return frames


def paint_person(person: int, random: np.random.Generator) -> Any:
    frames = paint_noise(person, random)
    frames[:, 16:112, 16:48] = draw(person, shape=(3,))
    return frames


PLANTED: dict[str, tuple[dict[str, Any], set[str], set[str]]] = {
    "border": (
        {"paint": paint_border},
        {"border"},
        {"colour-histogram", "grey-template", "grey-single-frame"},
    ),
    "clothes": (
        {"paint": paint_clothes},
        {"six-colours", "colour-boxes"},
        {"colour-histogram", "grey-template", "grey-single-frame", "row-profile", "near-duplicates"},
    ),
    "structure": (
        {"paint": paint_structure},
        {"grey-template", "grey-single-frame", "row-profile", "near-duplicates"},
        {"border", "colour-boxes", "colour-histogram", "six-colours", "file-size"},
    ),
    "flicker": (
        {"paint": paint_flicker},
        {"motion", "motion-shuffled"},
        {"near-duplicates", "grey-single-frame"},
    ),
    "walk": ({"paint": paint_walk}, {"gait"}, {"near-duplicates", "motion", "motion-shuffled"}),
    "duplicate": (
        {"paint": paint_one_frame_twice},
        {"near-duplicates"},
        {"border", "colour-boxes", "colour-histogram", "six-colours", "grey-template", "row-profile"},
    ),
    "length": ({"paint": paint_length}, {"track-length"}, {"motion", "gait"}),
    "file size": ({"padding": lambda person: 700 * person}, {"file-size"}, set()),
    "names": ({"number": lambda person: 100 + 37 * person}, {"names"}, set()),
    "order": ({"is_sorted": True}, {"order"}, set()),
    "camera": ({"cameras": lambda person: (10 * person, 10 * person + 1)}, {"camera"}, set()),
    "silhouette": ({"mask": shape_masks}, {"silhouette"}, {"background", "colour-histogram-person"}),
    "background": (
        {"paint": paint_background, "mask": mask_middle},
        {"background", "border"},
        {
            "colour-histogram",
            "colour-boxes",
            "grey-template",
            "grey-single-frame",
            "near-duplicates",
            "row-profile",
        },
    ),
    "person": (
        {"paint": paint_person, "mask": mask_middle},
        {"colour-histogram-person"},
        {
            "colour-histogram",
            "six-colours",
            "colour-boxes",
            "grey-template",
            "grey-single-frame",
            "row-profile",
            "near-duplicates",
        },
    ),
    "noise": ({"mask": mask_middle}, set(), set()),
}


@pytest.mark.parametrize("shortcut", PLANTED)
def test_planted_shortcut_is_found_by_its_audit_only(tmp_path: Path, shortcut: str) -> None:
    settings, finders, related = PLANTED[shortcut]

    rank1 = World(tmp_path, **settings).audit()

    assert {name for name in finders if rank1[name] < FOUND} == set(), rank1
    assert {name for name, value in rank1.items() if value > CHANCE} <= finders | related, rank1


def test_length_that_two_people_share_finds_half_of_them(tmp_path: Path) -> None:
    def paint(person: int, random: np.random.Generator) -> Any:
        return paint_length(person - person % 2, random)

    rank1 = World(tmp_path, paint=paint).audit(["audit-track-length"])

    assert 0.2 < rank1["track-length"] < 0.8


def test_frames_in_order_tell_more_than_shuffled_ones(tmp_path: Path) -> None:
    rank1 = World(tmp_path, paint=paint_walk).audit(["audit-gait", "audit-gait-shuffled"])

    assert rank1["gait"] > rank1["gait-shuffled"] + 0.5


def test_several_frames_tell_more_than_one(tmp_path: Path) -> None:
    rank1 = World(tmp_path, paint=paint_noisy_structure).audit(
        ["audit-grey-template", "audit-grey-single-frame"]
    )

    assert rank1["grey-template"] > rank1["grey-single-frame"] + 0.4


def test_person_pixels_tell_more_than_all_pixels(tmp_path: Path) -> None:
    world = World(tmp_path, paint=paint_person, mask=mask_middle)

    rank1 = world.audit(["audit-colour-histogram-person", "audit-colour-histogram"])

    assert rank1["colour-histogram-person"] >= rank1["colour-histogram"]


def test_audits_of_masks_are_left_out_without_masks(tmp_path: Path) -> None:
    missing = {name for name, one in World(tmp_path).embed().items() if one.missing is not None}

    assert missing == {"audit-background", "audit-colour-histogram-person", "audit-silhouette"}
