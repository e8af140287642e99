"""Random numbers of people, images, frames and tracks, and label structures with the statistics of a real dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.settings import MAX_FRAMES, SyntheticSettings, check_integer
from reidbench.errors import ConfigError

Visibility = npt.NDArray[np.bool_]
Tracks = npt.NDArray[np.int64]
# Swaps per person, enough to remove the order of the construction.
_SWAPS = 5
# Shape of the gamma distribution of the weights; smaller values give more uneven counts.
_WEIGHT_SHAPE = 2.0
# Concentration of the beta distribution; larger values give lengths closer to the mean.
_CONCENTRATION = 5.0


@dataclass(frozen=True)
class Lengths:
    """Natural track lengths: a beta distribution in [shortest, longest] with the given mean."""

    shortest: int
    longest: int
    mean: float

    def __post_init__(self) -> None:
        """Check the range and order of the lengths.

        Raises:
            ConfigError: a length is out of range, or the mean is not between shortest and longest.
        """
        check_integer("min_frames", self.shortest, 1, MAX_FRAMES)
        check_integer("max_frames", self.longest, self.shortest + 1, MAX_FRAMES)
        if not self.shortest < self.mean < self.longest:
            raise ConfigError(
                f"synthetic setting mean_frames must be between min_frames {self.shortest} and "
                f"max_frames {self.longest}, got {self.mean}"
            )

    def override(self, settings: SyntheticSettings) -> Lengths:
        """Return these lengths, replaced by the lengths that the settings give."""
        return Lengths(
            self.shortest if settings.min_frames is None else settings.min_frames,
            self.longest if settings.max_frames is None else settings.max_frames,
            self.mean if settings.mean_frames is None else settings.mean_frames,
        )

    def draw(self, rng: np.random.Generator, settings: SyntheticSettings) -> int:
        """Draw the length of one track, with the lengths that the settings give instead of these."""
        if settings.frames is not None:
            return settings.frames
        lengths = self.override(settings)
        span = lengths.longest - lengths.shortest
        mean = (lengths.mean - lengths.shortest) / span
        return lengths.shortest + round(rng.beta(mean * _CONCENTRATION, (1 - mean) * _CONCENTRATION) * span)


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
