"""Boards: records with the same protocol fingerprint, best first, with shared ranks."""

from __future__ import annotations

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from reidbench.evaluation import Scores, compute_p_values, holm
from reidbench.fingerprints import fingerprint
from reidbench.plugin.specs import is_audit
from reidbench.records import Record

SIGNIFICANT = 0.05
"""Adjusted p value under which two records differ."""

# Values that differ by less are equal except for rounding.
_DECIMALS = 9
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BoardEntry:
    """A record on a board.

    Attributes:
        rank: 1 for the best; None if the board is not ranked.
        is_tied: whether several records share the rank.
        equal_to: 1-based row of the first record with the same per-query values; None if this is the first.
    """

    record: Record
    rank: int | None = None
    is_tied: bool = False
    equal_to: int | None = None

    @property
    def rank_text(self) -> str:
        """The rank as tables print it: "2", or "2=" if several records share it; "" without a rank."""
        return "" if self.rank is None else f"{self.rank}{'=' if self.is_tied else ''}"


def group_records(records: Iterable[Record]) -> list[list[BoardEntry]]:
    """Return records as boards in the given order, without ranks."""
    groups: dict[tuple[str, bool, bool], list[BoardEntry]] = {}
    for record in records:
        groups.setdefault(_board_key(record), []).append(BoardEntry(record))
    return list(groups.values())


def rank_boards(records: Iterable[tuple[Path, Record]]) -> list[list[BoardEntry]]:
    """Return one board per protocol fingerprint, sorted by protocol name.

    Re-ranked records have boards of their own, and so have audits, after those of the other methods. Partial records
    are omitted. A record shares the rank of the record that leads the rank if their rank-1 does not differ
    significantly: paired permutation test over identities, Holm's correction over all tests of the board. Records with
    equal per-query values are one method for the tests. A record with other queries than most records of its board is
    left out, and one warning line names it.

    Raises:
        RecordError: the per-query file of a record is missing or does not match its digest.
    """
    groups: dict[tuple[str, bool, bool], list[tuple[Path, Record]]] = {}
    for path, record in records:
        if not record.partial:
            groups.setdefault(_board_key(record), []).append((path, record))
    return [_rank_board(group) for group in sorted(groups.values(), key=lambda group: _sort_key(group[0][1]))]


def _sort_key(record: Record) -> tuple[str, bool, bool, str, bool]:
    source = (record.protocol, record.synthetic, record.transductive, record.fingerprints.protocol)
    return *source, is_audit(record.method)


def _board_key(record: Record) -> tuple[str, bool, bool]:
    """Return what records of one board share: the protocol on its data, and whether re-ranked, and whether audits."""
    return record.fingerprints.protocol, record.transductive, is_audit(record.method)


def _rank_board(group: Sequence[tuple[Path, Record]]) -> list[BoardEntry]:
    ordered = sorted(group, key=lambda item: (-item[1].mean_rank1, item[0].name))
    rows = _leave_out_other_queries(
        [_Row(path, record, record.read_scores(path)) for path, record in ordered]
    )
    first_rows = _find_equal_rows(rows)
    distinct = sorted(set(first_rows))
    leaders = dict(zip(distinct, _find_leaders([rows[row].scores for row in distinct]), strict=True))
    ranks = [distinct[leaders[row]] + 1 for row in first_rows]
    return [
        BoardEntry(
            row.record,
            ranks[index],
            ranks.count(ranks[index]) > 1,
            None if first_rows[index] == index else first_rows[index] + 1,
        )
        for index, row in enumerate(rows)
    ]


@dataclass(frozen=True)
class _Row:
    path: Path
    record: Record
    scores: list[list[Scores]]


def _leave_out_other_queries(rows: Sequence[_Row]) -> list[_Row]:
    """Return the rows with the queries of most rows; the others have a wrong protocol fingerprint.

    One warning line names each of them. If two sets of queries are equally frequent, that of the first file name is
    kept.
    """
    queries = [_describe_queries(row) for row in rows]
    by_name = sorted(zip((row.path.name for row in rows), queries, strict=True))
    counts = Counter(text for _, text in by_name)
    kept = counts.most_common(1)[0][0]
    for row, text in zip(rows, queries, strict=True):
        if text != kept:
            log.warning(
                "left out: record %s has other queries than the other records of its protocol fingerprint; run again "
                "or remove it",
                row.path,
            )
    return [row for row, text in zip(rows, queries, strict=True) if text == kept]


def _describe_queries(row: _Row) -> str:
    """Return a digest of the queries of each trial, in any order, and of the rule for those without a match."""
    seeds = {
        tuple(_digest_rows(scores.per_query[["pid", "matches"]]) for scores in row_seeds)
        for row_seeds in row.scores
    }
    return fingerprint([row.record.unmatched, sorted(seeds)])


def _find_equal_rows(rows: Sequence[_Row]) -> list[int]:
    """Return for each row the first row with equal per-query values, in any order of the queries and cameras."""
    first_rows: dict[str, int] = {}
    return [first_rows.setdefault(_describe_values(row), index) for index, row in enumerate(rows)]


def _describe_values(row: _Row) -> str:
    return fingerprint(
        [[_digest_rows(scores.per_query.drop(columns="camid")) for scores in trials] for trials in row.scores]
    )


def _digest_rows(table: pd.DataFrame) -> str:
    """Return a digest of the rows of a table, in any order; values that differ by rounding are equal."""
    # Adding 0 turns -0 into 0.
    values = np.round(table.to_numpy(dtype=np.float64), _DECIMALS) + 0.0
    return hashlib.sha256(values[np.lexsort(values.T)].tobytes()).hexdigest()


def _find_leaders(scores: Sequence[list[list[Scores]]]) -> list[int]:
    """Return the leader of the rank of each record; the records are sorted, best first, and have other values."""
    pairs = [(first, second) for second in range(len(scores)) for first in range(second)]
    p_values = compute_p_values(scores) if pairs else np.ones((1, 1))
    # The p value is NaN if no query counts.
    raw = [1.0 if math.isnan(p_values[pair]) else float(p_values[pair]) for pair in pairs]
    adjusted = dict(zip(pairs, holm(raw), strict=True))
    leaders = [0]
    for row in range(1, len(scores)):
        leaders.append(row if adjusted[leaders[-1], row] < SIGNIFICANT else leaders[-1])
    return leaders
