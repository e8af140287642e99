"""The figures of one trial, and the functions that compute them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from reidbench.errors import ConfigError, FeatureError, quote
from reidbench.evaluation import precision
from reidbench.evaluation.exact import rank_blocks
from reidbench.evaluation.inputs import Values
from reidbench.evaluation.labels import Labels
from reidbench.evaluation.search import Search, make_search

Unmatched: TypeAlias = Literal["exclude", "miss"]
"""The rule for queries without an admissible match: excluded from the means, or counted as 0."""

PER_QUERY_COLUMNS = ("pid", "camid", "ap", "ap_trapezoid", "inp", "first_match_rank", "matches")

CHANCE_COLUMN = "chance"
"""Column of stored tables: `Scores.chances`. Tables of reidbench 0.1 do not have it."""

_VALUE_COLUMNS = {"map": "ap", "map_trapezoid": "ap_trapezoid", "minp": "inp"}
_RANK_FIGURE = re.compile(r"rank([1-9][0-9]*)")


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """The figures of one trial; floats in [0, 1], NaN where no query counts.

    Attributes:
        per_query: one row per query, in the order of the queries: `pid`, `camid`, `ap`, `ap_trapezoid` and `inp`
            (NaN without a match), `first_match_rank` (1-based, 0 = no admissible match), `matches`.
        gallery: number of gallery items without person -1.
        chance_rank1: exact expectation of `cmc(1)` for a random order under the same rules.
        unmatched: the rule for queries without an admissible match, `exclude` or `miss`.
        chances: (Q,) the same expectation for each query, 0 without a match; None if it was not stored.
    """

    per_query: pd.DataFrame
    gallery: int
    chance_rank1: float
    unmatched: Unmatched = "exclude"
    chances: NDArray[np.float64] | None = None

    @classmethod
    def from_per_query(
        cls,
        per_query: pd.DataFrame,
        *,
        gallery: int,
        chance_rank1: float = math.nan,
        unmatched: Unmatched = "exclude",
    ) -> Scores:
        """Rebuild scores from a stored table; all figures follow from it.

        Args:
            per_query: a table with the columns of `Scores.per_query`, and `chance` if known; others are dropped.
            gallery: as in `Scores`.
            chance_rank1: as in `Scores`; used only if the table has no column `chance`.
            unmatched: as in `Scores`; may differ from what was stored if the table has the column `chance`.

        Raises:
            FeatureError: no row, a missing column, or values that contradict each other.
        """
        missing = [name for name in PER_QUERY_COLUMNS if name not in per_query.columns]
        if missing:
            raise FeatureError(f"the per-query table has no column {', '.join(missing)}")
        if per_query.empty:
            raise FeatureError("the per-query table has no rows: there is nothing to evaluate")
        table = per_query.loc[:, list(PER_QUERY_COLUMNS)].reset_index(drop=True)
        wrong = np.flatnonzero((table["matches"] > 0) != (table["first_match_rank"] > 0))
        if len(wrong):
            raise FeatureError(
                f"the per-query table contradicts itself in row {wrong[0]}: {table['matches'][wrong[0]]} matches, "
                f"the first at rank {table['first_match_rank'][wrong[0]]}"
            )
        check_unmatched(unmatched)
        chances = None
        if CHANCE_COLUMN in per_query.columns:
            chances = per_query[CHANCE_COLUMN].to_numpy(dtype=np.float64)
            chance_rank1 = _mean_chance(chances, table["matches"].to_numpy(), unmatched)
        return cls(
            per_query=table,
            gallery=gallery,
            chance_rank1=chance_rank1,
            unmatched=unmatched,
            chances=chances,
        )

    def to_table(self) -> pd.DataFrame:
        """Return everything that `from_per_query` needs, except the size of the gallery: one row per query."""
        if self.chances is None:
            return self.per_query
        return self.per_query.assign(**{CHANCE_COLUMN: self.chances})

    @property
    def queries(self) -> int:
        """Number of queries, with or without a match."""
        return len(self.per_query)

    @property
    def queries_without_match(self) -> int:
        """Number of queries that no admissible gallery item matches."""
        return int((self.per_query["matches"] == 0).sum())

    @property
    def last_rank(self) -> int:
        """The last rank for which `cmc` is informative: the size of the gallery."""
        return self.gallery

    @property
    def map(self) -> float:
        """Mean of the non-interpolated average precision."""
        return self.figure("map")

    @property
    def map_trapezoid(self) -> float:
        """Mean of the trapezoidal average precision of the official MATLAB codes."""
        return self.figure("map_trapezoid")

    @property
    def minp(self) -> float:
        """Mean of the inverse negative penalty."""
        return self.figure("minp")

    def cmc(self, k: int) -> float:
        """Share of the queries whose first match is among the k nearest items; constant for k larger than the gallery.

        Raises:
            ConfigError: k is not a whole number of 1 or more.
        """
        if k < 1 or k != int(k):
            raise ConfigError(f"cmc is defined for the ranks 1, 2, 3 and so on, got {k}")
        return self.figure(f"rank{int(k)}")

    def figure(self, name: str) -> float:
        """Return a figure by its name in a record: `rank1`, `rank5`, ..., `map`, `map_trapezoid`, `minp`.

        Raises:
            ConfigError: no such figure.
        """
        values = self.query_values(name)
        counted = values[~np.isnan(values)]
        return float(counted.mean()) if len(counted) else float("nan")

    def query_values(self, name: str) -> NDArray[np.float64]:
        """Return the value (Q,) of each query whose mean is the figure; NaN for queries that do not count.

        Raises:
            ConfigError: no such figure.
        """
        rank = _RANK_FIGURE.fullmatch(name)
        if rank is None and name not in _VALUE_COLUMNS:
            raise ConfigError(
                f"unknown figure {quote(name)}; choose rank1, rank2, ... or one of {', '.join(_VALUE_COLUMNS)}"
            )
        if rank is None:
            values = self.per_query[_VALUE_COLUMNS[name]].to_numpy(dtype=np.float64)
        else:
            values = (self.per_query["first_match_rank"].to_numpy() <= int(rank[1])).astype(np.float64)
        lost = 0.0 if self.unmatched == "miss" else np.nan
        return np.where(self.per_query["matches"].to_numpy() > 0, values, lost)


def evaluate(
    query_features: Values | None = None,
    gallery_features: Values | None = None,
    query_pids: Values | None = None,
    gallery_pids: Values | None = None,
    query_camids: Values | None = None,
    gallery_camids: Values | None = None,
    *,
    distances: Values | None = None,
    unmatched: Unmatched = "exclude",
    device: str | torch.device | None = None,
) -> Scores:
    """Rank a gallery for each query and return the figures.

    Items of the query's person and camera are junk, and so is person -1; person 0 stays and never matches; ties
    count against the method. Features are compared by the plain Euclidean distance without any change. For every dtype,
    squared differences are summed in float64, in an order that depends on the number of dimensions only. Therefore
    results do not depend on the order of the gallery or the device, copies of an item are always a tie, and squared
    distances between whole numbers are exact up to 2**53.

    Args:
        query_features: (Q, D), an array or a tensor on any device. float64 stays float64, narrower floats
            become float32, integers float64.
        gallery_features: (G, D).
        query_pids: (Q,) persons, 1 or more.
        gallery_pids: (G,) persons, 0 for distractors, -1 for junk.
        query_camids: (Q,) integers of which only equality matters.
        gallery_camids: (G,) likewise.
        distances: (Q, G), used without change instead of features; smaller is nearer.
        unmatched: `exclude` excludes queries without an admissible match from the means, `miss` counts them as 0.
        device: where to compute; by default the device of the query features or of the distances.

    Raises:
        FeatureError: both or neither of features and distances, shapes or numbers of labels that do not fit,
            nothing to evaluate, values that are not finite, a query of person -1 or 0, another `unmatched`.
    """
    labels = Labels(query_pids, gallery_pids, query_camids, gallery_camids)
    search = make_search(labels, query_features, gallery_features, distances=distances, device=device)
    return evaluate_search(search, unmatched=unmatched)


def evaluate_search(search: Search, *, unmatched: Unmatched = "exclude") -> Scores:
    """Rank the gallery of a search for each query and return the figures; the rules are those of `evaluate`.

    Args:
        search: labels and a source of distances. A pair scorer is called once per pair.
        unmatched: as in `evaluate`.

    Raises:
        FeatureError: another `unmatched`, or a pair scorer returned another shape or values that are not finite.
    """
    check_unmatched(unmatched)
    labels = search.labels
    with torch.no_grad():
        blocks = [(queries, *_figures(ranks)) for queries, ranks in rank_blocks(search.rows(), labels)]
    queries, *columns = (np.concatenate(column) for column in zip(*blocks, strict=True))
    order = np.argsort(queries)
    ap, ap_trapezoid, inp, first = (column[order] for column in columns)
    table = pd.DataFrame(
        {
            "pid": labels.query_pids,
            "camid": labels.query_camids,
            "ap": ap,
            "ap_trapezoid": ap_trapezoid,
            "inp": inp,
            "first_match_rank": first,
            "matches": labels.matches,
            CHANCE_COLUMN: labels.matches / np.maximum(labels.admissible, 1),
        }
    )
    return Scores.from_per_query(table, gallery=len(labels.kept), unmatched=unmatched)


def _figures(ranks: Tensor) -> tuple[Tensor, ...]:
    return (
        precision.average_precision(ranks),
        precision.trapezoid_average_precision(ranks),
        precision.inverse_negative_penalty(ranks),
        precision.first_match_rank(ranks),
    )


def _mean_chance(chances: NDArray[np.float64], matches: NDArray[np.int64], unmatched: Unmatched) -> float:
    """Return the mean chance of the queries that count; NaN if none counts."""
    counted = chances if unmatched == "miss" else chances[matches > 0]
    return float(counted.mean()) if len(counted) else math.nan


def check_unmatched(unmatched: Unmatched) -> Unmatched:
    """Return the rule for queries without a match, if it is one.

    Raises:
        FeatureError: neither `exclude` nor `miss`.
    """
    if unmatched not in get_args(Unmatched):
        raise FeatureError(
            f"unmatched must be one of {', '.join(get_args(Unmatched))}, got {quote(unmatched)}"
        )
    return unmatched
