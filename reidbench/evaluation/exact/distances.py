"""Euclidean distances of feature vectors: exact ones of single pairs, and blocks of close bounds.

The distance of two items depends only on their two vectors: it is the sum of the squares of their difference in
float64, along a fixed tree. The index of an item, the blocks, the device and the number of threads do not change a bit
of it, so copies of an item are always a tie, and CPU and GPU agree. Matrix products only select the pairs that need an
exact distance: each value of a block has a proven bound on its error.
"""

from __future__ import annotations

import contextlib
import math
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from reidbench.evaluation.exact.rows import Block, Rows
from reidbench.evaluation.exact.threads import map_in_threads
from reidbench.evaluation.labels import Integers

# Bytes of centred query features per block.
_QUERY_BYTES = 1 << 25
# Queries per block; more do not make a matrix product faster.
_QUERIES = 1 << 12
# Gallery items per block; more do not make a matrix product faster.
_ITEMS = 1 << 12
# Feature values that are converted to float64 at once.
_PART_ELEMENTS = 1 << 19
# Largest size of centred gallery features that stay in memory.
_KEPT_BYTES = 3 << 25
# Squares that are summed in float32.
_RUN = 32
# Dimensions per product. Products of parts have smaller errors than one product; smaller parts are slower.
_DEPTH = 256
# Items whose mean is the centre.
_CENTRE_ITEMS = 1 << 10
# Unit roundoff of float32.
_UNIT_ROUNDOFF = 2.0**-24
# Largest loss per dimension if subnormal numbers become zero.
_UNDERFLOW = 2.0**-110


@dataclass(frozen=True, kw_only=True, eq=False)
class _Side:
    """Centred features float32 (n, D), the exact squares of their lengths float64 (n,), and their slack (n,)."""

    features: Tensor
    squares: Tensor
    slack: Tensor


class _ThreadState(threading.local):
    """The queries that a thread read last, and the memory of its blocks."""

    def __init__(self, empty: Tensor) -> None:
        self.last: tuple[slice, _Side] | None = None
        self.buffer = empty


class FeatureRows(Rows):
    """Squared Euclidean distances between queries and the gallery items that take part.

    `exact` values may be compared across queries and items; `Block.values + offsets` approximate them, and may be
    compared across queries as closely as the slacks say. Both are in units of `scale` squared: 1 for all usual
    features, else the power of two that keeps squares from overflow and underflow.

    The bound. A float32 product of centred vectors q, g in D dimensions, summed in any order, is wrong by at most
    D u |q| |g| with u = 2**-24 (Jeannerod and Rump, SIAM J. Matrix Anal. Appl. 34, 2013, theorem 3.1), hence
    2 q.g by at most D u (|q|**2 + |g|**2), of which each side bears its own part. The sum of n products of 256
    dimensions each is wrong by at most 256 + n - 1 in place of D. Centring adds 4 u, the squared length and its
    addition 3 u; 16 u are reserved for them, and 32 u more for squared lengths whose runs of 32 squares are
    summed in float32.

    Attributes:
        scale: factor of all features.
        height: best number of queries per call of `read`.
        is_exact: whether blocks have no slack: False.
        threads: number of threads that may read blocks at once; 0 where the device works in parallel by itself.
    """

    is_exact = False

    def __init__(self, query: Tensor, gallery: Tensor, columns: Tensor, *, device: torch.device) -> None:
        """Prepare the features; they are not copied if they are on the device.

        Args:
            query: (Q, D) finite, float32 or float64.
            gallery: (N, D) finite, float32 or float64.
            columns: int64 (G,), the rows of `gallery` that take part.
            device: where to compute.
        """
        self._query, self._gallery, self._columns = query.to(device), gallery.to(device), columns.to(device)
        # The index of each query.
        self._order = torch.arange(len(query), device=device)
        self._dtype = torch.promote_types(query.dtype, gallery.dtype)
        self._dimensions = query.shape[1]
        self.height = max(1, min(_QUERIES, _QUERY_BYTES // (4 * self._dimensions)))
        self.scale = _scale(self._query, self._gallery)
        self._centre = self._choose_centre()
        self.threads = torch.get_num_threads() if device.type == "cpu" else 0
        self._state = _ThreadState(torch.empty(0, device=device))
        self._kept = self._keep()
        _hide_sparse_warning()
        self._table: tuple[Tensor, Tensor] | None = None

    def reorder(self, order: Integers) -> None:
        """Read the queries in another order from now on."""
        self._order = self._order[torch.from_numpy(order).to(self._order.device)]

    def exact(self, queries: Tensor, items: Tensor) -> Tensor:
        """Return the defined distances float64 (n,) of pairs of a query and an item, both int64 (n,)."""
        step = max(1, _PART_ELEMENTS // self._dimensions)
        shape = 2, min(step, len(queries)), self._dimensions
        sides = torch.empty(shape, dtype=torch.float64, device=self._query.device)
        distances = torch.empty(len(queries), dtype=torch.float64, device=self._query.device)
        # The memory is reused, because new pages are expensive.
        for part in _slices(len(queries), step):
            query, item = sides[:, : part.stop - part.start]
            query.copy_(self._query.index_select(0, self._order[queries[part]]))
            item.copy_(self._gallery.index_select(0, self._columns[items[part]]))
            if self.scale != 1.0:
                query.mul_(self.scale)
                item.mul_(self.scale)
            distances[part] = _tree_sum(query.sub_(item).square_(), item)
        return distances

    def close(self, queries: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return approximate distances of pairs and their largest errors, both float64 (n,).

        On a CPU, sparse float64 products give them, ten times as fast as `exact`; the bound is that of `read` with the
        unit roundoff of float64, and room for the rounding of `exact`. Elsewhere they are exact.
        """
        if self._query.device.type != "cpu":
            return super().close(queries, items)
        # Each thread converts items of a part to float64, unless all of them are kept.
        size = len(items) if self._table is not None else _KEPT_BYTES // (16 * self._dimensions)
        step = max(1, size)
        parts = [
            self._close(query, item)
            for query, item in zip(torch.split(queries, step), torch.split(items, step), strict=True)
        ]
        distances, slack = zip(*parts, strict=True)
        return torch.cat(distances), torch.cat(slack)

    def _close(self, queries: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        order = queries.argsort()
        row, count = torch.unique_consecutive(queries[order], return_counts=True)
        ends = torch.cat([count.new_zeros(1), count.cumsum(0)])
        features, squares, column = self._double_items(items[order])
        query = self._query[self._order[row]].double()
        lengths = self._scale_and_square(query).repeat_interleave(count) + squares[column]
        pattern = _sparse_zeros(ends, column, (len(row), len(features)))
        products = torch.sparse.sampled_addmm(pattern, query, features.T, beta=0.0, alpha=-2.0).values()
        distances, slack = torch.empty_like(lengths), torch.empty_like(lengths)
        distances[order] = lengths + products
        slack[order] = lengths * ((self._dimensions + 64) * 2.0**-51) + self._dimensions * _UNDERFLOW
        return distances, slack

    def prepare(self) -> None:
        """Convert all items to float64 at once, if they need little memory, since many calls of `close` follow."""
        total = len(self._columns)
        if self._query.device.type != "cpu" or 8 * total * self._dimensions > _KEPT_BYTES:
            return
        features = torch.empty(total, self._dimensions, dtype=torch.float64)
        squares = torch.empty(total, dtype=torch.float64)

        def convert(items: slice) -> None:
            features[items] = self._gallery.index_select(0, self._columns[items])
            squares[items] = self._scale_and_square(features[items])

        list(map_in_threads(convert, _slices(total, _ITEMS // 4), self.threads))
        self._table = features, squares

    def _double_items(self, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return float64 features (m, D), their squared lengths (m,) and the row of each item (n,) in them."""
        if self._table is not None:
            return *self._table, items
        is_used = torch.zeros(len(self._columns), dtype=torch.int64)
        is_used[items] = 1
        used = is_used.nonzero().view(-1)
        features = self._gallery.index_select(0, self._columns[used]).double()
        return features, self._scale_and_square(features), (is_used.cumsum(0) - 1)[items]

    def _scale_and_square(self, features: Tensor) -> Tensor:
        """Scale float64 features (n, D) in place and return their squared lengths (n,)."""
        if self.scale != 1.0:
            features.mul_(self.scale)
        # Several times as fast as sums of products.
        lengths: Tensor = torch.linalg.vector_norm(features, dim=1)
        return lengths.square_()

    def offsets(self, queries: slice) -> Tensor:
        """Return the distances of these queries less their keys, float64 (q,)."""
        return self._query_side(queries).squares

    def read(self, queries: slice, items: slice) -> Block:
        """Return bounds for these queries and items; fastest for many queries that are read repeatedly."""
        query = self._query_side(queries)
        item = self._items(items)
        size = len(query.features), len(item.features)
        if self._state.buffer.numel() < math.prod(size):
            self._state.buffer = query.features.new_empty(math.prod(size))
        values = self._state.buffer[: math.prod(size)].view(size)
        _multiply(query.features, item.features, out=values)
        values.add_((item.squares - item.slack).float())
        return Block(values=values, query_slack=query.slack, item_slack=2 * item.slack)

    def whole(self, queries: slice) -> Tensor:
        """Return (q, G) squared distances less `offsets`, as a product in the dtype of the features gives them.

        For uses that need no exact order: rounding is that of `read` in that dtype, and copies of an item differ
        by as much. The caller may overwrite them.
        """
        query = self._centre_features(self._query[self._order[queries]]).mul_(-2)
        values = query.new_empty(len(query), len(self._columns))
        for items in _slices(len(self._columns), _ITEMS):
            item = self._centre_features(self._gallery.index_select(0, self._columns[items]))
            _multiply(query, item, out=values[:, items])
            values[:, items] += _squared_lengths(item)
        return values

    def _keep(self) -> _Side | None:
        """Prepare all gallery items at once, if they need little memory; otherwise each block prepares them."""
        total, device = len(self._columns), self._query.device
        if 4 * total * self._dimensions > _KEPT_BYTES:
            return None
        features = torch.empty(total, self._dimensions, device=device)
        squares, slack = (torch.empty(total, dtype=torch.float64, device=device) for _ in range(2))

        def prepare(items: slice) -> None:
            side = self._side(self._gallery.index_select(0, self._columns[items]), out=features[items])
            squares[items], slack[items] = side.squares, side.slack

        list(map_in_threads(prepare, _slices(total, _ITEMS // 4), max(1, self.threads)))
        return _Side(features=features, squares=squares, slack=slack)

    def _items(self, items: slice) -> _Side:
        """Return gallery items that take part."""
        if self._kept is None:
            return self._side(self._gallery.index_select(0, self._columns[items]))
        kept = self._kept
        return _Side(features=kept.features[items], squares=kept.squares[items], slack=kept.slack[items])

    def _query_side(self, queries: slice) -> _Side:
        if self._state.last is None or self._state.last[0] != queries:
            side = self._side(self._query[self._order[queries]])
            # The factor -2 saves a scaling of each product.
            self._state.last = queries, replace(side, features=-2 * side.features)
        return self._state.last[1]

    def _side(self, features: Tensor, out: Tensor | None = None) -> _Side:
        centred = self._centre_features(features, out)
        squares = _squared_lengths(centred)
        terms = min(self._dimensions, _DEPTH) + self._dimensions // _DEPTH
        relative = (terms + 16 + _RUN) * _UNIT_ROUNDOFF
        # Vectors equal to the centre have no slack, so a constant embedding is fast.
        slack = torch.where(squares > 0, relative * squares + self._dimensions * _UNDERFLOW, 0.0)
        if out is None:
            out = centred.float()
        elif out is not centred:
            out.copy_(centred)
        return _Side(features=out, squares=squares, slack=slack)

    def _centre_features(self, features: Tensor, out: Tensor | None = None) -> Tensor:
        features = features.to(self._dtype)
        if self.scale != 1.0:
            features = features * self.scale
        if out is not None and out.dtype == self._dtype:
            return torch.sub(features, self._centre, out=out)
        return features - self._centre

    def _choose_centre(self) -> Tensor:
        """Return the approximate mean of the gallery; for a constant embedding, exactly its vector."""
        if not len(self._columns):
            return torch.zeros(self._dimensions, dtype=self._dtype, device=self._query.device)
        step = -(-len(self._columns) // _CENTRE_ITEMS)
        sample = self._gallery.index_select(0, self._columns[::step]).double() * self.scale
        return (sample[0] + (sample - sample[0]).mean(dim=0)).to(self._dtype)


def _squared_lengths(features: Tensor) -> Tensor:
    """Return the squared lengths (n,) of (n, D) in float64; of float32, sums of _RUN squares are float32's."""
    if features.dtype == torch.float64 or features.shape[1] % _RUN:
        lengths: Tensor = torch.linalg.vector_norm(features, dim=1, dtype=torch.float64)
        return lengths.square_()
    runs = features.square().view(len(features), -1, _RUN).sum(dim=2)
    return runs.sum(dim=1, dtype=torch.float64)


def _multiply(query: Tensor, items: Tensor, *, out: Tensor) -> None:
    """Write the product into `out`, as a sum of products of _DEPTH dimensions."""
    spare = out.new_empty(len(query), min(len(items), _ITEMS if query.shape[1] > _DEPTH else 0))
    with full_precision():
        for columns in _slices(len(items), _ITEMS):
            total, item = out[:, columns], items[columns].T
            for part in _slices(query.shape[1], _DEPTH):
                product = spare[:, : total.shape[1]] if part.start else total
                torch.mm(query[:, part], item[part], out=product)
                if part.start:
                    total += product


def _sparse_zeros(ends: Tensor, column: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a float64 matrix that stores zeros in these columns, up to the end of each row."""
    zeros = torch.zeros(len(column), dtype=torch.float64)
    return torch.sparse_csr_tensor(ends, column, zeros, size, check_invariants=False)


@cache
def _hide_sparse_warning() -> None:
    """Construct a first sparse matrix while warnings are off: torch warns once that they are in beta."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _sparse_zeros(torch.zeros(1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), (0, 1))


def _tree_sum(terms: Tensor, spare: Tensor) -> Tensor:
    """Sum the rows (n, D) by adding halves, as if padded with zeros to a power of two; both are overwritten."""
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
    # Far from the limits of float32, in which products are computed; the scale is a normal number, too.
    limit = 120 if torch.promote_types(query.dtype, gallery.dtype) == torch.float32 else 1000
    return 1.0 if abs(exponent) <= 10 else 2.0 ** -max(-limit, min(limit, exponent))


def _slices(total: int, step: int) -> list[slice]:
    step = max(1, step)
    return [slice(start, min(start + step, total)) for start in range(0, total, step)]


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Disable TF32 and bfloat16 in float32 products; a training program may have enabled them."""
    backends: list[Any] = [torch.backends.cuda.matmul, getattr(torch.backends.mkldnn, "matmul", None)]
    # torch before 2.9.
    if not all(hasattr(backend, "fp32_precision") for backend in backends):
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
