"""Boards: records with the same protocol fingerprint, best first, with shared ranks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reidbench.evaluation import Scores, holm, paired_permutation_test_seeds
from reidbench.records import Record

SIGNIFICANT = 0.05
"""Adjusted p value under which two records differ."""


@dataclass(frozen=True)
class BoardEntry:
    """A record and its rank on a board, 1 for the best; None if the board is not ranked."""

    record: Record
    rank: int | None = None
    is_tied: bool = False

    @property
    def rank_text(self) -> str:
        """The rank as tables print it: "2", or "2=" if several records share it; "" without a rank."""
        return "" if self.rank is None else f"{self.rank}{'=' if self.is_tied else ''}"


def group_records(records: Iterable[Record]) -> list[list[BoardEntry]]:
    """Return records as boards in the given order, without ranks."""
    groups: dict[tuple[str, bool], list[BoardEntry]] = {}
    for record in records:
        groups.setdefault(_board_key(record), []).append(BoardEntry(record))
    return list(groups.values())


def rank_boards(records: Iterable[tuple[Path, Record]]) -> list[list[BoardEntry]]:
    """Return one board per protocol fingerprint, sorted by protocol name; re-ranked records have boards of their own.

    Partial records are omitted. A record shares the rank of the record that leads the rank if their rank-1 does not
    differ significantly: paired permutation test over identities, Holm's correction over all tests of the board.

    Raises:
        RecordError: the per-query file of a record is missing or does not match its digest.
    """
    groups: dict[tuple[str, bool], list[tuple[Path, Record]]] = {}
    for path, record in records:
        if not record.partial:
            groups.setdefault(_board_key(record), []).append((path, record))
    return [_rank_board(group) for group in sorted(groups.values(), key=lambda group: _sort_key(group[0][1]))]


def _sort_key(record: Record) -> tuple[str, bool, bool, str]:
    return record.protocol, record.synthetic, record.transductive, record.fingerprints.protocol


def _board_key(record: Record) -> tuple[str, bool]:
    """Return the key that records of one board share: the protocol on its data, and whether they are re-ranked."""
    return record.fingerprints.protocol, record.transductive


def _rank_board(group: Sequence[tuple[Path, Record]]) -> list[BoardEntry]:
    ordered = sorted(group, key=lambda item: (-item[1].mean_rank1, item[0].name))
    ranks = _ranks([record.read_scores(path) for path, record in ordered])
    return [
        BoardEntry(record, rank, ranks.count(rank) > 1)
        for (_, record), rank in zip(ordered, ranks, strict=True)
    ]


def _ranks(scores: Sequence[list[list[Scores]]]) -> list[int]:
    """Return the rank of each record; the records are sorted, best first."""
    pairs = [(first, second) for second in range(len(scores)) for first in range(second)]
    raw = [paired_permutation_test_seeds(scores[first], scores[second]) for first, second in pairs]
    # The p value is NaN if no query counts.
    raw = [1.0 if math.isnan(p) else p for p in raw]
    adjusted = dict(zip(pairs, holm(raw), strict=True))
    ranks, leader = [1] if scores else [], 0
    for row in range(1, len(scores)):
        if adjusted[leader, row] < SIGNIFICANT:
            leader = row
        ranks.append(leader + 1)
    return ranks
