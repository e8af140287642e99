"""Who is seen by which camera how often: label structures in the proportions of a real dataset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Seen = npt.NDArray[np.bool_]
Tracks = npt.NDArray[np.int64]
_SWAPS = 5  # for each person; after as many, little of the first order is left


def scale_counts(counts: Sequence[int], total: int) -> list[int]:
    """Return whole numbers in the proportions of `counts` with the sum `total`, by largest remainder.

    Equal remainders favour the earlier one. With `total` = sum(counts) the counts come back as they are.
    """
    shares = [count * total for count in counts]
    whole = sum(counts)
    rounded = [share // whole for share in shares]
    by_remainder = sorted(range(len(counts)), key=lambda index: -(shares[index] % whole))
    for index in by_remainder[: total - sum(rounded)]:
        rounded[index] += 1
    return rounded


def draw_visibility(
    rng: np.random.Generator, people_by_cameras: Sequence[int], people_of_camera: Sequence[int]
) -> Seen:
    """Draw which cameras see which people.

    Args:
        rng: source of chance.
        people_by_cameras: number of people seen by exactly one camera, by exactly two, ...; never by more than
            there are cameras.
        people_of_camera: people that each camera sees.

    Returns:
        bool (people, cameras) in random order of people. The first numbers hold exactly; so do the second where
        some matrix has both, as those counted in a real dataset do.
    """
    wanted = np.repeat(np.arange(1, len(people_by_cameras) + 1), people_by_cameras)[::-1]
    left = np.array(people_of_camera, dtype=np.int64)
    seen = np.zeros((len(wanted), len(left)), dtype=np.bool_)
    for person, number in enumerate(wanted):  # the fullest rows first: Gale and Ryser's construction
        cameras = np.argsort(-left, kind="stable")[:number]
        seen[person, cameras] = True
        left[cameras] -= 1
    _mix(rng, seen)
    return seen[rng.permutation(len(seen))]


def draw_scaled_visibility(
    rng: np.random.Generator, people: int, people_by_cameras: Sequence[int], people_of_camera: Sequence[int]
) -> Seen:
    """Draw which cameras see how many people, in the proportions of numbers counted in a real dataset.

    With the real number of people both counts hold exactly.
    """
    numbers = scale_counts(people_by_cameras, people)
    sightings = sum(cameras * number for cameras, number in enumerate(numbers, start=1))
    return draw_visibility(rng, numbers, scale_counts(people_of_camera, sightings))


def draw_track_counts(rng: np.random.Generator, seen: Seen, tracks_of_camera: Sequence[int]) -> Tracks:
    """Draw how many tracks each camera has of each person it sees: at least one, few of most, many of some.

    Args:
        rng: source of chance.
        seen: bool (people, cameras).
        tracks_of_camera: tracks of each camera; raised to one for each person it sees.

    Returns:
        int64 (people, cameras).
    """
    tracks = seen.astype(np.int64)
    for camera, total in enumerate(tracks_of_camera):
        people = np.flatnonzero(seen[:, camera])
        more = total - len(people)
        if more > 0 and len(people):
            liveliness = rng.exponential(size=len(people))
            tracks[people, camera] += rng.multinomial(more, liveliness / liveliness.sum())
    return tracks


def _mix(rng: np.random.Generator, seen: Seen) -> None:
    """Let random pairs of people exchange a camera that only one of them is seen by; all sums stay."""
    if len(seen) < 2:
        return
    for _ in range(_SWAPS * len(seen)):
        one, other = rng.choice(len(seen), 2, replace=False)
        gives = np.flatnonzero(seen[one] & ~seen[other])
        takes = np.flatnonzero(seen[other] & ~seen[one])
        if len(gives) and len(takes):
            exchanged = [rng.choice(gives), rng.choice(takes)]
            seen[one, exchanged] ^= True
            seen[other, exchanged] ^= True
