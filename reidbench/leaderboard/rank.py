"""Boards: records of one and the same protocol fingerprint, best first, ties shown as ties."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reidbench.evaluation import Scores, holm, paired_permutation_test_seeds
from reidbench.records import Record

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Placed:
    """A record and its place on a board, 1 for the best; None where nothing was ranked."""

    record: Record
    place: int | None = None
    is_tied: bool = False

    @property
    def place_text(self) -> str:
        """The place as it is shown: "2", or "2=" when others share it."""
        return "" if self.place is None else f"{self.place}{'=' if self.is_tied else ''}"


def unplaced(records: Iterable[Record]) -> list[list[Placed]]:
    """Return records as boards in the order they come, without places."""
    groups: dict[tuple[str, bool], list[Placed]] = {}
    for record in records:
        groups.setdefault(_board_key(record), []).append(Placed(record))
    return list(groups.values())


def boards(records: Iterable[tuple[Path, Record]]) -> list[list[Placed]]:
    """Return a board for each protocol fingerprint, re-ranked records apart, sorted by the protocol's name.

    Partial records are left out. Neighbours share a place when their rank-1 does not differ significantly
    from that of the first of the place: paired permutation test over identities, Holm's correction over all
    tests of the board.

    Raises:
        RecordError: the per-query values of a record are missing or not those it was written with.
    """
    groups: dict[tuple[str, bool], list[tuple[Path, Record]]] = {}
    for path, record in records:
        if not record.partial:
            groups.setdefault(_board_key(record), []).append((path, record))
    return [_board(group) for group in sorted(groups.values(), key=lambda group: _sort_key(group[0][1]))]


def _sort_key(record: Record) -> tuple[str, bool, bool]:
    return record.protocol, record.synthetic, record.transductive


def _board_key(record: Record) -> tuple[str, bool]:
    """Return what records of one board share: the protocol on its data, and whether other queries helped."""
    return record.fingerprints.protocol, record.transductive


def _board(group: Sequence[tuple[Path, Record]]) -> list[Placed]:
    ordered = sorted(group, key=lambda item: (-item[1].mean_rank1, item[0].name))
    places = _places([record.read_scores(path) for path, record in ordered])
    return [
        Placed(record, place, places.count(place) > 1)
        for (_, record), place in zip(ordered, places, strict=True)
    ]


def _places(scores: Sequence[list[list[Scores]]]) -> list[int]:
    """Return the place of each, given best first."""
    pairs = [(first, second) for second in range(len(scores)) for first in range(second)]
    raw = [paired_permutation_test_seeds(scores[first], scores[second]) for first, second in pairs]
    raw = [1.0 if math.isnan(p) else p for p in raw]  # where no query counts, nothing differs
    adjusted = dict(zip(pairs, holm(raw), strict=True))
    places, leader = [1] if scores else [], 0
    for row in range(1, len(scores)):
        if adjusted[leader, row] < SIGNIFICANT:
            leader = row
        places.append(leader + 1)
    return places
