"""Distances that are not Euclidean: pair scorers, called block by block, and given matrices."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from reidbench.errors import FeatureError
from reidbench.evaluation.exact.rows import Block, Rows
from reidbench.evaluation.inputs import check_finite

# Bytes of the scores of one block of queries with all gallery items.
_BLOCK_BYTES = 1 << 26
# Queries per block of a matrix.
_QUERIES = 1 << 12


class PairScorer(Protocol):
    """A learned or attentive distance, computed for blocks of queries and gallery items."""

    def __call__(self, query_block: slice, gallery_block: slice, /) -> Tensor:
        """Return the distances (q, g) of these queries to these gallery items; smaller is more alike.

        Called once per pair. The value of a pair must not depend on the blocks.
        """


class MatrixRows(Rows):
    """The rows of a given distance matrix; its values are used unchanged.

    Attributes:
        height: best number of queries per call of `read`.
        is_exact: whether blocks have no slack: True.
        threads: number of threads that may read blocks at once; 0 where the device works in parallel by itself.
    """

    is_exact = True
    height = _QUERIES

    def __init__(self, distances: Tensor, columns: Tensor, *, device: torch.device) -> None:
        """Keep a float matrix (Q, N) and the columns int64 (G,) that take part."""
        self._distances, self._columns, self._device = distances, columns.to(distances.device), device
        self.threads = torch.get_num_threads() if device.type == distances.device.type == "cpu" else 0

    def exact(self, queries: Tensor, items: Tensor) -> Tensor:
        """Return the values float64 (n,) of pairs of a query and an item, both int64 (n,)."""
        where = self._distances.device
        columns = self._columns[items.to(where)]
        return self._distances[queries.to(where), columns].to(self._device).double()

    def offsets(self, queries: slice) -> Tensor:
        """Return the distances of these queries less their values, float64 (q,): zeros."""
        return _zeros(queries, self._device)

    def read(self, queries: slice, items: slice) -> Block:
        """Return the values of these queries and items."""
        values = self._distances[queries].index_select(1, self._columns[items]).to(self._device)
        return _exact_block(values)


class PairRows(Rows):
    """The rows of scores of a pair scorer, assembled from blocks of both axes.

    A row of scores is no larger than the labels of the gallery, so complete rows stay in memory, for as many queries as
    a block has or 64 MB allow. No pair is scored twice if blocks of queries are read in order, and `offsets` is called
    first for each block.

    Attributes:
        height: best number of queries per call of `read` and `whole`.
        is_exact: whether blocks have no slack: True.
    """

    is_exact = True
    threads = 0

    def __init__(self, scorer: PairScorer, gallery: int, columns: Tensor, *, block: tuple[int, int]) -> None:
        """Prepare the blocks.

        Args:
            scorer: the distance.
            gallery: size N of the gallery of the scorer.
            columns: int64 (G,), its items that take part.
            block: largest number of queries and of gallery items in one call, each 1 or more.
        """
        self._scorer, self._gallery, self._columns, self._width = scorer, gallery, columns, block[1]
        self.height = max(1, min(block[0], _BLOCK_BYTES // (8 * gallery)))
        self._scored = slice(0, 0)
        self._scores = torch.empty(0, gallery)

    def whole(self, queries: slice) -> Tensor:
        """Return scores (q, G) that the caller may overwrite; float64 stays, everything else becomes float32.

        Raises:
            FeatureError: the scorer returned another shape, or a value that is not finite.
        """
        scores = self._rows(queries)
        return scores.index_select(1, self._columns.to(scores.device))

    def offsets(self, queries: slice) -> Tensor:
        """Score these queries, and return their distances less their values, float64 (q,): zeros.

        Raises:
            FeatureError: as `whole`.
        """
        return _zeros(queries, self._rows(queries).device)

    def exact(self, queries: Tensor, items: Tensor) -> Tensor:
        """Return the scores float64 (n,) of pairs of an item and a query of the block that was scored last."""
        where = self._scores.device
        columns = self._columns[items.to(self._columns.device)].to(where)
        return self._scores[queries.to(where) - self._scored.start, columns].double()

    def read(self, queries: slice, items: slice) -> Block:
        """Return the scores of these queries and items.

        Raises:
            FeatureError: as `whole`.
        """
        scores = self._rows(queries)
        return _exact_block(scores.index_select(1, self._columns[items].to(scores.device)))

    def _rows(self, queries: slice) -> Tensor:
        if self._scored != queries:
            parts = []
            for start in range(0, self._gallery, self._width):
                parts.append(self._score(queries, slice(start, min(start + self._width, self._gallery))))
            self._scores, self._scored = torch.cat(parts, dim=1), queries
        return self._scores

    def _score(self, queries: slice, gallery: slice) -> Tensor:
        scores = torch.as_tensor(self._scorer(queries, gallery)).detach()
        expected = (queries.stop - queries.start, gallery.stop - gallery.start)
        if scores.shape != expected:
            raise FeatureError(
                f"pair scores of queries {queries.start}:{queries.stop} and gallery {gallery.start}:{gallery.stop}: "
                f"the scorer must return the shape {expected}, got {tuple(scores.shape)}"
            )
        if scores.dtype != torch.float64:
            scores = scores.to(torch.float32)
        check_finite("pair scores", scores, origin=(queries.start, gallery.start))
        return scores


def _exact_block(values: Tensor) -> Block:
    zero = torch.zeros(1, dtype=torch.float64, device=values.device)
    return Block(values=values, query_slack=zero.expand(len(values)), item_slack=zero.expand(values.shape[1]))


def _zeros(queries: slice, device: torch.device) -> Tensor:
    return torch.zeros(queries.stop - queries.start, dtype=torch.float64, device=device)
