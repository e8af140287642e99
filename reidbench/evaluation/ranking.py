"""Exact ranks by counting.

The i-th nearest match of a query stands at rank r_i = i + the number of wrong items that are not farther than it:
ties count against the method. So only the matches need ranks, and the distance matrix never exists as a whole:
blocks of bounds say for almost every item which matches it stands before, and exact distances say it for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from reidbench.evaluation.distances import Block
from reidbench.evaluation.labels import Integers, Labels

_BLOCK_ELEMENTS = 1 << 21  # bounds that are looked at together
_PAIR_LIMIT = 1 << 20  # pairs of the same person, and exact distances, that are held at once
_SPARSE_SHARE = (
    0.15  # of a block; where more items stand before the last match, sorting is faster than searching
)
_FARTHEST = torch.finfo(torch.float32).max  # stands for an item that does not take part
_THREAD_ELEMENTS = 1 << 16  # values worth a thread of their own
_COLUMNS = (1 << 29) - 1  # the bits that a float64 has more than the float32 whose value it holds


class Rows(Protocol):
    """Where blocks of bounds and exact distances come from: `FeatureRows`, `MatrixRows` or `PairRows`.

    Attributes:
        height: number of queries that `read` should be asked for at once.
        is_exact: whether blocks have no slack.
    """

    height: int
    is_exact: bool

    def offsets(self, queries: slice) -> Tensor:
        """Return the distances of these queries less their keys, float64 (q,); called first for a block."""

    def read(self, queries: slice, items: slice) -> Block:
        """Return bounds of the keys of these queries and gallery items, counted without junk."""

    def exact(self, queries: Tensor, items: Tensor) -> Tensor:
        """Return the distances float64 (n,) of pairs, both int64 (n,), of one block of queries."""


def rank_blocks(rows: Rows, labels: Labels) -> Iterator[Tensor]:
    """Rank the matches of all queries, a block of queries at a time and in their order.

    Yields:
        int64 (b, N) on the CPU: the ranks of each query's matches, ascending, filled up with 0.
    """
    for queries in _query_blocks(rows.height, labels):
        if not labels.matches[queries].any():  # no match, no rank; also where all of the gallery is junk
            yield torch.zeros(queries.stop - queries.start, 0, dtype=torch.int64)
            continue
        tally = _Tally(rows, labels, queries)
        width = 1 << max(1, _BLOCK_ELEMENTS // (queries.stop - queries.start)).bit_length() - 1
        for start in range(0, len(labels.kept), width):
            tally.add(slice(start, min(start + width, len(labels.kept))))
        yield tally.ranks().cpu()


def _query_blocks(height: int, labels: Labels) -> Iterator[slice]:
    """Divide the queries so that a table of a block's pairs stays small."""
    start, total = 0, len(labels.query_pids)
    while start < total:
        widest = np.maximum.accumulate(labels.same_person[start : start + height])
        fitting = np.count_nonzero(widest * np.arange(1, len(widest) + 1) <= _PAIR_LIMIT)
        stop = start + max(1, int(fitting))
        yield slice(start, stop)
        start = stop


class _Tally:
    """Counts, for each match of a block of queries, the wrong items that are not farther.

    Matches stand in a table (q, N), ascending and filled up with inf, of which there is at least one in each row. An
    item that stands behind the i nearest matches of a query and before the others is counted once, in `_behind`, at
    the place that column i has in the list of all numbers of the table up to the first inf of each row. Where it is
    easier to count all items before a match, they are added to `_before`.
    """

    def __init__(self, rows: Rows, labels: Labels, queries: slice) -> None:
        self._rows, self._labels, self._queries = rows, labels, queries
        offsets = rows.offsets(queries)  # first: pair scorers score here
        self._device = offsets.device
        pairs, counts = labels.companions(queries), labels.matches[queries]
        self._exact = self._match_distances(pairs.row[pairs.is_match], pairs.column[pairs.is_match], counts)
        self._keys = self._exact - offsets[:, None]
        self._far = self._keys.masked_fill(self._keys.isinf(), -torch.inf).amax(dim=1)
        order = np.argsort(pairs.column, kind="stable")
        self._same_column = pairs.column[order]
        self._same_row = torch.from_numpy(pairs.row[order]).to(self._device)
        self._counts = torch.from_numpy(counts).to(self._device)
        self._is_listed = torch.arange(self._keys.shape[1], device=self._device) <= self._counts[:, None]
        self._starts = (self._counts + 1).cumsum(dim=0) - self._counts - 1
        self._behind = torch.zeros(
            len(self._counts) + int(counts.sum()), dtype=torch.int64, device=self._device
        )
        self._before = torch.zeros_like(self._keys, dtype=torch.int64)
        self._open: list[tuple[Tensor, Tensor]] = []
        self._list: tuple[Tensor, Tensor] | None = None

    def add(self, items: slice) -> None:
        """Count these items of the gallery."""
        block = self._rows.read(self._queries, items)
        values = block.values
        begin, end = np.searchsorted(self._same_column, [items.start, items.stop])
        column = torch.from_numpy(self._same_column[begin:end] - items.start).to(self._device)
        same = self._same_row[begin:end] * values.shape[1] + column
        values.view(-1).index_fill_(0, same, torch.inf if self._rows.is_exact else _FARTHEST)
        if values.dtype == torch.float32:
            places = _places(values <= _round_up(self._far + block.query_slack)[:, None])
            if len(places) <= _SPARSE_SHARE * values.numel():
                self._add_few(block, items, places)
                return
        self._add_sorted(block, items)

    def ranks(self) -> Tensor:
        """Return int64 (q, N): ascending, filled up with 0."""
        self._decide_open()
        behind = torch.zeros_like(self._before).masked_scatter_(self._is_listed, self._behind)
        order = torch.arange(1, self._keys.shape[1] + 1, device=self._device)
        return (self._before + behind.cumsum(dim=1) + order).masked_fill_(self._exact.isinf(), 0)

    def _match_distances(self, row: Integers, column: Integers, counts: Integers) -> Tensor:
        """Return the exact distances of the matches, float64 (q, N) ascending, filled up with inf; N = 2**n."""
        slot = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        width = 1 << int(counts.max()).bit_length()
        table = torch.full((len(counts) * width,), torch.inf, dtype=torch.float64, device=self._device)
        queries = torch.from_numpy(row + self._queries.start).to(self._device)
        distances = self._rows.exact(queries, torch.from_numpy(column).to(self._device))
        table[torch.from_numpy(row * width + slot).to(self._device)] = distances
        return table.view(-1, width).sort(dim=1).values

    def _add_few(self, block: Block, items: slice, places: Tensor) -> None:
        """Count the items at these places of the flattened block; all others are farther than any match."""
        codes, sure = self._thresholds(block.query_slack)
        row = _quotient(places, block.values.shape[1])
        value = block.values.view(-1).index_select(0, places)
        index = torch.searchsorted(codes, _codes(row, value))
        if not self._rows.is_exact:
            is_open = sure.index_select(0, index) < value.double() + block.item_slack.max()
            open_ = _places(is_open)
            self._open.append((row[open_], places[open_] - row[open_] * block.values.shape[1] + items.start))
            index = index[~is_open] if len(open_) else index
        self._behind += torch.bincount(index, minlength=len(self._behind))
        if sum(len(row) for row, _ in self._open) > _PAIR_LIMIT // 4:
            self._decide_open()

    def _decide_open(self) -> None:
        """Count the items that were left open by their exact distances, many at a time."""
        if self._open:
            row, column = (torch.cat(parts) for parts in zip(*self._open, strict=True))
            distances = self._rows.exact(row + self._queries.start, column)
            index = self._starts[row] + _search(self._exact, row, distances)
            self._behind += torch.bincount(index, minlength=len(self._behind))
            self._open.clear()

    def _thresholds(self, slack: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far items may come (codes) and surely come before each match, in one list."""
        if self._list is None:
            rows = torch.arange(len(self._keys), device=self._device)[:, None]
            codes = _codes(rows, _round_up(self._keys + slack[:, None]))
            self._list = codes[self._is_listed], (self._keys - slack[:, None])[self._is_listed]
        return self._list

    def _add_sorted(self, block: Block, items: slice) -> None:
        """Count all items of the block, row by row."""
        if self._rows.is_exact:
            self._before += _count(block.values, self._keys)
            return
        packed = _sort_rows(_pack_columns(block.values))
        keys, slack = self._keys[:, : int(self._counts.max())], block.query_slack[:, None]
        sure = torch.searchsorted(packed, _packed_limits(keys - slack - block.item_slack.max()), right=True)
        possible = torch.searchsorted(packed, _packed_limits(keys + slack), right=True)
        open_ = (possible - sure).masked_fill_(keys.isinf(), 0)
        is_crowded = open_.sum(dim=1) > packed.shape[1] * _SPARSE_SHARE
        self._before[:, : sure.shape[1]] += sure.masked_fill(is_crowded[:, None], 0)
        self._decide(packed, sure, open_.masked_fill_(is_crowded[:, None], 0), items)
        for part in _parts(torch.nonzero(is_crowded).flatten(), _PAIR_LIMIT // packed.shape[1]):
            self._add_exact(part, items)

    def _decide(self, packed: Tensor, sure: Tensor, open_: Tensor, items: slice) -> None:
        """Compare the `open_` (q, N) items after the first `sure` ones with each match exactly."""
        row, match = torch.nonzero(open_, as_tuple=True)
        counts = open_[row, match]
        ends = counts.cumsum(dim=0)
        place = torch.arange(int(counts.sum()), device=row.device) - (ends - counts).repeat_interleave(counts)
        place += sure[row, match].repeat_interleave(counts)
        row, match = row.repeat_interleave(counts), match.repeat_interleave(counts)
        column = packed.view(torch.int64)[row, place] & _COLUMNS
        distances = self._rows.exact(row + self._queries.start, column + items.start)
        is_before = distances <= self._exact[row, match]
        self._before.index_put_((row, match), is_before.long(), accumulate=True)

    def _add_exact(self, row: Tensor, items: slice) -> None:
        """Count by exact distances in these rows, where bounds tell too little."""
        width = items.stop - items.start
        column = torch.arange(items.start, items.stop, device=row.device)
        pairs = (row + self._queries.start).repeat_interleave(width), column.repeat(len(row))
        distances = self._rows.exact(*pairs).view(len(row), width)
        query_pids = torch.from_numpy(self._labels.query_pids[self._queries]).to(row.device)[row]
        gallery_pids = torch.from_numpy(self._labels.gallery_pids[items]).to(row.device)
        distances.masked_fill_(query_pids[:, None] == gallery_pids, torch.inf)
        self._before[row] += _count(distances, self._exact[row])


def _parts(values: Tensor, step: int) -> Iterator[Tensor]:
    for start in range(0, len(values), max(1, step)):
        yield values[start : start + max(1, step)]


def _places(mask: Tensor) -> Tensor:
    """Return the places of True in the flattened mask; on a CPU by NumPy, which is several times as fast."""
    if mask.device.type != "cpu":
        return torch.nonzero(mask.view(-1)).view(-1)
    return torch.from_numpy(np.flatnonzero(mask.numpy()))


def _search(table: Tensor, row: Tensor, value: Tensor) -> Tensor:
    """Return how many numbers of its row are below each value.

    Args:
        table: (q, N), rows ascending; N a power of two, the last number not below any value.
        row: int64 (n,).
        value: (n,).
    """
    flat, start = table.view(-1), row * table.shape[1] - 1
    count = torch.zeros_like(row)
    step = table.shape[1] // 2
    while step:
        count += step * (flat[start + (count + step)] < value)
        step //= 2
    return count


def _round_up(values: Tensor) -> Tensor:
    """Return float32 numbers that are not below these float64 ones."""
    rounded = values.float()
    return torch.where(rounded < values, torch.nextafter(rounded, rounded.new_tensor(torch.inf)), rounded)


def _quotient(places: Tensor, width: int) -> Tensor:
    shift = width.bit_length() - 1
    return places >> shift if width == 1 << shift else torch.div(places, width, rounding_mode="floor")


def _codes(row: Tensor, values: Tensor) -> Tensor:
    """Return int64 numbers in the order of the row and, within a row, of the float32 values."""
    bits = (values + 0.0).view(torch.int32)  # turns -0 into 0
    return (row << 32) + (bits ^ ((bits >> 31) & 0x7FFFFFFF))


def _count(values: Tensor, bounds: Tensor) -> Tensor:
    """Count, in each row of values (q, G), overwritten, those not above each bound (q, N)."""
    return torch.searchsorted(_sort_rows(values), bounds.to(values.dtype), right=True)


def _pack_columns(values: Tensor) -> Tensor:
    """Widen float32 (q, g) to float64 and write the column into the bits that are left, which keeps the order."""
    packed = values.double()
    packed.view(torch.int64).bitwise_or_(torch.arange(values.shape[1], device=values.device))
    return packed


def _packed_limits(limits: Tensor) -> Tensor:
    """Return the packed numbers (q, N) that float32 values of any column do not exceed unless they exceed limits."""
    values = limits.clamp(max=_FARTHEST).float()
    values = torch.where(values > limits, torch.nextafter(values, values.new_tensor(-torch.inf)), values)
    packed = values.double() + 0.0  # turns -0 into 0
    packed.view(torch.int64).bitwise_or_(torch.where(values >= 0, _COLUMNS, 0))
    return packed


def _sort_rows(values: Tensor) -> Tensor:
    """Sort each row, maybe in place; on a CPU by NumPy, whose vectorised sort is many times as fast."""
    if values.device.type != "cpu":
        return values.sort(dim=1).values
    threads = min(torch.get_num_threads(), values.numel() // _THREAD_ELEMENTS)
    if threads < 2:
        values.numpy().sort(axis=1)
        return values
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: part.sort(axis=1), np.array_split(values.numpy(), threads)))
    return values
