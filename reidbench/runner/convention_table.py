"""The figures of a feature file under every convention, as rows of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from reidbench.datasets import DatasetContents
from reidbench.datasets.tracklets import IntArray
from reidbench.errors import FeatureError
from reidbench.evaluation import Convention, Scores, Search, conventions
from reidbench.evaluation.labels import JUNK
from reidbench.features import Search as StoredSearch
from reidbench.protocols.trials import Sides
from reidbench.runner.label_check import find_query_rows

# Figures that both a convention and the protocol have.
COMPARED = ("rank1", "rank5", "rank10", "rank20", "map", "minp")
_RULES = ("average_precision", "unmatched", "cmc")


def convention_table(
    search: Search,
    scores: Scores,
    stored: StoredSearch,
    side: Sides | None,
    contents: DatasetContents | None,
) -> list[dict[str, Any]]:
    """Return one row per convention, in JSON types.

    A row has the fields of `Convention` without its curve; `differs`, the names of the figures that differ from the
    protocol's; and `reason`, why the figures are null, or null.

    Args:
        search: labels and distances.
        scores: of the same search under the rules of the protocol.
        stored: the search as its file has it.
        side: the protocol's rows, None without a protocol.
        contents: the protocol's dataset, None without a protocol.
    """
    rows: IntArray | None = None
    reasons: dict[str, str] = {}
    try:
        rows = find_query_rows(stored, side, None if contents is None else contents.table)
    except FeatureError as error:
        reasons["queries-removed"] = str(error)
    if contents is not None and not (np.asarray(search.labels.given_pids) == JUNK).any():
        junk = int((contents.table.pids == JUNK).sum())
        if junk:
            reasons["junk-kept"] = (
                f"the gallery has no junk (person {JUNK}), but the dataset has {junk:,}; add it to the gallery"
            )
    table = [_row(convention, scores) for convention in conventions(search, query_rows=rows)]
    return table + _missing_rows(table, reasons)


def _row(convention: Convention, scores: Scores) -> dict[str, Any]:
    """Return a convention with null for undefined figures, and the names of those that differ from the scores."""
    fields = asdict(convention)
    del fields["curve"]
    differs = [name for name in COMPARED if not _is_same(fields[name], scores.figure(name))]
    plain = {name: None if value != value else value for name, value in fields.items()}
    return {**plain, "differs": differs, "reason": None}


def _is_same(first: float, second: float) -> bool:
    """Compare two means of the same values, whose sums may be rounded differently."""
    return math.isclose(first, second, rel_tol=0, abs_tol=1e-9) or (math.isnan(first) and math.isnan(second))


def _missing_rows(table: list[dict[str, Any]], reasons: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a row without figures for each rule of each gallery that cannot be ranked."""
    return [
        {
            **dict.fromkeys(row),
            **{name: row[name] for name in (*_RULES, "used_by")},
            "name": "/".join((gallery, *(row[name] for name in _RULES))),
            "gallery": gallery,
            "differs": [],
            "reason": reason,
        }
        for gallery, reason in reasons.items()
        for row in table
        if row["gallery"] == "given"
    ]
