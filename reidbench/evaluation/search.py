"""A search: the labels of a trial and the one source of its distances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from reidbench.errors import FeatureError
from reidbench.evaluation.exact.distances import FeatureRows
from reidbench.evaluation.exact.pairs import MatrixRows, PairRows, PairScorer
from reidbench.evaluation.exact.rows import Rows
from reidbench.evaluation.inputs import Values, as_distances, as_features
from reidbench.evaluation.labels import Integers, Labels

Source: TypeAlias = Callable[[Tensor], Rows]
"""Returns the distances to the gallery items of these indices, int64 (G,)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """Queries and a gallery whose distances can be computed; `make_search` builds one.

    Attributes:
        labels: persons and cameras of both sides.
        source: computes the distances.
    """

    labels: Labels
    source: Source

    def rows(self) -> Rows:
        """Return the distances to the gallery without junk, in the order of `labels.kept`."""
        return self.source(torch.from_numpy(self.labels.kept))

    def matrix(self) -> Tensor | None:
        """Return all distances (Q, N) of a matrix or a pair scorer on the CPU, and None for features."""
        rows = self.source(torch.arange(len(self.labels.given_pids)))
        if not rows.is_exact:
            return None
        starts = range(0, len(self.labels.query_pids), rows.height)
        ends = [*starts[1:], len(self.labels.query_pids)]
        everything = slice(0, len(self.labels.given_pids))
        with torch.no_grad():
            blocks = [rows.read(slice(*ends), everything) for ends in zip(starts, ends, strict=True)]
            return torch.cat([block.values.cpu() for block in blocks])

    def with_gallery_pids(self, gallery_pids: Integers) -> Search:
        """Return the same search with other persons (N,) in the gallery."""
        labels = self.labels
        changed = Labels(labels.query_pids, gallery_pids, labels.query_camids, labels.given_camids)
        return replace(self, labels=changed)


def make_search(
    labels: Labels,
    query_features: Values | None = None,
    gallery_features: Values | None = None,
    *,
    distances: Values | None = None,
    scorer: PairScorer | None = None,
    block: tuple[int, int] = (64, 256),
    device: str | torch.device | None = None,
) -> Search:
    """Return the search over these labels by features, by a matrix of distances or by a pair scorer.

    Args:
        labels: of Q queries and N gallery items.
        query_features: (Q, D), an array or a tensor on any device. float64 stays float64, narrower floats
            become float32, integers float64.
        gallery_features: (N, D), compared with the queries by the plain Euclidean distance.
        distances: (Q, N), used without change; smaller is nearer.
        scorer: called as `scorer(queries, gallery)` with two slices; returns distances (q, g) on any device. Two
            items tie where it returns the same value.
        block: largest number of queries and of gallery items in one call of the scorer.
        device: where to compute; by default where the query features, the distances or the scores are.

    Raises:
        FeatureError: none or several of features, distances and scorer; shapes that differ from the labels; values
            that are not finite; a block size below 1.
    """
    has_features = query_features is not None or gallery_features is not None
    sources = has_features + (distances is not None) + (scorer is not None)
    if sources != 1:
        raise FeatureError(
            "pass exactly one of query_features with gallery_features, distances, and a pair scorer, "
            f"got {sources} of them"
        )
    if scorer is not None:
        _check_block(block)
        return Search(labels=labels, source=partial(PairRows, scorer, len(labels.given_pids), block=block))
    if distances is not None:
        matrix = as_distances(distances)
        _check_rows("distances", len(matrix), "query_pids", labels.query_pids)
        _check_rows("distances", matrix.shape[1], "gallery_pids", labels.given_pids, axis="columns")
        return Search(labels=labels, source=partial(MatrixRows, matrix, device=_device(device, matrix)))
    if query_features is None or gallery_features is None:
        side = "query" if query_features is None else "gallery"
        raise FeatureError(f"{side}_features is missing: pass the features of both sides")
    query = as_features("query_features", query_features)
    gallery = as_features("gallery_features", gallery_features)
    _check_rows("query_features", len(query), "query_pids", labels.query_pids)
    _check_rows("gallery_features", len(gallery), "gallery_pids", labels.given_pids)
    if query.shape[1] != gallery.shape[1]:
        raise FeatureError(
            f"query_features has {query.shape[1]} dimensions, gallery_features has {gallery.shape[1]}; "
            "both must come from the same method"
        )
    return Search(labels=labels, source=partial(FeatureRows, query, gallery, device=_device(device, query)))


def _check_block(block: tuple[int, int]) -> None:
    if min(block) < 1:
        raise FeatureError(f"block must be two numbers of at least 1, got {block}")


def _check_rows(name: str, count: int, partner: str, pids: Integers, *, axis: str = "rows") -> None:
    if count != len(pids):
        raise FeatureError(
            f"{name} has {count} {axis} and {partner} has {len(pids)} labels; pass one label per item"
        )


def _device(device: str | torch.device | None, values: Tensor) -> torch.device:
    return values.device if device is None else torch.device(device)
