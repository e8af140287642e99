"""Whether the labels of a file of features are those of a protocol's trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reidbench.datasets.tracklets import IntArray, TrackletTable
from reidbench.errors import FeatureError
from reidbench.evaluation.inputs import as_labels
from reidbench.features import Items, Search
from reidbench.protocols.trials import JUNK, Sides

Pairs = list[tuple[int, int]]


def check_labels(
    file: Path, searches: Sequence[Search], sides: Sequence[Sides], table: TrackletTable
) -> None:
    """Demand that each search has the queries and the gallery of its side of a trial.

    The order does not matter, cameras may be counted from another number, and junk (person -1) may be left out.

    Raises:
        FeatureError: another number of searches, tracklets, or tracklets of other people or cameras.
    """
    if len(searches) != len(sides):
        raise FeatureError(
            f"features {file} hold {len(searches)} searches, the protocol has {len(sides)} (one for each trial and "
            "direction, as trial_00, trial_01 ...)"
        )
    for index, (search, side) in enumerate(zip(searches, sides, strict=True)):
        place = f"features {file}{f' ({search.name})' if search.name else ''}"
        found = _numbered(_pairs(search.query), _pairs(search.gallery))
        wanted = _numbered(_rows(table, side.query), _rows(table, side.gallery))
        for name, here, there in zip(("query", "gallery"), found, wanted, strict=True):
            _compare(f"{place}: trial {index}, {name}", here, there)


def query_rows(search: Search, side: Sides | None, table: TrackletTable | None) -> IntArray | None:
    """Return the row of the file's gallery that is each query itself, -1 where there is none; None = not known.

    Known by tracklet ids, else where the file keeps the order of the protocol.
    """
    query, gallery = search.query, search.gallery
    if query.tracklet_id is not None and gallery.tracklet_id is not None:
        place = {name: row for row, name in enumerate(gallery.tracklet_id.tolist())}
        return np.array([place.get(name, -1) for name in query.tracklet_id.tolist()], dtype=np.int64)
    if side is None or table is None:
        return None
    kept = np.flatnonzero(as_labels("gallery pid", gallery.pid) != JUNK)
    in_order = np.array_equal(gallery.pid[kept], table.pids[side.gallery]) and np.array_equal(
        query.pid, table.pids[side.query]
    )
    if not in_order:
        return None
    place = dict(zip(side.gallery.tolist(), kept.tolist(), strict=True))
    return np.array([place.get(row, -1) for row in side.query.tolist()], dtype=np.int64)


def _pairs(items: Items) -> Pairs:
    pids, camids = as_labels("pid", items.pid), as_labels("camid", items.camid)
    return [(pid, camid) for pid, camid in zip(pids.tolist(), camids.tolist(), strict=True) if pid != JUNK]


def _rows(table: TrackletTable, rows: IntArray) -> Pairs:
    return list(zip(table.pids[rows].tolist(), table.camids[rows].tolist(), strict=True))


def _numbered(query: Pairs, gallery: Pairs) -> tuple[Pairs, Pairs]:
    """Number the cameras from 0 in their order: only equality counts."""
    cameras = {camid: number for number, camid in enumerate(sorted({camid for _, camid in query + gallery}))}
    return [(pid, cameras[camid]) for pid, camid in query], [(pid, cameras[camid]) for pid, camid in gallery]


def _compare(place: str, found: Pairs, wanted: Pairs) -> None:
    if len(found) != len(wanted):
        raise FeatureError(
            f"{place}: {len(found):,} tracklets that are not junk, the protocol has {len(wanted):,}; "
            "embed exactly the tracklets of the protocol"
        )
    here, there = Counter(found), Counter(wanted)
    if here != there:
        pid, camera = next(iter((here - there) or (there - here)))
        raise FeatureError(
            f"{place}: person {pid} has {here[pid, camera]} tracklets in camera number {camera} (in order, from "
            f"0), the protocol has {there[pid, camera]}; labels must be those of the protocol"
        )
