"""Exact ranks by counting.

The i-th nearest match of a query stands at rank r_i = i + the number of wrong items that are not farther than it:
ties count against the method. So only the matches need ranks. The distances of a row are sorted without their
labels, each match is then one binary search, and the distance matrix never exists as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from reidbench.evaluation.labels import Labels

_BLOCK_ELEMENTS = 1 << 21  # distances that are ranked at once
_THREAD_ELEMENTS = 1 << 16  # distances worth a thread of their own


class Rows(Protocol):
    """Where distances come from: `FeatureRows`, `MatrixRows` or `PairRows`."""

    place: Tensor
    height: int

    def read(self, queries: slice) -> Tensor:
        """Return distances (q, G) to the gallery without junk; the caller may overwrite them."""


def rank_blocks(rows: Rows, labels: Labels) -> Iterator[Tensor]:
    """Rank the matches of all queries, a block of queries at a time and in their order.

    Yields:
        int64 (b, N) on the CPU: the ranks of each query's matches, ascending, filled up with 0.
    """
    step = max(1, min(rows.height, _BLOCK_ELEMENTS // max(1, len(labels.kept))))
    total = len(labels.query_pids)
    for start in range(0, total, rows.height):
        stop = min(start + rows.height, total)
        if not labels.matches[start:stop].any():  # no match, no rank; also where all of the gallery is junk
            yield torch.zeros(stop - start, 0, dtype=torch.int64)
            continue
        distances = rows.read(slice(start, stop))
        for begin in range(start, stop, step):
            queries = slice(begin, min(begin + step, stop))
            block = distances[begin - start : queries.stop - start]
            matches = _take_matches(block, rows.place, labels, queries)
            yield _rank(matches, block).cpu()


def _take_matches(distances: Tensor, place: Tensor, labels: Labels, queries: slice) -> Tensor:
    """Take the matches and the junk out of a block of distances (b, G), leaving inf.

    Returns:
        (b, N), the distances of the matches of each query, ascending and filled up with inf.
    """
    pairs = labels.companions(queries)
    row, column, is_match = (
        torch.from_numpy(part).to(distances.device) for part in (pairs.row, pairs.column, pairs.is_match)
    )
    column = place.to(distances.device)[column]
    counts = labels.matches[queries]
    slot = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    matches = distances.new_full((len(counts), int(counts.max(initial=0))), torch.inf)
    matches[row[is_match], torch.from_numpy(slot).to(distances.device)] = distances[row, column][is_match]
    distances[row, column] = torch.inf
    return matches.sort(dim=1).values


def _rank(matches: Tensor, wrong: Tensor) -> Tensor:
    """Rank matches (b, N) among the wrong items (b, G), which are overwritten; inf is nothing in both."""
    nearer = torch.searchsorted(_sort_rows(wrong), matches, right=True)  # right: an equal one stands before
    order = torch.arange(1, matches.shape[1] + 1, device=matches.device)
    return (nearer + order).masked_fill_(torch.isinf(matches), 0)


def _sort_rows(values: Tensor) -> Tensor:
    """Sort each row in place; on a CPU by NumPy, whose vectorised sort is many times as fast."""
    if values.device.type != "cpu":
        return values.sort(dim=1).values
    threads = min(torch.get_num_threads(), values.numel() // _THREAD_ELEMENTS)
    if threads < 2:
        values.numpy().sort(axis=1)
        return values
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: part.sort(axis=1), np.array_split(values.numpy(), threads)))
    return values
