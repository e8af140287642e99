"""Comparison of per-query values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reidbench.evaluation import Scores
from reidbench.records.check import TOLERANCE, Difference


def compare_scores(stored: Sequence[Scores], computed: Sequence[Scores], seed: int) -> Iterator[Difference]:
    """Yield one difference per trial and column: that of the first query, and how many more there are.

    Args:
        stored: scores of the trials of a seed, from the per-query file of a record.
        computed: scores of the same trials.
        seed: training seed, for the names of differences.
    """
    if len(stored) != len(computed):
        yield Difference(f"number of trials of seed {seed}", len(stored), len(computed))
        return
    for trial, (one, other) in enumerate(zip(stored, computed, strict=True)):
        source = f"seed {seed}, trial {trial}"
        if one.queries != other.queries or one.gallery != other.gallery:
            sizes = [f"{part.queries} queries, {part.gallery} gallery items" for part in (one, other)]
            yield Difference(f"{source}: size", *sizes)
            continue
        yield from _compare_columns(one, other, source)


def _compare_columns(stored: Scores, computed: Scores, source: str) -> Iterator[Difference]:
    one, other = stored.to_table(), computed.to_table()
    # The files of schema 1 do not have the chance of each query.
    optional = {"chance"} if stored.chances is None else set()
    for name in [name for name in dict.fromkeys((*one.columns, *other.columns)) if name not in optional]:
        if name not in one.columns or name not in other.columns:
            found = ["present" if name in table.columns else "missing" for table in (one, other)]
            yield Difference(f"{source}: column {name}", *found)
            continue
        values, expected = one[name].to_numpy(), other[name].to_numpy()
        is_equal = np.isclose(values, expected, rtol=0, atol=TOLERANCE, equal_nan=True)
        rows = np.flatnonzero(~is_equal)
        if len(rows):
            more = f" and {len(rows) - 1} more queries" if len(rows) > 1 else ""
            row = int(rows[0])
            yield Difference(
                f"{source}, query {row}{more}: {name}", _value(values[row]), _value(expected[row])
            )


def _value(number: Any) -> float | None:
    return None if number != number else number.item()
