"""Euclidean distances of feature vectors: exact ones of single pairs, and blocks of close bounds.

The distance of two items is defined by the two vectors alone: their difference in float64, squared, summed along
a fixed tree. No item's place, no block, no device and no number of threads changes a bit of it, so copies of an
item are always a tie, and CPU and GPU agree. Matrix products only tell which pairs need that care: each value of
a block comes with a proven bound of its distance to the exact one.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from reidbench.errors import FeatureError

_QUERY_BYTES = 1 << 25  # centred query features at once
_QUERIES = 1 << 12  # more at once make a matrix product no faster
_ITEMS = 1 << 12  # centred gallery items at once, likewise
_PART_ELEMENTS = 1 << 19  # features that are widened to 64 bits at once
_CENTRE_ITEMS = 1 << 10  # items whose mean is the centre
_UNIT_ROUNDOFF = 2.0**-24  # of float32
_UNDERFLOW = 2.0**-110  # lost per dimension where numbers below the normal ones become zero


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Bounds of the order of some gallery items for some queries.

    The key of a pair is its exact distance less a constant of the query (`offsets` of the rows). It lies between
    `values - query_slack` and `values + query_slack + item_slack`.

    Attributes:
        values: float (q, g), may be overwritten; valid until the next block is read.
        query_slack: float64 (q,), 0 where values are exact.
        item_slack: float64 (g,), 0 where values are exact.
    """

    values: Tensor
    query_slack: Tensor
    item_slack: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class _Side:
    """Centred features float32 (n, D), the exact squares of their lengths float64 (n,), and their slack (n,)."""

    features: Tensor
    squares: Tensor
    slack: Tensor


class FeatureRows:
    """Squared Euclidean distances between queries and the gallery items that take part.

    `exact` values may be compared across queries and items; `Block.values + offsets` approximate them, and may be
    compared across queries as closely as the slacks say. Both are in units of `scale` squared: 1 for all usual
    features, else the power of two that keeps squares from overflow and underflow.

    The bound. A float32 product of centred vectors q, g in D dimensions, summed in any order, is wrong by at most
    D u |q| |g| with u = 2**-24 (Jeannerod and Rump, SIAM J. Matrix Anal. Appl. 34, 2013, theorem 3.1), hence
    2 q.g by at most D u (|q|**2 + |g|**2), of which each side bears its own part. Centring adds 4 u, the
    squared length and its addition 3 u; 16 u are reserved for them.

    Attributes:
        scale: factor of all features.
        height: number of queries that `read` should be asked for at once.
        is_exact: whether blocks have no slack: False.
    """

    is_exact = False

    def __init__(self, query: Tensor, gallery: Tensor, columns: Tensor, *, device: torch.device) -> None:
        """Look at the features once; nothing is copied on the device where they are.

        Args:
            query: (Q, D) finite, float32 or float64.
            gallery: (N, D) likewise.
            columns: int64 (G,), the rows of `gallery` that take part.
            device: where to compute.

        Raises:
            FeatureError: the two sides differ in their number of dimensions.
        """
        if query.shape[1] != gallery.shape[1]:
            raise FeatureError(
                f"query_features has {query.shape[1]} dimensions, gallery_features has {gallery.shape[1]}; "
                "both must come from the same method"
            )
        self._query, self._gallery, self._columns = query.to(device), gallery.to(device), columns.to(device)
        self._dtype = torch.promote_types(query.dtype, gallery.dtype)
        self._dimensions = query.shape[1]
        self.height = max(1, min(_QUERIES, _QUERY_BYTES // (4 * self._dimensions)))
        self.scale = _scale(self._query, self._gallery)
        self._centre = self._choose_centre()
        self._last: tuple[slice, _Side] | None = None
        self._buffer = torch.empty(0, device=device)

    def exact(self, queries: Tensor, items: Tensor) -> Tensor:
        """Return the defined distances float64 (n,) of pairs of a query and an item, both int64 (n,)."""
        step = max(1, _PART_ELEMENTS // self._dimensions)
        shape = 2, min(step, len(queries)), self._dimensions
        sides = torch.empty(shape, dtype=torch.float64, device=self._query.device)
        distances = torch.empty(len(queries), dtype=torch.float64, device=self._query.device)
        for part in _slices(len(queries), step):  # in memory that is used again: new pages are dear
            query, item = sides[:, : part.stop - part.start]
            query.copy_(self._query.index_select(0, queries[part]))
            item.copy_(self._gallery.index_select(0, self._columns[items[part]]))
            if self.scale != 1.0:
                query.mul_(self.scale)
                item.mul_(self.scale)
            distances[part] = _tree_sum(query.sub_(item).square_(), item)
        return distances

    def offsets(self, queries: slice) -> Tensor:
        """Return what the keys of these queries lack to distances, float64 (q,)."""
        return self._query_side(queries).squares

    def read(self, queries: slice, items: slice) -> Block:
        """Return bounds for these queries and items; fastest for many queries, asked again and again."""
        query = self._query_side(queries)
        item = self._side(self._gallery.index_select(0, self._columns[items]))
        size = len(query.features), len(item.features)
        if self._buffer.numel() < math.prod(size):
            self._buffer = query.features.new_empty(math.prod(size))
        values = self._buffer[: math.prod(size)].view(size)
        _multiply(query.features, item.features, out=values)
        values.add_((item.squares - item.slack).float())
        return Block(values=values, query_slack=query.slack, item_slack=2 * item.slack)

    def whole(self, queries: slice) -> Tensor:
        """Return (q, G) squared distances less `offsets`, as a product in the dtype of the features gives them.

        Fit for what needs no exact order: rounding is that of `read` in that dtype, and copies of an item differ
        by as much. The caller may overwrite them.
        """
        query = self._centred(self._query[queries]).mul_(-2)
        values = query.new_empty(len(query), len(self._columns))
        for items in _slices(len(self._columns), _ITEMS):
            item = self._centred(self._gallery.index_select(0, self._columns[items]))
            _multiply(query, item, out=values[:, items])
            values[:, items] += _squared_lengths(item)
        return values

    def _query_side(self, queries: slice) -> _Side:
        if self._last is None or self._last[0] != queries:
            side = self._side(self._query[queries])
            self._last = (
                queries,
                replace(side, features=-2 * side.features),
            )  # so that products need no scaling
        return self._last[1]

    def _side(self, features: Tensor) -> _Side:
        centred = self._centred(features)
        squares = _squared_lengths(centred)
        relative = (self._dimensions + 16) * _UNIT_ROUNDOFF
        # equal vectors on the centre have no slack: a constant embedding is no work
        slack = torch.where(squares > 0, relative * squares + self._dimensions * _UNDERFLOW, 0.0)
        return _Side(features=centred.float(), squares=squares, slack=slack)

    def _centred(self, features: Tensor) -> Tensor:
        features = features.to(self._dtype)
        return (features if self.scale == 1.0 else features * self.scale) - self._centre

    def _choose_centre(self) -> Tensor:
        """Return about the mean of the gallery; of a constant embedding, exactly its vector."""
        if not len(self._columns):
            return torch.zeros(self._dimensions, dtype=self._dtype, device=self._query.device)
        step = -(-len(self._columns) // _CENTRE_ITEMS)
        sample = self._gallery.index_select(0, self._columns[::step]).double() * self.scale
        return (sample[0] + (sample - sample[0]).mean(dim=0)).to(self._dtype)


def _squared_lengths(features: Tensor) -> Tensor:
    """Return the squared lengths (n,) of (n, D) in float64."""
    squares = torch.empty(len(features), dtype=torch.float64, device=features.device)
    for part in _slices(len(features), _PART_ELEMENTS // features.shape[1]):
        squares[part] = features[part].double().square().sum(dim=1)
    return squares


def _multiply(query: Tensor, items: Tensor, *, out: Tensor) -> None:
    with _full_precision():
        torch.mm(query, items.T, out=out)


def _tree_sum(terms: Tensor, spare: Tensor) -> Tensor:
    """Sum the rows (n, D) by adding halves, as if filled up with zeros to a power of two; both are overwritten."""
    width = terms.shape[1]
    half = 1 << (width - 1).bit_length() >> 1
    if half < width < 2 * half:
        terms[:, : width - half].add_(terms[:, half:])
        terms, width = terms[:, :half], half
    spare = spare.view(-1)
    while width > 1:
        width //= 2
        results, spare = spare[: len(terms) * width].view(-1, width), spare[len(terms) * width :]
        terms = torch.add(terms[:, :width], terms[:, width:], out=results)
    return terms[:, 0]


def _scale(query: Tensor, gallery: Tensor) -> float:
    """Return the power of two that keeps squares from overflow and underflow; 1 for all usual features."""
    largest = max(abs(float(bound)) for side in (query, gallery) for bound in torch.aminmax(side))
    exponent = math.frexp(largest)[1]
    # far from the ends of float32, in which products are computed; and a scale that is itself a normal number
    limit = 120 if torch.promote_types(query.dtype, gallery.dtype) == torch.float32 else 1000
    return 1.0 if abs(exponent) <= 10 else 2.0 ** -max(-limit, min(limit, exponent))


def _slices(total: int, step: int) -> list[slice]:
    step = max(1, step)
    return [slice(start, min(start + step, total)) for start in range(0, total, step)]


@contextlib.contextmanager
def _full_precision() -> Iterator[None]:
    """Forbid TF32 and bfloat16 inside float32 products, which a training program may have allowed."""
    backends: list[Any] = [torch.backends.cuda.matmul, getattr(torch.backends.mkldnn, "matmul", None)]
    if not all(hasattr(backend, "fp32_precision") for backend in backends):  # torch before 2.9
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
        return
    allowed = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "ieee"
        yield
    finally:
        for backend, precision in zip(backends, allowed, strict=True):
            backend.fp32_precision = precision
