"""Counts of the wrong items before each match, from bounds if they suffice, else from exact distances."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from reidbench.evaluation.exact.float_order import (
    FARTHEST,
    SortedList,
    SortedTable,
    count_below,
    ranges,
    round_down,
    sort,
    up_to,
)
from reidbench.evaluation.exact.rows import Block, Rows
from reidbench.evaluation.labels import Companions, Integers, Labels

# Pairs of the same person, and exact distances, in memory at once.
PAIR_LIMIT = 1 << 20
# If a larger share of a block precedes the last match, sorting all of it is faster than selecting.
_SPARSE_SHARE = 0.15
# Larger than any count.
_LARGEST_COUNT = 1 << 62


class Tally:
    """Counts, for each match of a block of queries, the wrong items that are not farther.

    The matches are in a table (q, N), in the order of their approximate keys, padded with inf. Items too near to a
    match for its bounds stay open until their distances are compared. Two matches may be in the wrong order; because
    the nearer one has no more items before it, sorting the counts corrects this.
    """

    def __init__(self, rows: Rows, labels: Labels, queries: slice) -> None:
        self._rows, self._labels, self._queries = rows, labels, queries
        # The first call for a block, in which pair scorers score.
        offsets = rows.offsets(queries)
        self._device = offsets.device
        pairs = labels.companions(queries)
        self._keep_matches(pairs, offsets, labels.matches[queries])
        order = np.argsort(pairs.column, kind="stable")
        self._same_column = pairs.column[order]
        self._same_row = torch.from_numpy(pairs.row[order]).to(self._device)
        self._before = torch.zeros_like(self._keys, dtype=torch.int64)
        # Distances of matches, computed on first use.
        self._exact = torch.full_like(self._keys, torch.nan)
        # Rows, items and matches of pairs that are not decided yet.
        self._open: list[tuple[Tensor, Tensor, Tensor]] = []
        self._open_pairs = 0
        self._is_sparse = True
        self._memory = self._matches.new_empty(0)

    def add(self, items: slice) -> None:
        """Count these items of the gallery."""
        block = self._rows.read(self._queries, items)
        values, width = block.values, items.stop - items.start
        begin, end = np.searchsorted(self._same_column, [items.start, items.stop])
        column = torch.from_numpy(self._same_column[begin:end] - items.start).to(self._device)
        same = self._same_row[begin:end] * width + column
        values.view(-1).index_fill_(0, same, torch.inf if self._rows.is_exact else FARTHEST)
        if self._is_sparse and values.dtype == torch.float32:
            limits = -round_down(-(self._far + self._slack + block.query_slack))
            near = up_to(values, limits, share=_SPARSE_SHARE)
            if near is not None:
                self._count(SortedList(*near, *values.shape), block, items)
                return
            # The other blocks are similar.
            self._is_sparse = False
        if self._rows.is_exact:
            self._before += count_below(values, self._keys)
            return
        if self._memory.numel() < values.numel():
            self._memory = values.new_empty(values.numel(), dtype=torch.float64)
        self._count(SortedTable(values, self._memory), block, items)

    def ranks(self) -> Tensor:
        """Return int64 (q, N): ascending, padded with 0."""
        self._decide_open()
        is_filling = self._keys.isinf()
        before = sort(self._before.masked_fill_(is_filling, _LARGEST_COUNT))
        order = torch.arange(1, self._keys.shape[1] + 1, device=self._device)
        return (before + order).masked_fill_(is_filling, 0)

    def _keep_matches(self, pairs: Companions, offsets: Tensor, counts: Integers) -> None:
        """Put the matches into tables (q, N), ascending by distance."""
        row, column = (
            torch.from_numpy(side[pairs.is_match]).to(self._device) for side in (pairs.row, pairs.column)
        )
        distances, slack = self._rows.close(row + self._queries.start, column)
        slot = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        index = row * int(counts.max()) + torch.from_numpy(slot).to(self._device)
        self._matches = offsets.new_full((len(counts), int(counts.max())), torch.inf)
        self._columns = torch.zeros_like(self._matches, dtype=torch.int64)
        self._matches.view(-1)[index], self._columns.view(-1)[index] = distances, column
        self._slack = offsets.new_zeros(len(counts)).scatter_reduce_(0, row, slack, "amax")
        self._matches, order = self._matches.sort(dim=1)
        self._columns = self._columns.gather(1, order)
        self._keys = self._matches - offsets[:, None]
        # Without a match, no item is near enough.
        self._far = self._keys.masked_fill(self._keys.isinf(), -torch.inf).amax(dim=1)

    def _count(self, found: SortedList | SortedTable, block: Block, items: slice) -> None:
        """Count these items; those that were not found are farther than any match."""
        slack, width = (self._slack + block.query_slack)[:, None], items.stop - items.start
        limits = torch.cat([self._keys - slack - block.item_slack.max(), self._keys + slack], dim=1)
        sure, possible = found.count(limits).chunk(2, dim=1)
        open_ = (possible - sure).masked_fill_(self._keys.isinf(), 0)
        is_crowded = open_.sum(dim=1) > width * _SPARSE_SHARE
        self._before += (sure - found.starts[:, None]).masked_fill_(is_crowded[:, None], 0)
        row, match = torch.nonzero(open_.masked_fill_(is_crowded[:, None], 0), as_tuple=True)
        if len(row):
            counts = open_[row, match]
            column = found.columns(ranges(sure[row, match], counts)) + items.start
            self._open.append((row.repeat_interleave(counts), column, match.repeat_interleave(counts)))
            self._open_pairs += len(column)
        if self._open_pairs > PAIR_LIMIT // 4:
            self._decide_open()
        if is_crowded.any():
            for part in torch.split(torch.nonzero(is_crowded).view(-1), max(1, PAIR_LIMIT // width)):
                self._add_exact(part, items)

    def _decide_open(self) -> None:
        """Count the open items of all blocks so far."""
        if not self._open:
            return
        row, column, match = (torch.cat(parts) for parts in zip(*self._open, strict=True))
        self._open.clear()
        self._open_pairs = 0
        match += row * self._keys.shape[1]
        queries = row + self._queries.start
        distances, slack = self._rows.close(queries, column)
        margin = self._matches.view(-1)[match] - distances
        is_before = margin > 0
        unsure = torch.nonzero(margin.abs() <= slack + self._slack[row]).view(-1)
        exact = self._rows.exact(queries[unsure], column[unsure])
        is_before[unsure] = exact <= self._exact_at(match[unsure])
        self._before.view(-1).index_add_(0, match, is_before.long())

    def _exact_at(self, index: Tensor) -> Tensor:
        """Return the exact distances (n,) of matches at indices of the flattened tables."""
        flat, columns = self._exact.view(-1), self._columns.view(-1)
        for part in torch.split(torch.unique(index[flat[index].isnan()]), PAIR_LIMIT):
            flat[part] = self._rows.exact(part // self._keys.shape[1] + self._queries.start, columns[part])
        return flat[index]

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
