"""Which pairs of sequences an epoch shows; all randomness comes from one generator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reidbench.errors import ConfigError

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class PairBatch:
    """P pairs: rows of the training table, (P,) each, and whether a pair shows one person."""

    row_a: IntArray
    row_b: IntArray
    same: npt.NDArray[np.bool_]


class _People:
    """The rows of every person, by camera."""

    def __init__(self, pids: IntArray, camids: IntArray) -> None:
        rows: dict[int, dict[int, list[int]]] = {}
        for row, (pid, camid) in enumerate(zip(pids.tolist(), camids.tolist(), strict=True)):
            rows.setdefault(pid, {}).setdefault(camid, []).append(row)
        self.rows = rows
        self.all = sorted(rows)
        self.seen_twice = [pid for pid in self.all if len(rows[pid]) > 1]

    def positive(self, pid: int, rng: np.random.Generator) -> tuple[int, int]:
        """Draw two sequences of a person, from two cameras."""
        first, second = rng.permutation(sorted(self.rows[pid]))[:2].tolist()
        return self._row(pid, first, rng), self._row(pid, second, rng)

    def anybody_else(self, pid: int, rng: np.random.Generator) -> tuple[int, int] | None:
        """Draw a sequence of a person and one of somebody else, cameras as they fall; None if there is nobody else."""
        others = [other for other in self.all if other != pid]
        if not others:
            return None
        other = others[rng.integers(len(others))]
        cameras = [sorted(self.rows[person]) for person in (pid, other)]
        first, second = (seen[rng.integers(len(seen))] for seen in cameras)
        return self._row(pid, first, rng), self._row(other, second, rng)

    def negative(self, pid: int, rng: np.random.Generator) -> tuple[int, int] | None:
        """Draw a sequence of a person and one of somebody else from another camera; None if nobody else has one."""
        for camid in rng.permutation(sorted(self.rows[pid])).tolist():
            for other in rng.permutation(self.all).tolist():
                elsewhere = [camera for camera in sorted(self.rows[other]) if camera != camid]
                if other != pid and elsewhere:
                    camera = elsewhere[rng.integers(len(elsewhere))]
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
    """Draw the pairs of an epoch; the two sequences of a positive pair always come from different cameras.

    People take turns: each gets a positive pair before any gets a second one, and likewise each is the first of
    a negative pair. Cameras and partners are drawn uniformly.

    Args:
        pids: (N,) person of each training sequence.
        camids: (N,) camera of each.
        batch_pairs: pairs in a batch; the last batch may be smaller.
        pos_fraction: fraction of positive pairs, of every batch up to rounding and of the epoch.
        pairs_per_epoch: pairs in all; None takes two for every person seen by two cameras.
        rng: the epoch's source of randomness.
        negatives_across_cameras: whether the sequences of a negative pair come from different cameras too.

    Raises:
        ConfigError: no person is seen by two cameras, or there is no pair of different people.
    """
    people = _People(pids, camids)
    if not people.seen_twice:
        raise ConfigError(
            f"training pairs must come from two cameras, but none of {len(people.all)} people is seen by two: "
            f"train on another protocol"
        )
    total = 2 * len(people.seen_twice) if pairs_per_epoch is None else pairs_per_epoch
    # the k-th pair is positive when the running count of positive ones steps up, so batches share them evenly
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
        for pid in rng.permutation(people.seen_twice).tolist():
            yield people.positive(pid, rng)


def _negatives(people: _People, rng: np.random.Generator, *, across: bool) -> Iterator[tuple[int, int]]:
    draw = people.negative if across else people.anybody_else
    while True:
        drawn = (draw(pid, rng) for pid in rng.permutation(people.all).tolist())
        found = False
        for pair in drawn:
            if pair is not None:
                found = True
                yield pair
        if not found:
            raise ConfigError(
                "negative training pairs need two people seen by different cameras, got only one person"
            )
