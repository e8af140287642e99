"""Single-gallery-shot CMC (CUHK03, VIPeR), as an exact expectation instead of random draws.

For each query, one image per person of its pool is drawn, and the rank of the true image counts. The literature
averages 10 or 100 random draws. Here each match is the true image t in turn. Person i precedes t with the probability
p_i, the share of i's images that are not farther than t, independently of the others: the rank of t is 1 + a
Poisson-binomial number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from reidbench.errors import ConfigError, FeatureError, quote
from reidbench.evaluation import precision
from reidbench.evaluation.exact.rows import Rows
from reidbench.evaluation.labels import DISTRACTOR, Labels
from reidbench.evaluation.scores import CHANCE_COLUMN, Scores, Unmatched, check_unmatched
from reidbench.evaluation.search import Search

Pool: TypeAlias = Literal["other", "all"]
"""The images that may be drawn: those of other cameras than the query's, or all that are not junk."""

Integers: TypeAlias = NDArray[np.int64]

# Comparisons of matches with gallery items per block.
_CHUNK_ELEMENTS = 1 << 22
_RANK_COLUMN = re.compile(r"rank([1-9][0-9]*)")


@dataclass(frozen=True, kw_only=True, eq=False)
class SingleShotScores(Scores):
    """Scores whose rank figures are expectations over the draws of single-gallery-shot.

    `per_query` has the columns of `Scores`, of the ordinary ranking of the same pool, and `rank1`, `rank2`, ...: the
    probability that the true image is among the k nearest of the drawn ones; NaN without a match.
    """

    @classmethod
    def from_per_query(
        cls,
        per_query: pd.DataFrame,
        *,
        gallery: int,
        chance_rank1: float = math.nan,
        unmatched: Unmatched = "exclude",
    ) -> SingleShotScores:
        """Rebuild scores from a stored table, as `Scores.from_per_query` does.

        Raises:
            FeatureError: as there; or the columns rank1, rank2, ... have a gap or are no probabilities that grow.
        """
        plain = Scores.from_per_query(
            per_query, gallery=gallery, chance_rank1=chance_rank1, unmatched=unmatched
        )
        found = [name for name in map(str, per_query.columns) if _RANK_COLUMN.fullmatch(name)]
        names = _rank_columns(len(found))
        if not found or set(found) != set(names):
            raise FeatureError(
                f"the per-query table must have the columns rank1, rank2, ... without a gap, got {found}"
            )
        hits = per_query.loc[:, names].to_numpy(dtype=np.float64)
        _check_hits(hits, plain.per_query["matches"].to_numpy() > 0)
        table = pd.concat([plain.per_query, pd.DataFrame(hits, columns=names)], axis=1)
        return cls(
            per_query=table,
            gallery=gallery,
            chance_rank1=plain.chance_rank1,
            unmatched=unmatched,
            chances=plain.chances,
        )

    @property
    def ranks(self) -> int:
        """The last rank whose expectation was computed."""
        return sum(_RANK_COLUMN.fullmatch(str(name)) is not None for name in self.per_query.columns)

    @property
    def last_rank(self) -> int:
        """The last rank for which `cmc` is defined."""
        return min(self.ranks, self.gallery)

    def query_values(self, name: str) -> NDArray[np.float64]:
        """Return the value (Q,) of each query whose mean is the figure, as `Scores.query_values` does.

        Raises:
            ConfigError: no such figure, or a rank beyond those that were computed.
        """
        rank = _RANK_COLUMN.fullmatch(name)
        if rank is None:
            return super().query_values(name)
        if int(rank[1]) > self.ranks:
            raise ConfigError(
                f"{name} was not computed: the single-shot curve ends at rank{self.ranks}; raise `ranks`"
            )
        lost = 0.0 if self.unmatched == "miss" else np.nan
        values = self.per_query[name].to_numpy(dtype=np.float64)
        return np.where(self.per_query["matches"].to_numpy() > 0, values, lost)


def single_shot_scores(
    search: Search, *, pool: Pool = "other", ranks: int = 20, unmatched: Unmatched = "exclude"
) -> SingleShotScores:
    """Return the expected single-gallery-shot figures, and the average precisions of the same pool.

    Person -1 is ignored, each distractor (person 0) is a person of its own, and ties count against the method. The
    expectation is exact except for rounding (less than 1e-12). It takes `ranks` steps per match and person of the
    pool. The average precisions involve no draw: they are those of all images of the pool.

    Args:
        search: labels and a source of distances.
        pool: `other` draws images of other cameras than the query's (the CUHK03 protocol, open-reid), `all` any that
            is not junk (torchreid). These are different measures.
        ranks: the last rank of the curve.
        unmatched: as in `evaluate`.

    Returns:
        Scores; `chance_rank1` is the mean of one over the number of persons in the pool.

    Raises:
        FeatureError: as in `evaluate_search`.
        ConfigError: another `pool`, or `ranks` less than 1.
    """
    _check_options(pool, ranks, unmatched)
    labels = search.labels
    people = _Pool(labels, pool)
    with torch.no_grad():
        blocks = list(_blocks(search.rows(), labels, people, ranks))
    table = _table(labels, [found for found, _ in blocks], torch.cat([hits for _, hits in blocks]))
    chances = np.where(labels.matches > 0, 1 / np.maximum(people.persons, 1), 0.0)
    return SingleShotScores.from_per_query(
        table.assign(**{CHANCE_COLUMN: chances}), gallery=len(labels.kept), unmatched=unmatched
    )


class _Pool:
    """The persons of the gallery, and how many images each of them has for each query.

    Attributes:
        order: int64 (G',) gallery items that are not distractors, person by person.
        ends: int64 (I,) where the images of each person end in this order.
        distractors: int64 (F,) the other items.
        persons: int64 (Q,) persons in the pool of each query, distractors among them.
    """

    def __init__(self, labels: Labels, pool: Pool) -> None:
        self._labels, self._is_other = labels, pool == "other"
        pids = labels.gallery_pids
        self.distractors: Integers = np.flatnonzero(pids == DISTRACTOR).astype(np.int64)
        self.order: Integers = np.argsort(pids, kind="stable")[len(self.distractors) :].astype(np.int64)
        _, person, images = np.unique(pids[self.order], return_inverse=True, return_counts=True)
        self.ends: Integers = np.cumsum(images).astype(np.int64)
        cameras, camera = np.unique(
            np.concatenate([labels.gallery_camids, labels.query_camids]), return_inverse=True
        )
        self._query_camera = camera[len(pids) :]
        # Images that are excluded for a query of each camera; those of distractors in the last column.
        here = np.zeros((len(cameras), len(images) + 1), dtype=np.int64)
        if self._is_other:
            np.add.at(here, (camera[self.order], person), 1)
            here[:, -1] = np.bincount(camera[self.distractors], minlength=len(cameras))
        self._sizes: Integers = images - here[:, :-1]
        persons = (self._sizes > 0).sum(axis=1) + len(self.distractors) - here[:, -1]
        self.persons: Integers = persons[self._query_camera]

    def sizes(self, queries: slice) -> Integers:
        """Return the images (q, I) of each person in the pools of these queries."""
        return self._sizes[self._query_camera[queries]]

    def is_excluded(self, queries: slice) -> NDArray[np.bool_]:
        """Return which items (q, G) precede no match: those of the query's person; for `other`, of its camera."""
        labels = self._labels
        closed: NDArray[np.bool_] = labels.query_pids[queries][:, None] == labels.gallery_pids
        if self._is_other:
            closed |= labels.query_camids[queries][:, None] == labels.gallery_camids
        return closed


def _blocks(rows: Rows, labels: Labels, people: _Pool, ranks: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the ranks (q, N) of the matches among the pool, as `precision` takes them, and the hits (q, K)."""
    total, width = len(labels.query_pids), len(labels.kept)
    height = max(1, min(rows.height, _CHUNK_ELEMENTS // max(1, width)))
    for start in range(0, total, height):
        queries = slice(start, min(start + height, total))
        counts = torch.from_numpy(labels.matches[queries])
        if not counts.any():
            nothing = torch.full((len(counts), ranks), torch.nan, dtype=torch.float64)
            yield torch.zeros(len(counts), 0, dtype=torch.int64), nothing
            continue
        comparison = _Comparison(rows, labels, people, queries)
        step = max(1, _CHUNK_ELEMENTS // width)
        parts = [
            comparison.run(slice(begin, begin + step), ranks) for begin in range(0, int(counts.sum()), step)
        ]
        wrong, hits = (torch.cat(columns) for columns in zip(*parts, strict=True))
        slot = torch.arange(len(wrong)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
        table = torch.zeros(len(counts), int(counts.max()), dtype=torch.int64)
        table[comparison.row.cpu(), slot] = wrong.cpu() + slot + 1
        yield table, torch.segment_reduce(hits.cpu(), "mean", lengths=counts, axis=0)


class _Comparison:
    """The items that precede the matches of a block of queries.

    Attributes:
        row: int64 (P,) the query of each match, counted from the start of the block; ascending, and of one query
            in the order of the distances.
    """

    def __init__(self, rows: Rows, labels: Labels, people: _Pool, queries: slice) -> None:
        self._rows, self._people, self._queries = rows, people, queries
        block = rows.read(queries, slice(0, len(labels.kept)))
        values = block.values.double() + rows.offsets(queries)[:, None]
        self._low = values - block.query_slack[:, None]
        self._high = values + block.query_slack[:, None] + block.item_slack
        pairs, device = labels.companions(queries), values.device
        row, column = (
            torch.from_numpy(part[pairs.is_match]).to(device) for part in (pairs.row, pairs.column)
        )
        matches = values[row, column] if rows.is_exact else rows.exact(row + queries.start, column)
        order = matches.sort(stable=True).indices
        order = order[row[order].sort(stable=True).indices]
        self.row, self._matches = row[order], matches[order]
        is_excluded = torch.from_numpy(people.is_excluded(queries)).to(device)
        self._low.masked_fill_(is_excluded, torch.inf)
        self._high.masked_fill_(is_excluded, torch.inf)

    def run(self, part: slice, ranks: int) -> tuple[Tensor, Tensor]:
        """Return the number of wrong images before each of these matches (p,), and its hits (p, K)."""
        is_before, people = self._is_before(part), self._people
        device = is_before.device
        distractors = is_before[:, torch.from_numpy(people.distractors).to(device)].sum(dim=1)
        sums = is_before[:, torch.from_numpy(people.order).to(device)].cumsum(dim=1, dtype=torch.int32)
        ends = sums[:, torch.from_numpy(people.ends - 1).to(device)]
        images = torch.diff(ends, dim=1, prepend=ends.new_zeros(len(ends), 1))
        sizes = torch.from_numpy(people.sizes(self._queries)).to(device)[self.row[part]]
        share = images.double() / sizes.clamp(min=1)
        return is_before.sum(dim=1), _hits(share[:, (images > 0).any(dim=0)], distractors, ranks)

    def _is_before(self, part: slice) -> Tensor:
        """Return which images (p, G) of the pools are not farther than these matches."""
        row, matches = self.row[part], self._matches[part]
        is_before = self._high[row] <= matches[:, None]
        if not self._rows.is_exact:
            match, column = ((self._low[row] <= matches[:, None]) & ~is_before).nonzero(as_tuple=True)
            distances = self._rows.exact(row[match] + self._queries.start, column)
            is_before[match, column] = distances <= matches[match]
        return is_before


def _hits(share: Tensor, certain: Tensor, ranks: int) -> Tensor:
    """Return the probability (P, K) that 1 + certain + a Poisson-binomial number is at most 1, 2, ..., K.

    Args:
        share: float64 (P, I), the success probabilities.
        certain: int64 (P,), successes beside them.
        ranks: K.
    """
    # Probability of 0, 1, ... successes so far; more are dropped.
    state = share.new_zeros(ranks, len(share))
    state[0] = 1
    for probability in share.T.contiguous():
        moving = state * probability
        state -= moving
        state[1:] += moving[:-1]
    at_most = state.cumsum(dim=0).clamp_(max=1)
    successes = torch.arange(ranks, device=share.device)[:, None] - certain
    return at_most.gather(0, successes.clamp(min=0)).masked_fill_(successes < 0, 0).T.contiguous()


def _table(labels: Labels, ranks: list[Tensor], hits: Tensor) -> pd.DataFrame:
    figures = {
        "ap": precision.average_precision,
        "ap_trapezoid": precision.trapezoid_average_precision,
        "inp": precision.inverse_negative_penalty,
        "first_match_rank": precision.first_match_rank,
    }
    columns = {
        name: torch.cat([function(part) for part in ranks]).numpy() for name, function in figures.items()
    }
    plain = {"pid": labels.query_pids, "camid": labels.query_camids, **columns, "matches": labels.matches}
    names = _rank_columns(hits.shape[1])
    return pd.concat([pd.DataFrame(plain), pd.DataFrame(hits.numpy(), columns=names)], axis=1)


def _rank_columns(ranks: int) -> list[str]:
    return [f"rank{k}" for k in range(1, ranks + 1)]


def _check_hits(hits: NDArray[np.float64], is_matched: NDArray[np.bool_]) -> None:
    # Comparisons with NaN are false.
    grown = np.diff(hits, axis=1, prepend=0.0, append=1.0) >= 0
    wrong = np.flatnonzero(np.where(is_matched, ~grown.all(axis=1), ~np.isnan(hits).all(axis=1)))
    if len(wrong):
        raise FeatureError(
            f"the per-query table, row {wrong[0]}: rank1, rank2, ... must be probabilities that grow, "
            f"and empty without a match, got {hits[wrong[0]].tolist()}"
        )


def _check_options(pool: Pool, ranks: int, unmatched: Unmatched) -> None:
    if pool not in get_args(Pool):
        raise ConfigError(f"pool must be one of {', '.join(get_args(Pool))}, got {quote(pool)}")
    if ranks < 1:
        raise ConfigError(f"ranks must be at least 1, got {ranks}")
    check_unmatched(unmatched)
