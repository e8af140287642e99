"""Verification: true accept rates at given false accept rates.

A ranking compares distances of the same query only; verification uses one threshold for the pairs of all queries.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reidbench.errors import ConfigError
from reidbench.evaluation.exact.rows import Block, Rows
from reidbench.evaluation.labels import Labels
from reidbench.evaluation.search import Search

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Pairs that are collected before the nearest are selected.
_PENDING = 1 << 20
# Distances per block.
_BLOCK_ELEMENTS = 1 << 21


def tar_at_far(search: Search, *, fars: Sequence[float] = (1e-1, 1e-2, 1e-3)) -> dict[float, float]:
    """Return the true accept rate at each false accept rate.

    The pairs are those of the ranking: a query and a gallery item of the same person in another camera are
    genuine, all others that are not junk are impostors, distractors (person 0) among them. A genuine pair is accepted
    at the rate f if at most the share f of all impostors is not farther apart than this pair: ties count against the
    method. Nothing is interpolated.

    Memory beyond the input: that of `evaluate`, a few numbers per impostor pair up to the largest rate, and one number
    per genuine pair. Exact distances are computed for genuine pairs and for pairs close to a threshold only.

    Args:
        search: labels and a source of distances, which must be comparable between queries.
        fars: false accept rates in [0, 1].

    Returns:
        The rate in [0, 1] of each of `fars`; NaN without a genuine or without an impostor pair.

    Raises:
        FeatureError: as in `evaluate_search`.
        ConfigError: a rate outside of [0, 1].
    """
    for far in fars:
        if not 0 <= far <= 1:
            raise ConfigError(f"fars must be in [0, 1], got {far}")
    labels = search.labels
    impostors = int((labels.admissible - labels.matches).sum())
    allowed = {float(far): _count_allowed(far, impostors) for far in fars}
    if impostors == 0 or not labels.matches.any() or not allowed:
        return dict.fromkeys(allowed, math.nan)
    with torch.no_grad():
        rows = search.rows()
        nearest = _Nearest(rows, labels, min(impostors, max(allowed.values()) + 1))
        genuine = np.concatenate(list(_separate(rows, labels, nearest)))
        thresholds = {
            far: nearest.distance(count) if count < impostors else math.inf for far, count in allowed.items()
        }
    return {far: float((genuine < threshold).mean()) for far, threshold in thresholds.items()}


def _count_allowed(far: float, impostors: int) -> int:
    """Return how many of the impostors may be accepted: the largest number whose share is no more than the rate."""
    count = math.floor(far * impostors) + 1
    # The product may be rounded up or down.
    while count > impostors or (count > 0 and count / impostors > far):
        count -= 1
    return count


def _separate(rows: Rows, labels: Labels, nearest: _Nearest) -> Iterator[Floats]:
    """Yield the distances of the genuine pairs; add the impostors to `nearest`."""
    total, width = len(labels.query_pids), len(labels.kept)
    for start in range(0, total, rows.height):
        queries = slice(start, min(start + rows.height, total))
        step = max(1, _BLOCK_ELEMENTS // (queries.stop - start))
        for begin in range(0, width, step):
            items = slice(begin, min(begin + step, width))
            block = rows.read(queries, items)
            same_person, is_match = (part.to(block.values.device) for part in _same(labels, queries, items))
            row, column = is_match.nonzero(as_tuple=True)
            yield rows.exact(row + start, column + begin).cpu().numpy()
            nearest.add(block, same_person, queries, items)


def _same(labels: Labels, queries: slice, items: slice) -> tuple[Tensor, Tensor]:
    """Return which pairs bool (q, g) show the same person, and which of these are matches."""
    same_person = labels.query_pids[queries][:, None] == labels.gallery_pids[items]
    same_camera = labels.query_camids[queries][:, None] == labels.gallery_camids[items]
    return torch.from_numpy(same_person), torch.from_numpy(same_person & ~same_camera)


class _Nearest:
    """The nearest of many pairs, held as bounds of their distances until an exact one is needed."""

    def __init__(self, rows: Rows, labels: Labels, keep: int) -> None:
        self._rows, self._keep, self._width = rows, keep, len(labels.kept)
        self._low = np.empty(0)
        # Distance from the lower bound to the upper one.
        self._slack = np.empty(0, np.float32)
        # Index of the query times width plus index of the item.
        self._pair = np.empty(0, np.int64)
        self._pending: list[tuple[Floats, NDArray[np.float32], Integers]] = []
        # An upper bound of the distance of the last pair to keep.
        self._limit = math.inf
        self._device = torch.device("cpu")

    def add(self, block: Block, is_left_out: Tensor, queries: slice, items: slice) -> None:
        """Add the pairs of a block except some (q, g)."""
        self._device = block.values.device
        low = block.values.double() + (self._rows.offsets(queries) - block.query_slack)[:, None]
        row, column = ((low < self._limit) & ~is_left_out).nonzero(as_tuple=True)
        # The factor exceeds the rounding to float32.
        slack = (2 * block.query_slack[row] + block.item_slack[column]).float() * 1.125
        pair = (row + queries.start) * self._width + (column + items.start)
        self._pending.append((low[row, column].cpu().numpy(), slack.cpu().numpy(), pair.cpu().numpy()))
        if sum(len(part) for part, *_ in self._pending) > _PENDING:
            self._drop_far_pairs()

    def distance(self, before: int) -> float:
        """Return the exact distance of the pair with `before` nearer pairs, which is among those that are kept."""
        self._drop_far_pairs()
        high = self._low + self._slack
        lowest, highest = np.partition(self._low, before)[before], np.partition(high, before)[before]
        is_nearer = high < lowest
        is_open = (self._low <= highest) & ~is_nearer
        distances = self._exact(self._low[is_open], self._pair[is_open])
        index = before - int(is_nearer.sum())
        return float(np.partition(distances, index)[index])

    def _drop_far_pairs(self) -> None:
        """Drop the pairs that cannot be among the nearest, by bounds and, if too many remain, by exact distances."""
        self._low = np.concatenate([self._low, *(low for low, _, _ in self._pending)])
        self._slack = np.concatenate([self._slack, *(slack for _, slack, _ in self._pending)])
        self._pair = np.concatenate([self._pair, *(pair for _, _, pair in self._pending)])
        self._pending = []
        if len(self._low) > self._keep:
            high = self._low + self._slack
            high.partition(self._keep - 1)
            self._limit = float(high[self._keep - 1])
            self._select(self._low <= self._limit)
        if len(self._low) > 2 * self._keep + _PENDING // 2:
            distances = self._exact(self._low, self._pair)
            self._select(np.argpartition(distances, self._keep - 1)[: self._keep])

    def _select(self, which: NDArray[np.bool_] | Integers) -> None:
        self._low, self._slack, self._pair = self._low[which], self._slack[which], self._pair[which]

    def _exact(self, low: Floats, pair: Integers) -> Floats:
        if self._rows.is_exact:
            return low
        query, item = (torch.from_numpy(part).to(self._device) for part in np.divmod(pair, self._width))
        return self._rows.exact(query, item).cpu().numpy()
