"""Re-ranking by k-reciprocal neighbours, exactly, without a matrix of all distances.

Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017. Distances and figures follow
the authors' Python code for distance matrices: squared Euclidean distances, each row divided by its largest value over
all queries and gallery items. All items can be neighbours, including junk and other queries,
because re-ranking uses no labels. With one true match per query, it usually makes results worse.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from reidbench.errors import ConfigError, FeatureError
from reidbench.evaluation.exact.float_order import ranges
from reidbench.evaluation.exact.pairs import PairScorer
from reidbench.evaluation.inputs import Values, as_features
from reidbench.evaluation.item_distances import FeatureDistances, ItemDistances, PairDistances, blocks, ratio
from reidbench.evaluation.reciprocal import ONE, SparseRows, encode, nearest

# Re-ranked distances that are kept.
_KEPT_ELEMENTS = 1 << 23
# Re-ranked distances, or shared neighbours, per block.
_BLOCK_ELEMENTS = 1 << 21


@dataclass(frozen=True, kw_only=True)
class RerankSettings:
    """Settings of the re-ranking; the defaults are the paper's for Market-1501 and MARS.

    Neighbourhoods larger than the number of items hold all items.
    """

    k1: int = field(default=20, metadata={"help": "neighbours that may be reciprocal"})
    k2: int = field(default=6, metadata={"help": "neighbours whose encodings are averaged; 1: no average"})
    lambda_value: float = field(default=0.3, metadata={"help": "share of the original distance"})

    def __post_init__(self) -> None:
        for name in ("k1", "k2"):
            if getattr(self, name) < 1 or getattr(self, name) != int(getattr(self, name)):
                raise ConfigError(f"{name} must be a whole number of 1 or more, got {getattr(self, name)}")
        if not 0 <= self.lambda_value <= 1:
            raise ConfigError(f"lambda_value must be in [0, 1], got {self.lambda_value}")


class Reranked:
    """Re-ranked distances, computed for a block of queries at a time; a pair scorer for `evaluate_search`.

    Whole rows are computed, 2**23 distances ahead, and the last ones are kept: blocks of the same queries should
    follow each other, and have no more queries than that.

    Attributes:
        queries: number of queries Q.
        gallery: number of gallery items G.
        settings: the settings of the re-ranking.
    """

    def __init__(self, distances: ItemDistances, queries: int, settings: RerankSettings) -> None:
        """Find the neighbours and encode them.

        Args:
            distances: of Q + G items, queries first.
            queries: Q.
            settings: the parameters.
        """
        self.queries, self.gallery, self.settings = queries, distances.items - queries, settings
        self._distances = distances
        with torch.no_grad():
            count = min(max(settings.k1 + 1, settings.k2), distances.items)
            neighbours, self._largest = nearest(distances, count)
            rows = encode(distances, neighbours, self._largest, k1=settings.k1, k2=settings.k2)
        # Copies of an item use the column of the first one, so that rounding cannot separate them.
        self._columns = torch.arange(queries, distances.items, device=neighbours.device)
        if distances.is_zero_for_copies:
            self._columns = neighbours[queries:, 0].contiguous()
        self._rows, self._lists = rows, _inverted_lists(rows, queries)
        self._kept = range(0), torch.empty(0, self.gallery)

    def __call__(self, query_block: slice, gallery_block: slice, /) -> Tensor:
        """Return the re-ranked distances (q, g) of these queries to these gallery items, 0 to 1.

        They are on the device and of the precision of the original distances. Blocks of other queries change them by
        no more than they change those: by rounding.

        Raises:
            FeatureError: a slice with a step.
        """
        queries, gallery = range(self.queries)[query_block], range(self.gallery)[gallery_block]
        if queries.step != 1 or gallery.step != 1:
            raise FeatureError(f"blocks must have the step 1, got {query_block} and {gallery_block}")
        columns = slice(gallery.start, gallery.stop)
        parts = [
            self._rows_of(queries[part])[:, columns]
            for part in blocks(len(queries), _KEPT_ELEMENTS // self.gallery)
        ]
        return torch.cat(parts) if parts else self._kept[1][:0, columns]

    def _rows_of(self, queries: range) -> Tensor:
        """Return the distances (q, G) of some queries to the whole gallery; read ahead where they are not available."""
        known, distances = self._kept
        if queries[0] not in known or queries[-1] not in known:
            ahead = max(len(queries), _KEPT_ELEMENTS // self.gallery)
            known = range(queries.start, min(queries.start + ahead, self.queries))
            with torch.no_grad():
                parts = blocks(len(known), self._distances.height)
                distances = torch.cat([self._mix(known[part]) for part in parts])
            self._kept = known, distances
        return distances[queries.start - known.start : queries.stop - known.start]

    def _mix(self, queries: range) -> Tensor:
        """Return (1 - lambda) Jaccard + lambda original (eq. 12), for (q, G)."""
        rows = slice(queries.start, queries.stop)
        values = self._distances.whole(rows).index_select(1, self._columns)
        largest = self._largest[rows, None].to(values.dtype)
        mixed = ratio(values, largest, self._distances.exponent)
        share = self.settings.lambda_value
        for part in blocks(len(queries), _BLOCK_ELEMENTS // self.gallery):
            jaccard = self._jaccard(queries[part])
            mixed[part] = jaccard.mul_(1 - share).add_(mixed[part], alpha=share)
        return mixed

    def _jaccard(self, queries: range) -> Tensor:
        """Return the Jaccard distances float64 (q, G) of the encodings (eq. 10).

        The sum of the smaller weights is shared / (2 - shared) of the sum of the larger ones, as rows sum to 1.
        """
        device = self._rows.start.device
        entry, lengths = self._rows.entries(torch.arange(queries.start, queries.stop, device=device))
        target = torch.arange(len(lengths), device=device).repeat_interleave(lengths) * self.gallery
        column, weight = self._rows.column[entry], self._rows.weight[entry]
        shared = torch.zeros(len(lengths) * self.gallery, dtype=torch.int64, device=device)
        counts = self._lists.start[column + 1] - self._lists.start[column]
        for part in _parts(counts):
            slot = ranges(self._lists.start[column[part]], counts[part])
            pair = target[part].repeat_interleave(counts[part]).add_(self._lists.column[slot])
            smallest = weight[part].repeat_interleave(counts[part])
            shared.index_add_(0, pair, torch.minimum(smallest, self._lists.weight[slot]))
        # Rounding may exceed 1.
        overlap = shared.view(-1, self.gallery).double().div_(ONE).clamp_(max=1)
        return overlap.div_(2 - overlap).neg_().add_(1)


def rerank(
    query: Values,
    gallery: Values,
    settings: RerankSettings | None = None,
    *,
    device: str | torch.device | None = None,
) -> Reranked:
    """Re-rank a gallery by Euclidean distance and k-reciprocal neighbours.

    Neighbours and weights come from the exact distances of `FeatureRows`, so copies of an item are at equal
    distances, and so are whole numbers where they should be. Items at equal distances stand in the order of their
    indices, queries before gallery. The original distances that are mixed in are as precise as the features.

    Memory beyond the features: the neighbours, 16 bytes for each weight of the encoding (with the default settings,
    some twenty to a hundred for an item) and some 0.5 GB of blocks.

    Args:
        query: (Q, D).
        gallery: (G, D).
        settings: the parameters; by default the paper's.
        device: where to compute; by default where the query features are.

    Raises:
        FeatureError: shapes that do not fit, no items, or values that are not finite.
    """
    queries, items = as_features("query_features", query), as_features("gallery_features", gallery)
    if queries.shape[1] != items.shape[1]:
        raise FeatureError(
            f"query_features has {queries.shape[1]} dimensions, gallery_features has {items.shape[1]}; "
            "both must come from the same method"
        )
    where = queries.device if device is None else torch.device(device)
    features = torch.cat([queries.to(where), items.to(where)])
    return Reranked(FeatureDistances(features, device=where), len(queries), settings or RerankSettings())


def rerank_pairs(
    scorer: PairScorer,
    queries: int,
    gallery: int,
    settings: RerankSettings | None = None,
    *,
    block: tuple[int, int] = (64, 256),
    device: str | torch.device | None = None,
) -> Reranked:
    """Re-rank a gallery by a pair scorer and k-reciprocal neighbours.

    Scores are squared as Euclidean distances are, so pass distances and not their squares: the root of a quadratic
    form. The scorer need not be symmetric: the neighbours of an item p have small `scorer(p, ...)`. (The
    authors' code uses columns among queries and among gallery items, and mirrors the queries' rows into the
    gallery's.)

    Args:
        scorer: called as `scorer(rows, columns)` with two slices of the Q + G items, queries first; returns
            distances (r, c) of 0 or more on any device. It is called twice for each pair of items, and the rows of
            queries are computed a third time for re-ranked distances.
        queries: number Q of queries.
        gallery: number G of gallery items.
        settings: the parameters; by default the paper's.
        block: largest number of rows and of columns in one call.
        device: where to compute beside the scorer; by default where its scores are.

    Raises:
        FeatureError: no queries or no gallery, scores below zero, or as in `evaluate_search`.
    """
    if min(queries, gallery) < 1:
        raise FeatureError(
            f"re-ranking needs queries and a gallery, got {queries} queries and {gallery} items"
        )
    where = None if device is None else torch.device(device)
    with torch.no_grad():
        distances = PairDistances(scorer, queries + gallery, block=block, device=where)
        return Reranked(distances, queries, settings or RerankSettings())


def _inverted_lists(rows: SparseRows, queries: int) -> SparseRows:
    """Transpose the rows of the gallery: for each item, the gallery items with a weight for it."""
    first = int(rows.start[queries])
    column = rows.column[first:]
    lengths = rows.start[queries + 1 :] - rows.start[queries:-1]
    item = torch.arange(len(lengths), device=column.device).repeat_interleave(lengths)
    column, order = column.sort(stable=True)
    start = torch.searchsorted(column, torch.arange(len(rows.start), device=column.device))
    return SparseRows(start, item[order], rows.weight[first:][order])


def _parts(counts: Tensor) -> list[slice]:
    """Split entries (n,) with these numbers of pairs into blocks of a limited number of pairs."""
    total = counts.cumsum(0)
    pairs = int(total[-1:].sum())
    borders = torch.tensor(range(_BLOCK_ELEMENTS, pairs, _BLOCK_ELEMENTS), dtype=torch.int64)
    cuts = torch.searchsorted(total, borders.to(total.device)).tolist()
    return [slice(a, b) for a, b in zip([0, *cuts], [*cuts, len(counts)], strict=True)]
