"""Counts of the wrong items before each match, from bounds if they suffice, else from exact distances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from reidbench.evaluation.exact.distances import Block
from reidbench.evaluation.exact.float_order import (
    COLUMN_BITS,
    FARTHEST,
    codes,
    count_below,
    pack_columns,
    pack_limits,
    quotient,
    round_up,
    sort_rows,
    up_to,
)
from reidbench.evaluation.labels import Integers, Labels, People

# Pairs of the same person, and exact distances, in memory at once.
PAIR_LIMIT = 1 << 20
# If a larger share of a block precedes the last match, sorting is faster than searching.
_SPARSE_SHARE = 0.15
# Larger than any count.
_LARGEST_COUNT = 1 << 62


class Rows(Protocol):
    """A source of bounds and exact distances: `FeatureRows`, `MatrixRows` or `PairRows`.

    Attributes:
        height: best number of queries per call of `read`.
        is_exact: whether blocks have no slack.
    """

    height: int
    is_exact: bool

    def offsets(self, queries: slice) -> Tensor:
        """Return the distances of these queries less their keys, float64 (q,); called first for a block."""

    def pair_keys(self, queries: slice, people: People) -> tuple[Tensor, Tensor]:
        """Return the approximate keys of all pairs of the same person, float64 (P,), and their largest errors."""

    def read(self, queries: slice, items: slice) -> Block:
        """Return bounds of the keys of these queries and gallery items, counted without junk."""

    def exact(self, queries: Tensor, items: Tensor) -> Tensor:
        """Return the distances float64 (n,) of pairs, both int64 (n,), of one block of queries."""


class Tally:
    """Counts, for each match of a block of queries, the wrong items that are not farther.

    The matches are in a table (q, N), in the order of their approximate keys, padded with at least one inf per row. An
    item that certainly follows the i nearest matches of a query and precedes the others is counted once, in `_behind`,
    at the index of column i in the list of all numbers of the table up to the first inf of each row. If counting all
    items before a match is easier, they are added to `_before`. Items too near to a match for its bounds stay open
    until their exact distances are compared. Two matches may be in the wrong order; because the nearer one
    has no more items before it, sorting the counts corrects this.
    """

    def __init__(self, rows: Rows, labels: Labels, queries: slice) -> None:
        self._rows, self._labels, self._queries = rows, labels, queries
        # The first call for a block, in which pair scorers score.
        self._device = rows.offsets(queries).device
        people, counts = labels.people(queries), labels.matches[queries]
        self._keep_matches(people, *rows.pair_keys(queries, people), counts)
        order = np.argsort(people.item, kind="stable")
        self._same_column = people.item[order]
        self._same_row = torch.from_numpy(people.row[order]).to(self._device)
        self._counts = torch.from_numpy(counts).to(self._device)
        self._is_listed = torch.arange(self._keys.shape[1], device=self._device) <= self._counts[:, None]
        self._starts = (self._counts + 1).cumsum(dim=0) - self._counts - 1
        total = len(self._counts) + int(counts.sum())
        self._behind = torch.zeros(total, dtype=torch.int64, device=self._device)
        self._before = torch.zeros_like(self._keys, dtype=torch.int64)
        # Distances of matches, computed on first use.
        self._exact = torch.full_like(self._keys, torch.nan)
        self._open: list[tuple[Tensor, ...]] = []
        self._list: tuple[Tensor, Tensor] | None = None

    def add(self, items: slice) -> None:
        """Count these items of the gallery."""
        block = self._rows.read(self._queries, items)
        values = block.values
        begin, end = np.searchsorted(self._same_column, [items.start, items.stop])
        column = torch.from_numpy(self._same_column[begin:end] - items.start).to(self._device)
        same = self._same_row[begin:end] * values.shape[1] + column
        values.view(-1).index_fill_(0, same, torch.inf if self._rows.is_exact else FARTHEST)
        if values.dtype == torch.float32:
            limits = round_up(self._far + self._reach + block.query_slack)
            near = up_to(values, limits, share=_SPARSE_SHARE)
            if near is not None:
                self._add_few(block, items, *near)
                return
        self._add_sorted(block, items)

    def ranks(self) -> Tensor:
        """Return int64 (q, N): ascending, padded with 0."""
        self._decide_open()
        behind = torch.zeros_like(self._before).masked_scatter_(self._is_listed, self._behind)
        is_filling = self._keys.isinf()
        before = sort_rows((self._before + behind.cumsum(dim=1)).masked_fill_(is_filling, _LARGEST_COUNT))
        order = torch.arange(1, self._keys.shape[1] + 1, device=self._device)
        return (before + order).masked_fill_(is_filling, 0)

    def _keep_matches(self, people: People, keys: Tensor, slack: Tensor, counts: Integers) -> None:
        """Put the matches into tables (q, N), ascending by key; N = 2**n."""
        matched = np.flatnonzero(people.is_match)
        row = people.row[matched]
        order = np.lexsort((keys.cpu().numpy()[matched], row))
        matched, row = matched[order], row[order]
        width = 1 << int(counts.max()).bit_length()
        slot = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        slots, chosen = (torch.from_numpy(part).to(self._device) for part in (row * width + slot, matched))
        self._keys = keys.new_full((len(counts), width), torch.inf)
        self._keys.view(-1)[slots] = keys[chosen]
        self._columns = torch.zeros_like(self._keys, dtype=torch.int64)
        self._columns.view(-1)[slots] = torch.from_numpy(people.item[matched]).to(self._device)
        row_of_match = torch.from_numpy(row).to(self._device)
        self._far = keys.new_full((len(counts),), -torch.inf)
        self._far.scatter_reduce_(0, row_of_match, keys[chosen], "amax")
        self._reach = keys.new_zeros(len(counts)).scatter_reduce_(0, row_of_match, slack[chosen], "amax")

    def _exact_at(self, index: Tensor) -> Tensor:
        """Return the exact distances (n,) of matches at indices of the flattened tables."""
        flat, columns = self._exact.view(-1), self._columns.view(-1)
        for part in _parts(torch.unique(index[flat[index].isnan()]), PAIR_LIMIT):
            row = torch.div(part, self._keys.shape[1], rounding_mode="floor")
            flat[part] = self._rows.exact(row + self._queries.start, columns[part])
        return flat[index]

    def _add_few(self, block: Block, items: slice, indices: Tensor, near: Tensor) -> None:
        """Count the items with these indices and values; the other items of the block are farther than any match."""
        possible, sure = self._thresholds(block.query_slack)
        row = quotient(indices, block.values.shape[1])
        index = torch.searchsorted(possible, codes(row, near))
        if not self._rows.is_exact:
            highest = near.double() + block.item_slack.max()
            open_ = torch.nonzero(sure.index_select(0, index) < highest).view(-1)
            if len(open_):
                first, row = index[open_], row[open_]
                last = _advance(first, sure, highest[open_])
                column = indices[open_] - row * block.values.shape[1] + items.start
                self._open.append((row, column, first, last))
                index[open_] = last
        self._behind += torch.bincount(index, minlength=len(self._behind))
        if sum(len(part[0]) for part in self._open) > PAIR_LIMIT // 4:
            self._decide_open()

    def _decide_open(self) -> None:
        """Count the open items between two indices of the list, many at a time."""
        if not self._open:
            return
        row, column, first, last = (torch.cat(parts) for parts in zip(*self._open, strict=True))
        self._open.clear()
        distances = self._rows.exact(row + self._queries.start, column)
        matches = last - first
        item = torch.arange(len(row), device=row.device).repeat_interleave(matches)
        within = torch.arange(len(item), device=row.device) - (matches.cumsum(dim=0) - matches)[item]
        index = row[item] * self._keys.shape[1] + first[item] + within - self._starts[row[item]]
        is_before = distances[item] <= self._exact_at(index)
        self._before.view(-1).index_add_(0, index, is_before.long())

    def _thresholds(self, slack: Tensor) -> tuple[Tensor, Tensor]:
        """Return the limits within which items possibly (codes) and certainly precede each match, as lists."""
        if self._list is None:
            rows = torch.arange(len(self._keys), device=self._device)[:, None]
            width = (self._reach + slack)[:, None]
            possible = codes(rows, round_up(self._keys + width))
            self._list = possible[self._is_listed], (self._keys - width)[self._is_listed]
        return self._list

    def _add_sorted(self, block: Block, items: slice) -> None:
        """Count all items of the block, row by row."""
        if self._rows.is_exact:
            self._before += count_below(block.values, self._keys)
            return
        # Packed values and open pairs need several times the memory of the block.
        step = max(1, PAIR_LIMIT // block.values.shape[1])
        for start in range(0, len(block.values), step):
            self._add_packed(block, items, slice(start, min(start + step, len(block.values))))

    def _add_packed(self, block: Block, items: slice, rows: slice) -> None:
        packed = sort_rows(pack_columns(block.values[rows]))
        keys, slack = self._keys[rows], (self._reach + block.query_slack)[rows, None]
        sure = torch.searchsorted(packed, pack_limits(keys - slack - block.item_slack.max()), right=True)
        possible = torch.searchsorted(packed, pack_limits(keys + slack), right=True)
        open_ = (possible - sure).masked_fill_(keys.isinf(), 0)
        is_crowded = open_.sum(dim=1) > packed.shape[1] * _SPARSE_SHARE
        self._before[rows] += sure.masked_fill(is_crowded[:, None], 0)
        self._decide(packed, sure, open_.masked_fill_(is_crowded[:, None], 0), items, rows.start)
        for part in _parts(torch.nonzero(is_crowded).flatten(), PAIR_LIMIT // packed.shape[1]):
            self._add_exact(part + rows.start, items)

    def _decide(self, packed: Tensor, sure: Tensor, open_: Tensor, items: slice, first_row: int) -> None:
        """Compare the `open_` (q, N) items after the first `sure` ones with each match exactly."""
        row, match = torch.nonzero(open_, as_tuple=True)
        counts = open_[row, match]
        ends = counts.cumsum(dim=0)
        index = torch.arange(int(counts.sum()), device=row.device) - (ends - counts).repeat_interleave(counts)
        index += sure[row, match].repeat_interleave(counts)
        row, match = row.repeat_interleave(counts), match.repeat_interleave(counts)
        column = packed.view(torch.int64)[row, index] & COLUMN_BITS
        row += first_row
        distances = self._rows.exact(row + self._queries.start, column + items.start)
        is_before = distances <= self._exact_at(row * self._keys.shape[1] + match)
        self._before.index_put_((row, match), is_before.long(), accumulate=True)

    def _add_exact(self, row: Tensor, items: slice) -> None:
        """Count by exact distances in these rows, if bounds do not suffice."""
        width = items.stop - items.start
        column = torch.arange(items.start, items.stop, device=row.device)
        pairs = (row + self._queries.start).repeat_interleave(width), column.repeat(len(row))
        distances = self._rows.exact(*pairs).view(len(row), width)
        query_pids = torch.from_numpy(self._labels.query_pids[self._queries]).to(row.device)[row]
        gallery_pids = torch.from_numpy(self._labels.gallery_pids[items]).to(row.device)
        distances.masked_fill_(query_pids[:, None] == gallery_pids, torch.inf)
        is_match = self._keys[row].isfinite()
        matched, match = torch.nonzero(is_match, as_tuple=True)
        self._exact_at(row[matched] * self._keys.shape[1] + match)
        self._before[row] += count_below(distances, self._exact[row].masked_fill(~is_match, torch.inf))


def _parts(values: Tensor, step: int) -> Iterator[Tensor]:
    for start in range(0, len(values), max(1, step)):
        yield values[start : start + max(1, step)]


def _advance(index: Tensor, limits: Tensor, values: Tensor) -> Tensor:
    """Return the first index, from each given one on, with a limit of at least the value; limits ascend to inf."""
    index = index.clone()
    while bool((is_below := limits[index] < values).any()):
        index += is_below
    return index
