"""How many of what each gets: the numbers behind drawn labels."""

from __future__ import annotations

import numpy as np

from reidbench.datasets.synthetic.settings import SyntheticSettings, check_integer

_UNEVENNESS = 2.0  # shape of the gamma distribution of the weights; smaller ones differ more


def chosen_people(settings: SyntheticSettings, *, official: int, least: int, most: int) -> int:
    """Return how many people a tree has.

    Args:
        settings: where they name no number, it is the official one.
        official: people of the published dataset.
        least: fewest with which every role of the protocol is played.
        most: largest number that the file names have digits for.

    Raises:
        ConfigError: the number is out of range.
    """
    people = settings.people or official
    check_integer("people", people, least, most)
    return people


def in_proportion(number: int, part: int, whole: int, *, least: int = 1) -> int:
    """Return `number` scaled by part / whole, rounded, but no fewer than `least`."""
    return max(least, round(number * part / whole))


def share_out(rng: np.random.Generator, total: int, count: int, *, low: int, high: int) -> list[int]:
    """Return `count` random whole numbers in [low, high] whose sum is `total`, some much larger than others.

    Raises:
        ValueError: no such numbers exist.
    """
    if not low * count <= total <= high * count:
        raise ValueError(f"{count} numbers in [{low}, {high}] cannot have the sum {total}")
    weights = rng.gamma(_UNEVENNESS, size=count)
    shares = np.full(count, low)
    while (left := total - int(shares.sum())) > 0:
        still = np.where(shares < high, weights, 0.0)
        shares = np.minimum(shares + rng.multinomial(left, still / still.sum()), high)
    return [int(share) for share in shares]


def draw_sightings(
    rng: np.random.Generator, pids: list[int], cameras: int, total: int
) -> list[tuple[int, int]]:
    """Return `total` pairs (person, camera); each person is seen by at least two cameras."""
    counts = share_out(rng, total, len(pids), low=2, high=cameras)
    seen = [np.sort(rng.choice(cameras, count, replace=False)) + 1 for count in counts]
    return [(pid, int(camera)) for pid, row in zip(pids, seen, strict=True) for camera in row]
