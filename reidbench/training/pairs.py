"""Sampling of the pairs of sequences of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reidbench.errors import ConfigError

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class PairBatch:
    """P pairs: row indices of the training table, (P,) each, and whether a pair shows the same person."""

    row_a: IntArray
    row_b: IntArray
    same: npt.NDArray[np.bool_]


class _People:
    """The rows of every person, grouped by camera."""

    def __init__(self, pids: IntArray, camids: IntArray) -> None:
        rows: dict[int, dict[int, list[int]]] = {}
        for row, (pid, camid) in enumerate(zip(pids.tolist(), camids.tolist(), strict=True)):
            rows.setdefault(pid, {}).setdefault(camid, []).append(row)
        self.rows = rows
        self.pids = sorted(rows)
        self.multi_camera = [pid for pid in self.pids if len(rows[pid]) > 1]

    def draw_positive(self, pid: int, rng: np.random.Generator) -> tuple[int, int]:
        """Draw two sequences of a person from different cameras."""
        first, second = rng.permutation(sorted(self.rows[pid]))[:2].tolist()
        return self._row(pid, first, rng), self._row(pid, second, rng)

    def draw_negative(self, pid: int, rng: np.random.Generator) -> tuple[int, int] | None:
        """Draw a sequence of a person and one of another person, from any cameras; None without another person."""
        others = [other for other in self.pids if other != pid]
        if not others:
            return None
        other = others[rng.integers(len(others))]
        cameras = [sorted(self.rows[person]) for person in (pid, other)]
        first, second = (choices[rng.integers(len(choices))] for choices in cameras)
        return self._row(pid, first, rng), self._row(other, second, rng)

    def draw_negative_across_cameras(self, pid: int, rng: np.random.Generator) -> tuple[int, int] | None:
        """Draw a sequence of a person and one of another person from another camera; None without such a pair."""
        for camid in rng.permutation(sorted(self.rows[pid])).tolist():
            for other in rng.permutation(self.pids).tolist():
                cameras = [camera for camera in sorted(self.rows[other]) if camera != camid]
                if other != pid and cameras:
                    camera = cameras[rng.integers(len(cameras))]
                    return self._row(pid, camid, rng), self._row(other, camera, rng)
        return None

    def _row(self, pid: int, camid: int, rng: np.random.Generator) -> int:
        rows = self.rows[pid][camid]
        return rows[rng.integers(len(rows))]


def sample_pairs(
    pids: IntArray,
    camids: IntArray,
    *,
    batch_pairs: int,
    pos_fraction: float,
    pairs_per_epoch: int | None,
    rng: np.random.Generator,
    negatives_across_cameras: bool = True,
) -> list[PairBatch]:
    """Draw the pairs of an epoch; the two sequences of a positive pair come from different cameras.

    Every person gets a positive pair before any person gets a second one, and likewise for the first sequence of
    negative pairs. Cameras and partners are drawn uniformly.

    Args:
        pids: (N,) person of each training sequence.
        camids: (N,) camera of each training sequence.
        batch_pairs: pairs per batch; the last batch may be smaller.
        pos_fraction: fraction of positive pairs, of the epoch and, up to rounding, of every batch.
        pairs_per_epoch: number of pairs; None draws two pairs per person seen by two cameras.
        rng: the epoch's source of randomness.
        negatives_across_cameras: whether the sequences of a negative pair come from different cameras.

    Raises:
        ConfigError: no person is seen by two cameras, or no pair of different people exists.
    """
    people = _People(pids, camids)
    if not people.multi_camera:
        raise ConfigError(
            f"cannot draw training pairs: no person of {len(people.pids)} is seen by two cameras. "
            "Train on another protocol."
        )
    total = 2 * len(people.multi_camera) if pairs_per_epoch is None else pairs_per_epoch
    # Pair k is positive if the rounded running count of positive pairs increases, which spreads them evenly.
    steps = np.floor(np.arange(total + 1) * pos_fraction + 0.5)
    same = steps[1:] > steps[:-1]
    positives, negatives = _positives(people, rng), _negatives(people, rng, across=negatives_across_cameras)
    pairs = np.array([next(positives if positive else negatives) for positive in same], dtype=np.int64)
    return [
        PairBatch(
            row_a=pairs[start : start + batch_pairs, 0],
            row_b=pairs[start : start + batch_pairs, 1],
            same=same[start : start + batch_pairs],
        )
        for start in range(0, total, batch_pairs)
    ]


def _positives(people: _People, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    while True:
        for pid in rng.permutation(people.multi_camera).tolist():
            yield people.draw_positive(pid, rng)


def _negatives(people: _People, rng: np.random.Generator, *, across: bool) -> Iterator[tuple[int, int]]:
    draw = people.draw_negative_across_cameras if across else people.draw_negative
    while True:
        has_pair = False
        for pid in rng.permutation(people.pids).tolist():
            pair = draw(pid, rng)
            if pair is not None:
                has_pair = True
                yield pair
        if not has_pair:
            raise ConfigError(
                "cannot draw negative training pairs: no two people are seen by different cameras. "
                "Train on another protocol."
            )
