"""Numbers of people, images and tracks in generated labels."""

from __future__ import annotations

import numpy as np

from reidbench.datasets.synthetic.settings import SyntheticSettings, check_integer

# Shape of the gamma distribution of the weights; smaller values give more uneven counts.
_WEIGHT_SHAPE = 2.0


def resolve_people(settings: SyntheticSettings, *, official: int, minimum: int, maximum: int) -> int:
    """Return the number of people of a tree: that of the settings, or the official one where it is None.

    Args:
        settings: settings of the tree.
        official: people in the published dataset.
        minimum: smallest number for which no split of the protocol is empty.
        maximum: largest number that fits the digits of the file names.

    Raises:
        ConfigError: the number is not in [minimum, maximum].
    """
    people = settings.people or official
    check_integer("people", people, minimum, maximum)
    return people


def scale_count(count: int, numerator: int, denominator: int, *, minimum: int = 1) -> int:
    """Return `count` * numerator / denominator, rounded, and at least `minimum`."""
    return max(minimum, round(count * numerator / denominator))


def split_total(rng: np.random.Generator, total: int, count: int, *, low: int, high: int) -> list[int]:
    """Draw `count` uneven whole numbers in [low, high] with the sum `total`.

    Raises:
        ValueError: no such numbers exist.
    """
    if not low * count <= total <= high * count:
        raise ValueError(f"cannot split {total} into {count} numbers in [{low}, {high}]")
    weights = rng.gamma(_WEIGHT_SHAPE, size=count)
    numbers = np.full(count, low)
    while (remaining := total - int(numbers.sum())) > 0:
        open_weights = np.where(numbers < high, weights, 0.0)
        numbers = np.minimum(numbers + rng.multinomial(remaining, open_weights / open_weights.sum()), high)
    return [int(number) for number in numbers]


def draw_person_cameras(
    rng: np.random.Generator, pids: list[int], cameras: int, total: int
) -> list[tuple[int, int]]:
    """Draw `total` pairs (person, camera number from 1); each person has at least two cameras."""
    counts = split_total(rng, total, len(pids), low=2, high=cameras)
    numbers = [np.sort(rng.choice(cameras, count, replace=False)) + 1 for count in counts]
    return [(pid, int(camera)) for pid, row in zip(pids, numbers, strict=True) for camera in row]


def draw_size(rng: np.random.Generator, small: tuple[int, int], large: tuple[int, int]) -> tuple[int, int]:
    """Draw the (width, height) of an image between a small and a large size."""
    share = rng.random()
    width, height = (round(low + share * (high - low)) for low, high in zip(small, large, strict=True))
    return width, height
