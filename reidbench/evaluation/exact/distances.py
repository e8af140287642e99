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

import numpy as np
import torch
from torch import Tensor

from reidbench.evaluation.labels import People

_QUERY_BYTES = 1 << 25  # centred query features at once
_QUERIES = 1 << 12  # more at once make a matrix product no faster
_ITEMS = 1 << 12  # centred gallery items at once, likewise
_PART_ELEMENTS = 1 << 19  # features that are widened to 64 bits at once
_KEPT_BYTES = 3 << 25  # of centred gallery features that are kept
_GROUP = 128  # gallery items whose people's queries are compared with them in one product
_RUN = 32  # squares that are summed in float32
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
    squared length and its addition 3 u; 16 u are reserved for them, and 32 u more for squared lengths whose
    runs of 32 squares are summed in float32.

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
        """
        self._query, self._gallery, self._columns = query.to(device), gallery.to(device), columns.to(device)
        self._dtype = torch.promote_types(query.dtype, gallery.dtype)
        self._dimensions = query.shape[1]
        self.height = max(1, min(_QUERIES, _QUERY_BYTES // (4 * self._dimensions)))
        self.scale = _scale(self._query, self._gallery)
        self._centre = self._choose_centre()
        self._last: tuple[slice, _Side] | None = None
        self._buffer = torch.empty(0, device=device)
        self._kept: _Side | None = None

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
        item = self._items(items)
        size = len(query.features), len(item.features)
        if self._buffer.numel() < math.prod(size):
            self._buffer = query.features.new_empty(math.prod(size))
        values = self._buffer[: math.prod(size)].view(size)
        _multiply(query.features, item.features, out=values)
        values.add_((item.squares - item.slack).float())
        return Block(values=values, query_slack=query.slack, item_slack=2 * item.slack)

    def pair_keys(self, queries: slice, people: People) -> tuple[Tensor, Tensor]:
        """Return the keys of all pairs of the same person, and how far from them the exact keys may be.

        Both are float64 (P,), in the order of `people`, whose items of a person stand together: so a few hundred
        items and the queries of their people make a small product, in which most pairs are of different people,
        and which is still the fastest way to the others.
        """
        query = self._query_side(queries)
        device = query.features.device
        features = query.features.index_select(0, torch.from_numpy(people.query).to(device))
        begins = np.flatnonzero(np.diff(people.first // _GROUP, prepend=-1))
        ends = np.append(begins[1:], len(people.first))
        starts = people.first[begins]
        stops = np.maximum.reduceat(people.first + people.count, begins) if len(begins) else starts
        sizes = (ends - begins) * (stops - starts)
        places = np.cumsum(sizes) - sizes
        products = features.new_empty(int(sizes.sum()))
        squares, slack = (
            torch.empty(len(self._columns), dtype=torch.float64, device=device) for _ in range(2)
        )
        groups = zip(*(part.tolist() for part in (begins, ends, starts, stops, places)), strict=True)
        with _full_precision():
            for begin, end, start, stop, place in groups:
                side = self._items(slice(start, stop))
                squares[start:stop], slack[start:stop] = side.squares, side.slack
                block = products[place : place + (end - begin) * (stop - start)].view(
                    end - begin, stop - start
                )
                torch.mm(features[begin:end], side.features.T, out=block)
        number = np.repeat(np.arange(len(begins)), ends - begins)
        offset = places[number] - starts[number]
        offset += (np.arange(len(people.query)) - begins[number]) * (stops - starts)[number]
        place = torch.from_numpy(np.repeat(offset, people.count) + people.item).to(device)
        row, item = torch.from_numpy(people.row).to(device), torch.from_numpy(people.item).to(device)
        return products[place].double() + squares[item], query.slack[row] + slack[item]

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

    def _items(self, items: slice) -> _Side:
        """Return gallery items that take part; valid until the next call."""
        if self._kept is None and 4 * len(self._columns) * self._dimensions <= _KEPT_BYTES:
            self._kept = self._keep_all()
        if self._kept is None:
            return self._side(self._gallery.index_select(0, self._columns[items]))
        kept = self._kept
        return _Side(features=kept.features[items], squares=kept.squares[items], slack=kept.slack[items])

    def _keep_all(self) -> _Side:
        """Prepare the whole gallery at once, where that takes little memory."""
        total, device = len(self._columns), self._query.device
        features = torch.empty(total, self._dimensions, device=device)
        squares, slack = (torch.empty(total, dtype=torch.float64, device=device) for _ in range(2))
        for items in _slices(total, _ITEMS // 4):
            side = self._side(self._gallery.index_select(0, self._columns[items]), out=features[items])
            squares[items], slack[items] = side.squares, side.slack
        return _Side(features=features, squares=squares, slack=slack)

    def _query_side(self, queries: slice) -> _Side:
        if self._last is None or self._last[0] != queries:
            side = self._side(self._query[queries])
            self._last = (
                queries,
                replace(side, features=-2 * side.features),
            )  # so that products need no scaling
        return self._last[1]

    def _side(self, features: Tensor, out: Tensor | None = None) -> _Side:
        centred = self._centred(features, out)
        squares = _squared_lengths(centred)
        relative = (self._dimensions + 16 + _RUN) * _UNIT_ROUNDOFF
        # equal vectors on the centre have no slack: a constant embedding is no work
        slack = torch.where(squares > 0, relative * squares + self._dimensions * _UNDERFLOW, 0.0)
        if out is None:
            out = centred.float()
        elif out is not centred:
            out.copy_(centred)
        return _Side(features=out, squares=squares, slack=slack)

    def _centred(self, features: Tensor, out: Tensor | None = None) -> Tensor:
        features = features.to(self._dtype)
        if self.scale != 1.0:
            features = features * self.scale
        if out is not None and out.dtype == self._dtype:
            return torch.sub(features, self._centre, out=out)
        return features - self._centre

    def _choose_centre(self) -> Tensor:
        """Return about the mean of the gallery; of a constant embedding, exactly its vector."""
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
