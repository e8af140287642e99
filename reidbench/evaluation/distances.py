"""Euclidean distances, for a block of queries at a time.

A matrix product is the only affordable way to all distances, but a product may round an item differently at
another place, so that copies of one item would differ and a shuffled gallery would give other ranks. Both are
excluded by construction: the gallery is put into an order that depends on its contents only, and each distinct
item is multiplied once. The features are centred first, so a collapsed embedding loses nothing to cancellation.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reidbench.errors import FeatureError

_CHUNK_BYTES = 1 << 26  # centred gallery features at once
_BLOCK_BYTES = 1 << 26  # distances at once
_PART_ELEMENTS = 1 << 19  # features that are widened to 64 bits at once
_CENTRE_ITEMS = 1 << 10  # items whose mean is the centre


class FeatureRows:
    """The order of a gallery by Euclidean distance, for each query.

    Computes in float32 or, where one side is float64, in float64. Whole numbers are exact as long as their
    squared distances fit into 24 or 53 bits. Otherwise two different items can swap places only where their
    squared distances differ by no more than rounding: about 1e-6 (float64: 1e-15) of the product of the lengths
    of query and item, counted from the centre. Copies of an item are always equally near.

    Memory beyond the features: 64 MB of gallery features, 64 MB of distances, and small change.

    Attributes:
        place: int64 (G,), the column of `read` at which each gallery item that takes part stands.
        height: number of queries that `read` should be asked for at once.
    """

    def __init__(self, query: Tensor, gallery: Tensor, columns: Tensor, *, device: torch.device) -> None:
        """Look at the features once.

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
        dtype = torch.promote_types(query.dtype, gallery.dtype)
        self._query, self._gallery = query.to(device, dtype), gallery.to(device, dtype)
        columns = columns.to(device)
        order, is_first = _order_by_contents(self._gallery, columns)
        self.place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=device))
        self._distinct = columns[order[is_first]]
        self._copy_of = None if bool(is_first.all()) else is_first.cumsum(0) - 1
        row_bytes = dtype.itemsize * query.shape[1]
        self.height = max(1, _BLOCK_BYTES // max(row_bytes, dtype.itemsize * len(columns)))
        self._chunks = _slices(len(self._distinct), _CHUNK_BYTES // row_bytes)
        self._scale = _scale(self._query, self._gallery)
        self._centre = self._choose_centre()
        self._only_chunk: Tensor | None = None
        if len(self._chunks) == 1:
            self._only_chunk = self._centred_gallery(self._chunks[0])
        self._squares = self._squared_lengths()
        self._block = self._query.new_empty(0)

    def read(self, queries: slice) -> Tensor:
        """Return values (q, G) in the order of the distances; valid until the next call, may be overwritten.

        They are the squared distances times a constant, less the squared length of the query.
        """
        query = self._centred(self._query[queries])
        if len(self._block) < len(query):
            self._block = self._query.new_empty(len(query), len(self._distinct))
        block = self._block[: len(query)]
        for chunk in self._chunks:
            part = block[:, chunk]
            part.copy_(self._squares[chunk].expand_as(part))
            with _full_precision():
                part.addmm_(query, self._centred_gallery(chunk).T, alpha=-2)
        return block if self._copy_of is None else block.index_select(1, self._copy_of)

    def _centred(self, features: Tensor) -> Tensor:
        scaled = features if self._scale == 1.0 else features * self._scale
        return scaled - self._centre

    def _centred_gallery(self, chunk: slice) -> Tensor:
        if self._only_chunk is not None:
            return self._only_chunk
        return self._centred(self._gallery.index_select(0, self._distinct[chunk]))

    def _choose_centre(self) -> Tensor:
        """Return about the mean of the gallery; whole for whole numbers, so that these stay exact."""
        sample = self._gallery[self._distinct[:_CENTRE_ITEMS]]  # in the order of a hash: taken at random
        mean = (sample * self._scale).sum(dim=0) / max(1, len(sample))
        is_integral = _is_integral(self._query) and _is_integral(self._gallery)
        return (mean / self._scale).round_() * self._scale if is_integral else mean

    def _squared_lengths(self) -> Tensor:
        """Return the squared length (G,) of each distinct item, summed in float64."""
        squares = self._query.new_empty(len(self._distinct))
        for chunk in self._chunks:
            items, results = self._centred_gallery(chunk), squares[chunk]
            for part in _slices(len(items), _PART_ELEMENTS // items.shape[1]):
                results[part] = items[part].double().square().sum(dim=1)
        return squares


def _order_by_contents(gallery: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Order the rows by a hash of their contents, so that copies of a row stand together.

    Returns:
        The order int64 (G,) of the columns, and in this order bool (G,): the row differs from the one before.
    """
    weights = _hash_weights(gallery)
    hashes = torch.empty_like(columns)
    for part in _slices(len(columns), _PART_ELEMENTS // gallery.shape[1]):
        rows = gallery.index_select(0, columns[part]) + 0.0  # turns -0 into 0
        words = rows.view(torch.int32) * weights
        hashes[part] = words.bitwise_xor_(words >> 29).sum(dim=1)  # small whole numbers have high bits only
    hashes, order = hashes.sort()
    is_first = torch.ones_like(order, dtype=torch.bool)
    candidates = torch.nonzero(hashes[1:] == hashes[:-1]).flatten() + 1
    for part in _slices(len(candidates), _PART_ELEMENTS // gallery.shape[1]):
        here, before = columns[order[candidates[part]]], columns[order[candidates[part] - 1]]
        is_first[candidates[part]] = (gallery[here] != gallery[before]).any(dim=1)
    return order, is_first


def _hash_weights(gallery: Tensor) -> Tensor:
    """Return one odd int64 for each 32 bits of a row."""
    words = gallery.shape[1] * gallery.element_size() // 4
    random = torch.randint(-(2**63), 2**63 - 1, (words,), generator=torch.Generator().manual_seed(0))
    return (random | 1).to(gallery.device)


def _scale(query: Tensor, gallery: Tensor) -> float:
    """Return the power of two that keeps squares from overflow and underflow; 1 for all usual features."""
    largest = max(abs(float(bound)) for side in (query, gallery) for bound in torch.aminmax(side))
    exponent = math.frexp(largest)[1]
    usual, limit = (30, 120) if query.dtype == torch.float32 else (400, 1000)
    # within the limit the scale is itself a normal number
    return 1.0 if abs(exponent) <= usual else 2.0 ** -max(-limit, min(limit, exponent))


def _is_integral(features: Tensor) -> bool:
    parts = _slices(len(features), _PART_ELEMENTS // features.shape[1])
    return all(torch.equal(features[part], features[part].trunc()) for part in parts)


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
