"""Random label structures with the camera statistics of a real dataset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Visibility = npt.NDArray[np.bool_]
Tracks = npt.NDArray[np.int64]
# Swaps per person, enough to remove the order of the construction.
_SWAPS = 5


def scale_counts(counts: Sequence[int], total: int) -> list[int]:
    """Scale `counts` to whole numbers with the sum `total`, by largest remainder.

    Among equal remainders the earlier count is rounded up. With `total` = sum(counts) the counts do not change.
    """
    numerators = [count * total for count in counts]
    denominator = sum(counts)
    rounded = [numerator // denominator for numerator in numerators]
    by_remainder = sorted(range(len(counts)), key=lambda index: -(numerators[index] % denominator))
    for index in by_remainder[: total - sum(rounded)]:
        rounded[index] += 1
    return rounded


def draw_visibility(
    rng: np.random.Generator, people_by_cameras: Sequence[int], people_of_camera: Sequence[int]
) -> Visibility:
    """Draw which camera sees which person.

    Args:
        rng: random generator.
        people_by_cameras: number of people seen by exactly one camera, by exactly two, ...; at most one entry per
            camera.
        people_of_camera: number of people seen by each camera.

    Returns:
        bool (people, cameras), people in random order. `people_by_cameras` holds exactly; so does `people_of_camera`
        if a matrix with both exists, as for numbers counted in a real dataset.
    """
    camera_counts = np.repeat(np.arange(1, len(people_by_cameras) + 1), people_by_cameras)[::-1]
    remaining = np.array(people_of_camera, dtype=np.int64)
    seen = np.zeros((len(camera_counts), len(remaining)), dtype=np.bool_)
    # Rows with the most cameras first: the construction of Gale and Ryser.
    for person, number in enumerate(camera_counts):
        cameras = np.argsort(-remaining, kind="stable")[:number]
        seen[person, cameras] = True
        remaining[cameras] -= 1
    _shuffle(rng, seen)
    return seen[rng.permutation(len(seen))]


def draw_scaled_visibility(
    rng: np.random.Generator, people: int, people_by_cameras: Sequence[int], people_of_camera: Sequence[int]
) -> Visibility:
    """Draw which camera sees which person, with counts of a real dataset scaled to `people`.

    With the real number of people both counts hold exactly.
    """
    numbers = scale_counts(people_by_cameras, people)
    pairs = sum(cameras * number for cameras, number in enumerate(numbers, start=1))
    return draw_visibility(rng, numbers, scale_counts(people_of_camera, pairs))


def draw_track_counts(rng: np.random.Generator, seen: Visibility, tracks_of_camera: Sequence[int]) -> Tracks:
    """Draw the number of tracks per person and camera: at least one, with an exponential spread between people.

    Args:
        rng: random generator.
        seen: bool (people, cameras).
        tracks_of_camera: tracks of each camera, raised to at least one per person that it sees.

    Returns:
        int64 (people, cameras).
    """
    tracks = seen.astype(np.int64)
    for camera, total in enumerate(tracks_of_camera):
        people = np.flatnonzero(seen[:, camera])
        extra = total - len(people)
        if extra > 0 and len(people):
            weights = rng.exponential(size=len(people))
            tracks[people, camera] += rng.multinomial(extra, weights / weights.sum())
    return tracks


def _shuffle(rng: np.random.Generator, seen: Visibility) -> None:
    """Swap cameras between random pairs of people; all row and column sums stay the same."""
    if len(seen) < 2:
        return
    for _ in range(_SWAPS * len(seen)):
        first, second = rng.choice(len(seen), 2, replace=False)
        only_first = np.flatnonzero(seen[first] & ~seen[second])
        only_second = np.flatnonzero(seen[second] & ~seen[first])
        if len(only_first) and len(only_second):
            swapped = [rng.choice(only_first), rng.choice(only_second)]
            seen[first, swapped] ^= True
            seen[second, swapped] ^= True
