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

from reidbench.evaluation.exact.distances import FeatureRows, full_precision
from reidbench.evaluation.exact.rows import Rows
from reidbench.evaluation.exact.tally import PAIR_LIMIT, Tally
from reidbench.evaluation.exact.threads import map_in_threads
from reidbench.evaluation.labels import Integers, Labels

# Bounds per block on a CPU, where the block of each thread stays in a cache, and elsewhere.
_BLOCK_ELEMENTS = 1 << 20
_DEVICE_ELEMENTS = 1 << 23
# Queries per block on a CPU; more do not make a matrix product faster.
_BLOCK_QUERIES = 512


def rank_blocks(rows: Rows, labels: Labels) -> Iterator[tuple[Integers, Tensor]]:
    """Rank the matches of all queries, a block of queries at a time.

    Yields:
        int64 (b,), the queries, and int64 (b, N) on the CPU, the ranks of their matches, ascending, padded with 0.
    """
    total, width = len(labels.query_pids), len(labels.kept)
    order = np.arange(total)
    if isinstance(rows, FeatureRows):
        # Consecutive queries of a person share the items of that person.
        order = np.argsort(labels.query_pids, kind="stable")
        labels = labels.reorder(order)
        rows.reorder(order)
        rows.prepare()
    threads, height, elements = 1, rows.height, _DEVICE_ELEMENTS
    if rows.threads > 0:
        threads = max(1, min(rows.threads, total, total * width // _BLOCK_ELEMENTS))
        # As few blocks per thread as possible, of equal size.
        blocks = threads * -(-total // (threads * _BLOCK_QUERIES))
        height, elements = min(height, -(-total // blocks)), _BLOCK_ELEMENTS

    def rank(queries: slice) -> tuple[Integers, Tensor]:
        with torch.no_grad():
            return order[queries], _rank(rows, labels, queries, elements)

    with full_precision():
        yield from map_in_threads(rank, _query_blocks(height, labels), threads)


def _rank(rows: Rows, labels: Labels, queries: slice, elements: int) -> Tensor:
    # Without a match there are no ranks.
    if not labels.matches[queries].any():
        return torch.zeros(queries.stop - queries.start, 0, dtype=torch.int64)
    tally = Tally(rows, labels, queries)
    width = 1 << max(1, elements // (queries.stop - queries.start)).bit_length() - 1
    for start in range(0, len(labels.kept), width):
        tally.add(slice(start, min(start + width, len(labels.kept))))
    return tally.ranks().cpu()


def _query_blocks(height: int, labels: Labels) -> Iterator[slice]:
    """Divide the queries so that a table of a block's pairs stays small."""
    start, total = 0, len(labels.query_pids)
    while start < total:
        widest = np.maximum.accumulate(labels.same_person[start : start + height])
        fitting = np.count_nonzero(widest * np.arange(1, len(widest) + 1) <= PAIR_LIMIT)
        stop = start + max(1, int(fitting))
        yield slice(start, stop)
        start = stop
