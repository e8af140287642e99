"""What the counting engine needs from a source of distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Bounds of the order of some gallery items for some queries.

    The key of a pair is its exact distance less a constant of the query (`offsets` of the rows). It lies between
    `values - query_slack` and `values + query_slack + item_slack`.

    Attributes:
        values: float (q, g), may be overwritten; valid until the thread reads its next block.
        query_slack: float64 (q,), 0 where values are exact.
        item_slack: float64 (g,), 0 where values are exact.
    """

    values: Tensor
    query_slack: Tensor
    item_slack: Tensor


class Rows(Protocol):
    """A source of bounds and exact distances: `FeatureRows`, `MatrixRows` or `PairRows`.

    Attributes:
        height: best number of queries per call of `read`.
        is_exact: whether blocks have no slack.
        threads: number of threads that may read blocks at once; 0 where the device works in parallel by itself.
    """

    height: int
    is_exact: bool
    threads: int

    def offsets(self, queries: slice) -> Tensor:
        """Return the distances of these queries less their keys, float64 (q,); called first for a block."""

    def read(self, queries: slice, items: slice) -> Block:
        """Return bounds of the keys of these queries and gallery items, counted without junk."""

    def exact(self, queries: Tensor, items: Tensor) -> Tensor:
        """Return the distances float64 (n,) of pairs, both int64 (n,), of one block of queries."""

    def close(self, queries: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return approximate distances of such pairs and their largest errors, both float64 (n,)."""
        distances = self.exact(queries, items)
        return distances, torch.zeros_like(distances)
