"""Counts of near-duplicate frames: between queries and gallery, and between tested and training people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reidbench.audit.data import AuditedData
from reidbench.audit.embedding import EmbeddedItems, embed_items
from reidbench.datasets import FrameWindow
from reidbench.datasets.tracklets import IntArray
from reidbench.plugin import Embeddings
from reidbench.runner.calls import make_scorer
from reidbench.runner.keys import Windows

# Bits of 63 in which the perceptual hashes of near-duplicates differ at most. Hashes of other pictures of standing
# people differ in about 25.
THRESHOLD = 3
# Tracklets of each side whose distances are in memory at once.
BLOCK = 256


@dataclass(frozen=True, kw_only=True)
class DuplicateCounts:
    """Near-duplicates in the first trial.

    Attributes:
        queries: number of queries.
        with_same_person: queries with a near-duplicate among the gallery items of their person that may match.
        with_other_person: queries with a near-duplicate among the gallery items of other people.
        tested: number of tested tracklets.
        in_training: tested tracklets with a near-duplicate among the training tracklets; None if another dataset is
            trained on.
    """

    queries: int
    with_same_person: int
    with_other_person: int
    tested: int
    in_training: int | None


def count_duplicates(
    data: AuditedData, embedded: EmbeddedItems, windows: Windows, *, shown: bool
) -> DuplicateCounts:
    """Count near-duplicates in the first trial, by the distances of the audit of near-duplicates."""
    trial, table = data.trials[0], data.contents.table
    same = other = 0
    tested: set[tuple[int, FrameWindow]] = set()
    for side in trial.sides:
        query = embedded.select(side.query, windows.query)
        gallery = embedded.select(side.gallery, windows.gallery)
        is_person = table.pids[side.query][:, None] == table.pids[side.gallery]
        is_camera = table.camids[side.query][:, None] == table.camids[side.gallery]
        same += int(_find_near(embedded, query, gallery, is_person & ~is_camera).sum())
        other += int(_find_near(embedded, query, gallery, ~is_person).sum())
        tested |= {(row, windows.query) for row in side.query.tolist()}
        tested |= {(row, windows.gallery) for row in side.gallery.tolist()}
    rows = np.array(sorted({row for row, _ in tested if table.pids[row] > 0}), dtype=np.int64)
    return DuplicateCounts(
        queries=trial.queries,
        with_same_person=same,
        with_other_person=other,
        tested=len(rows),
        in_training=_count_in_training(data, embedded, rows, shown=shown) if data.trains_on_tested else None,
    )


def _count_in_training(data: AuditedData, embedded: EmbeddedItems, rows: IntArray, *, shown: bool) -> int:
    """Return how many rows have a near-duplicate among the training rows of the first trial; complete tracklets."""
    window = FrameWindow()
    items = [(row, window) for row in sorted({*rows.tolist(), *data.trials[0].train.tolist()})]
    name = embedded.method.name
    complete = embed_items({name: embedded.method}, data.contents, items, shown=shown)[name]
    first, second = complete.select(rows, window), complete.select(data.trials[0].train, window)
    is_other = np.ones((len(rows), len(data.trials[0].train)), dtype=bool)
    return int(_find_near(embedded, first, second, is_other).sum())


def _find_near(
    embedded: EmbeddedItems, first: Embeddings, second: Embeddings, is_counted: NDArray[np.bool_]
) -> Tensor:
    """Return whether each first item (Q,) has a near-duplicate among the counted second items (Q, G)."""
    scorer = make_scorer(embedded.method, first, second)
    found = torch.zeros(len(first), dtype=torch.bool)
    for start in range(0, len(first), BLOCK):
        rows = slice(start, min(start + BLOCK, len(first)))
        for left in range(0, len(second), BLOCK):
            columns = slice(left, min(left + BLOCK, len(second)))
            is_near = scorer(rows, columns) <= THRESHOLD
            found[rows] |= (is_near & torch.from_numpy(is_counted[rows, columns])).any(1)
    return found
