"""Which pairs of sequences, and which frames of them, an epoch shows; all randomness comes from one generator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reidbench.plugin import ConfigError

from .config import Short

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
) -> list[PairBatch]:
    """Draw the pairs of an epoch; the two sequences of a pair always come from different cameras.

    People take turns: each gets a positive pair before any gets a second one, and likewise each is the first of
    a negative pair. Cameras and partners are drawn uniformly.

    Args:
        pids: (N,) person of each training sequence.
        camids: (N,) camera of each.
        batch_pairs: pairs in a batch; the last batch may be smaller.
        pos_fraction: fraction of positive pairs, of every batch up to rounding and of the epoch.
        pairs_per_epoch: pairs in all; None takes two for every person seen by two cameras.
        rng: the epoch's source of randomness.

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
    positives, negatives = _positives(people, rng), _negatives(people, rng)
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


def _negatives(people: _People, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    while True:
        drawn = (people.negative(pid, rng) for pid in rng.permutation(people.all).tolist())
        found = False
        for pair in drawn:
            if pair is not None:
                found = True
                yield pair
        if not found:
            raise ConfigError(
                "negative training pairs need two people seen by different cameras, got only one person"
            )


def long_enough(lengths: IntArray, clip_len: int, short: Short) -> IntArray:
    """Return the rows of the sequences that are trained on: all, or with short=skip those of a clip or more.

    Raises:
        ConfigError: none is.
    """
    rows = np.flatnonzero(lengths >= (clip_len if short == "skip" else 1))
    if len(rows) == 0:
        raise ConfigError(
            f"clip_len must be at most {max(lengths.tolist(), default=0)}, the longest training sequence, with "
            f"short={short}, got {clip_len}"
        )
    return rows


def draw_clip(length: int, clip_len: int, short: Short, rng: np.random.Generator) -> IntArray:
    """Draw which frames of a sequence make a clip: `clip_len` consecutive ones, their start uniform.

    Of a sequence that is shorter, all frames from the first, then again from the first (short=loop) or the last
    one repeated (pad_last).

    Args:
        length: frames of the sequence, at least 1.
        clip_len: frames of the clip.
        short: loop or pad_last; skip is as loop.
        rng: source of randomness; one number is drawn whatever the length.
    """
    start = int(rng.integers(max(length - clip_len, 0) + 1))
    frames = start + np.arange(clip_len)
    return np.minimum(frames, length - 1) if short == "pad_last" else frames % length
