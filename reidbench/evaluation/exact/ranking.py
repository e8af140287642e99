"""Exact ranks by counting.

The i-th nearest match of a query has the rank r_i = i + the number of wrong items that are not farther: ties count
against the method. Only the matches need ranks, so the complete distance matrix is never needed: bounds decide for
almost every item which matches it precedes, and exact distances decide for the others.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from reidbench.evaluation.exact.tally import PAIR_LIMIT, Rows, Tally
from reidbench.evaluation.labels import Labels

# Bounds per block; larger blocks have less overhead.
_BLOCK_ELEMENTS = 1 << 23


def rank_blocks(rows: Rows, labels: Labels) -> Iterator[Tensor]:
    """Rank the matches of all queries, a block of queries at a time and in their order.

    Yields:
        int64 (b, N) on the CPU: the ranks of each query's matches, ascending, padded with 0.
    """
    for queries in _query_blocks(rows.height, labels):
        # Without a match there are no ranks.
        if not labels.matches[queries].any():
            yield torch.zeros(queries.stop - queries.start, 0, dtype=torch.int64)
            continue
        tally = Tally(rows, labels, queries)
        width = 1 << max(1, _BLOCK_ELEMENTS // (queries.stop - queries.start)).bit_length() - 1
        for start in range(0, len(labels.kept), width):
            tally.add(slice(start, min(start + width, len(labels.kept))))
        yield tally.ranks().cpu()


def _query_blocks(height: int, labels: Labels) -> Iterator[slice]:
    """Divide the queries so that a table of a block's pairs stays small."""
    start, total = 0, len(labels.query_pids)
    while start < total:
        widest = np.maximum.accumulate(labels.same_person[start : start + height])
        fitting = np.count_nonzero(widest * np.arange(1, len(widest) + 1) <= PAIR_LIMIT)
        stop = start + max(1, int(fitting))
        yield slice(start, stop)
        start = stop
