"""Distances between all queries and gallery items for re-ranking, of vectors and of pair scorers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from reidbench.errors import FeatureError
from reidbench.evaluation.exact.distances import FeatureRows
from reidbench.evaluation.exact.pairs import PairRows, PairScorer
from reidbench.evaluation.exact.rows import Block

# Bounds of distances per block of the search for neighbours.
_BOUNDS = 1 << 25
# Negative scores that rounding explains, as a share of the largest score of the row.
_ROUNDING = 1e-5


class ItemDistances(Protocol):
    """Distances of N items to one another, a block of rows at a time.

    Attributes:
        items: their number N.
        height: number of rows per block.
        exponent: 1 for squared distances, 2 for distances.
        is_zero_for_copies: whether the distance is zero for an item and its copies, and for nothing else.
    """

    items: int
    height: int
    exponent: int
    is_zero_for_copies: bool

    def bounds(self, rows: slice) -> tuple[Block, Tensor]:
        """Return bounds of the keys of rows (r, N), and the distances less the keys, float64 (r,)."""

    def exact(self, row: Tensor, column: Tensor) -> Tensor:
        """Return distances float64 (n,) of pairs of items of the last block of rows."""

    def whole(self, rows: slice) -> Tensor:
        """Return distances (r, N), good to rounding; the caller may overwrite them."""

    def ratios(self, row: Tensor, column: Tensor, largest: Tensor) -> Tensor:
        """Return the squared distances float64 (n,) of pairs of items over the square of the row's largest.

        Args:
            row: int64 (n,), ascending.
            column: int64 (n,).
            largest: float64 (N,), distance of each item to the farthest.
        """


class FeatureDistances:
    """Squared Euclidean distances of items to one another; see `ItemDistances`."""

    exponent = 1
    is_zero_for_copies = True

    def __init__(self, features: Tensor, *, device: torch.device) -> None:
        """Prepare finite features (N, D), float32 or float64."""
        self.items = len(features)
        self._rows = FeatureRows(features, features, torch.arange(self.items), device=device)
        self.height = max(1, min(self._rows.height, _BOUNDS // self.items))

    def bounds(self, rows: slice) -> tuple[Block, Tensor]:
        """Return bounds (r, N) and offsets float64 (r,)."""
        offsets = self._rows.offsets(rows)
        return self._rows.read(rows, slice(0, self.items)), offsets

    def exact(self, row: Tensor, column: Tensor) -> Tensor:
        """Return distances float64 (n,) of pairs of items."""
        return self._rows.exact(row, column)

    def whole(self, rows: slice) -> Tensor:
        """Return distances (r, N)."""
        values = self._rows.whole(rows)
        return values.add_(self._rows.offsets(rows)[:, None]).clamp_(min=0)

    def ratios(self, row: Tensor, column: Tensor, largest: Tensor) -> Tensor:
        """Return distances float64 (n,) over the largest of the row."""
        return ratio(self._rows.exact(row, column), largest[row], self.exponent)


class PairDistances:
    """Distances that a pair scorer gives; see `ItemDistances`. Each pass scores every pair again."""

    exponent = 2
    is_zero_for_copies = False

    def __init__(
        self, scorer: PairScorer, items: int, *, block: tuple[int, int], device: torch.device | None
    ) -> None:
        """Prepare a scorer for blocks of N x N items."""
        self.items, self._device = items, device
        self._rows = PairRows(scorer, items, torch.arange(items), block=block)
        self.height = self._rows.height

    def bounds(self, rows: slice) -> tuple[Block, Tensor]:
        """Return distances (r, N) without slack, and zeros (r,).

        Raises:
            FeatureError: a score that is negative by more than rounding, or as in `evaluate_search`.
        """
        scores = self.whole(rows)
        nothing = torch.zeros(max(scores.shape), dtype=torch.float64, device=scores.device)
        row_slack, column_slack = nothing[: len(scores)], nothing[: self.items]
        return Block(values=scores, query_slack=row_slack, item_slack=column_slack), row_slack

    def exact(self, row: Tensor, column: Tensor) -> Tensor:
        """Return distances float64 (n,) of pairs of items of the last block of rows."""
        scores = self._rows.exact(row, column)
        return scores.clamp(min=0).to(self._device or scores.device)

    def whole(self, rows: slice) -> Tensor:
        """Return distances (r, N); errors as in `bounds`."""
        scores = self._rows.whole(rows)
        lowest, largest = scores.aminmax(dim=1)
        wrong = (lowest < -_ROUNDING * largest.clamp(min=0)).nonzero().flatten()
        if len(wrong):
            raise FeatureError(
                f"pair scores of item {rows.start + int(wrong[0])} go down to {float(lowest[wrong[0]])}; "
                "re-ranking squares distances, so they must be at least 0"
            )
        return scores.clamp_(min=0).to(self._device or scores.device)

    def ratios(self, row: Tensor, column: Tensor, largest: Tensor) -> Tensor:
        """Return squared distances float64 (n,) over the largest of the row, from a second pass over all pairs."""
        results = []
        for rows in blocks(self.items, self.height):
            values = self.whole(rows)
            bounds = torch.tensor([rows.start, rows.stop], device=row.device)
            first, last = torch.searchsorted(row, bounds).tolist()
            here = row[first:last]
            distances = values[here - rows.start, column[first:last]].double()
            results.append(ratio(distances, largest[here], self.exponent))
        return torch.cat(results)


def ratio(values: Tensor, largest: Tensor, exponent: int) -> Tensor:
    """Return (values / largest) ** exponent; 0 where all items of a row are equal."""
    return (values / torch.where(largest > 0, largest, 1)) ** exponent


def blocks(total: int, step: int) -> Iterator[slice]:
    """Split `total` rows into blocks of `step` rows, at least 1."""
    step = max(1, step)
    for start in range(0, total, step):
        yield slice(start, min(start + step, total))
