"""Distances that are not Euclidean: pair scorers, called block by block, and ready matrices."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from reidbench.errors import FeatureError
from reidbench.evaluation.inputs import check_finite

_BLOCK_BYTES = 1 << 26  # scores of one block of queries with the whole gallery


class PairScorer(Protocol):
    """A learned or attentive distance, computed for blocks of queries and gallery items."""

    def __call__(self, query_block: slice, gallery_block: slice, /) -> Tensor:
        """Return the distances (q, g) of these queries to these gallery items; smaller is more alike.

        Called once for each pair. The value of a pair must not depend on the blocks it is asked in.
        """


class MatrixRows:
    """The rows of a distance matrix that was computed before.

    Attributes:
        place: int64 (G,), the column of `read` at which each gallery item that takes part stands: its own.
        height: number of queries that `read` should be asked for at once.
    """

    def __init__(self, distances: Tensor, columns: Tensor, *, device: torch.device) -> None:
        """Keep a float matrix (Q, N) and the columns int64 (G,) that take part."""
        self._distances, self._columns, self._device = distances, columns.to(distances.device), device
        self.place = torch.arange(len(columns))
        self.height = max(1, _BLOCK_BYTES // (distances.element_size() * distances.shape[1]))

    def read(self, queries: slice) -> Tensor:
        """Return distances (q, G) that the caller may overwrite."""
        return self._distances[queries].index_select(1, self._columns).to(self._device)


class PairRows:
    """The rows that a pair scorer gives, put together from blocks of both axes.

    A row of scores is no larger than the labels of the gallery, so whole rows are held, for as many queries as
    a block has or 64 MB allow; no pair is scored twice.

    Attributes:
        place: int64 (G,), the column of `read` at which each gallery item that takes part stands: its own.
        height: number of queries that `read` should be asked for at once.
    """

    def __init__(self, scorer: PairScorer, gallery: int, columns: Tensor, *, block: tuple[int, int]) -> None:
        """Prepare the blocks.

        Args:
            scorer: the distance.
            gallery: size N of the gallery that the scorer knows.
            columns: int64 (G,), its items that take part.
            block: largest number of queries and of gallery items in one call.

        Raises:
            FeatureError: a block size below 1.
        """
        if min(block) < 1:
            raise FeatureError(f"block must be two numbers of 1 or more, got {block}")
        self._scorer, self._gallery, self._columns, self._width = scorer, gallery, columns, block[1]
        self.place = torch.arange(len(columns))
        self.height = max(1, min(block[0], _BLOCK_BYTES // (8 * gallery)))

    def read(self, queries: slice) -> Tensor:
        """Return scores (q, G) that the caller may overwrite; float64 stays, everything else becomes float32.

        Raises:
            FeatureError: the scorer returned another shape, or a value that is not finite.
        """
        parts = []
        for start in range(0, self._gallery, self._width):
            parts.append(self._score(queries, slice(start, min(start + self._width, self._gallery))))
        scores = torch.cat(parts, dim=1)
        return scores.index_select(1, self._columns.to(scores.device))

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
