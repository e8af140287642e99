"""Labels of a feature file compared with the trials of a protocol.

Only equality of cameras matters, so a file may number them in its own way. A camera is identified by its tracklets: the
number of tracklets of each person on each side. Cameras with the same numbers are interchangeable.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from reidbench.datasets.tracklets import IntArray, TrackletTable
from reidbench.errors import FeatureError, quote
from reidbench.evaluation.inputs import as_labels
from reidbench.features import Items, Search
from reidbench.protocols.trials import JUNK, Sides
from reidbench.runner.name_check import read_names

Pairs: TypeAlias = list[tuple[int, int]]
"""Person and camera of each tracklet."""

Camera: TypeAlias = Counter[tuple[str, int]]
"""Number of tracklets in a camera by side and person."""

_FIX = "embed exactly the tracklets of the protocol"


def check_labels(
    file: Path, searches: Sequence[Search], sides: Sequence[Sides], table: TrackletTable
) -> None:
    """Check that each search has the queries and the gallery of its trial and direction in the protocol.

    Rows may be in any order, cameras may be renumbered, and junk (person -1) may be missing.

    Raises:
        FeatureError: another number of searches or tracklets, other persons, or cameras that match no camera of the
            protocol under any renumbering.
    """
    if len(searches) != len(sides):
        raise FeatureError(
            f"features {file} must have {len(sides)} searches, one per trial and direction in the groups trial_00, "
            f"trial_01, ..., got {len(searches)}"
        )
    for index, (search, side) in enumerate(zip(searches, sides, strict=True)):
        source = f"features {file}{f' ({search.name})' if search.name else ''}: trial {index}"
        stored, expected = _file_pairs(search), _protocol_pairs(side, table)
        for name in stored:
            _check_persons(f"{source}, {name}", stored[name], expected[name])
        cameras, protocol_cameras = _cameras(stored), _cameras(expected)
        unmatched = set(cameras) - set(match_cameras(cameras, protocol_cameras))
        if unmatched:
            _raise_unmatched(source, min(unmatched), cameras, protocol_cameras)


def match_cameras(cameras: Mapping[int, Camera], others: Mapping[int, Camera]) -> dict[int, int]:
    """Return a partner with the same tracklets for each camera that has one; no partner is used twice."""
    free: dict[frozenset[tuple[tuple[str, int], int]], list[int]] = defaultdict(list)
    for camid in sorted(others, reverse=True):
        free[frozenset(others[camid].items())].append(camid)
    keys = {camid: frozenset(cameras[camid].items()) for camid in sorted(cameras)}
    return {camid: free[key].pop() for camid, key in keys.items() if free.get(key)}


def find_query_rows(
    search: Search, side: Sides | None = None, table: TrackletTable | None = None
) -> IntArray:
    """Return the row of each query in the file's own gallery, -1 for queries that are not in it.

    The rows follow from the tracklet ids; else from the order of the protocol, if the file has that order; else from
    the labels, if all gallery tracklets of a query's person and camera are queries. In the last case, queries of the
    same person and camera may be exchanged.

    Args:
        search: a search of the file; its labels agree with the protocol.
        side: the protocol's rows of the same search, if there is a protocol.
        table: the protocol's tracklets.

    Raises:
        FeatureError: the rows are unknown; the message is the reason and the fix.
    """
    pairs = {name: _pairs(items) for name, items in (("query", search.query), ("gallery", search.gallery))}
    count = None if side is None else int(np.isin(side.query, side.gallery).sum())
    if count == 0 or not set(pairs["query"]) & set(pairs["gallery"]):
        return np.full(len(pairs["query"]), -1, dtype=np.int64)
    problem = "tracklet_id is missing"
    if search.query.tracklet_id is not None and search.gallery.tracklet_id is not None:
        rows, problem = _rows_by_name(search, pairs, count)
        if not problem:
            return rows
    if side is not None and table is not None:
        for find in (_rows_by_order, _rows_by_labels):
            found_rows = find(search, pairs, side, table)
            if found_rows is not None:
                return found_rows
        problem += ", the rows are not in the order of the protocol, and the labels are ambiguous"
    raise FeatureError(
        f"cannot tell which gallery rows are the queries: {problem}; store one tracklet_id per row of query and gallery"
    )


def _pairs(items: Items) -> Pairs:
    pids, camids = as_labels("pid", items.pid), as_labels("camid", items.camid)
    return list(zip(pids.tolist(), camids.tolist(), strict=True))


def _file_pairs(search: Search) -> dict[str, Pairs]:
    """Return the labels of a file without junk."""
    sides = {"query": search.query, "gallery": search.gallery}
    return {name: [pair for pair in _pairs(items) if pair[0] != JUNK] for name, items in sides.items()}


def _protocol_pairs(side: Sides, table: TrackletTable) -> dict[str, Pairs]:
    sides = {"query": side.query, "gallery": side.gallery}
    return {
        name: list(zip(table.pids[rows].tolist(), table.camids[rows].tolist(), strict=True))
        for name, rows in sides.items()
    }


def _check_persons(source: str, stored: Pairs, expected: Pairs) -> None:
    if len(stored) != len(expected):
        raise FeatureError(
            f"{source} must have {len(expected):,} tracklets that are not junk, got {len(stored):,}; {_FIX}"
        )
    counts, expected_counts = (Counter(pid for pid, _ in pairs) for pairs in (stored, expected))
    if counts != expected_counts:
        pid = min((counts - expected_counts) or (expected_counts - counts))
        raise FeatureError(
            f"{source}: person {pid} must have {_tracklets(expected_counts[pid])}, got {counts[pid]}; {_FIX}"
        )


def _cameras(pairs: Mapping[str, Pairs]) -> dict[int, Camera]:
    cameras: dict[int, Camera] = defaultdict(Counter)
    for side, rows in pairs.items():
        for pid, camid in rows:
            cameras[camid][side, pid] += 1
    return cameras


def _raise_unmatched(
    source: str, camid: int, cameras: Mapping[int, Camera], others: Mapping[int, Camera]
) -> None:
    """Raise the error that compares a camera with the most similar one of the protocol."""
    camera = cameras[camid]
    partner = max(sorted(others), key=lambda other: ((camera & others[other]).total(), other == camid))
    side, pid = min((camera - others[partner]) | (others[partner] - camera))
    raise FeatureError(
        f"{source}, {side}: camera {camid} matches no camera of the protocol; person {pid} has "
        f"{_tracklets(camera[side, pid])} in it and {others[partner][side, pid]} in the most similar one, camera "
        f"{partner}; number the cameras consistently over query and gallery"
    )


def _tracklets(count: int) -> str:
    return f"{count} tracklet{'' if count == 1 else 's'}"


def _rows_by_name(search: Search, pairs: Mapping[str, Pairs], count: int | None) -> tuple[IntArray, str]:
    """Return the rows by tracklet id, and what is wrong with the ids, "" if nothing is.

    Args:
        search: with tracklet ids on both sides.
        pairs: persons and cameras.
        count: number of queries in the gallery, where it is known.
    """
    query, gallery = read_names(search.query), read_names(search.gallery)
    rows_of = {name: row for row, name in enumerate(gallery)}
    rows = np.array([rows_of.get(name, -1) for name in query], dtype=np.int64)
    problem = ""
    wrong = [
        name
        for name, row, pair in zip(query, rows.tolist(), pairs["query"], strict=True)
        if row >= 0 and pairs["gallery"][row] != pair
    ]
    if len(rows_of) < len(gallery):
        name = Counter(gallery).most_common(1)[0][0]
        problem = f"tracklet_id {quote(name)} is not unique in the gallery"
    elif wrong:
        problem = f"tracklet_id '{wrong[0]}' has other labels in query than in gallery"
    elif count is not None and (rows >= 0).sum() != count:
        problem = f"{(rows >= 0).sum()} queries have their tracklet_id in the gallery, the protocol has {count} there"
    return rows, problem


def _rows_by_order(
    search: Search, pairs: Mapping[str, Pairs], side: Sides, table: TrackletTable
) -> IntArray | None:
    """Return the rows if the file has the protocol's order, with or without junk in the gallery; else None."""
    stored, expected = _file_pairs(search), _protocol_pairs(side, table)
    matched = [
        (ours, theirs) for name in stored for ours, theirs in zip(stored[name], expected[name], strict=True)
    ]
    if any(ours[0] != theirs[0] for ours, theirs in matched):
        return None
    cameras = {(ours[1], theirs[1]) for ours, theirs in matched}
    # A bijection has no camera in two pairs.
    if not len(cameras) == len({ours for ours, _ in cameras}) == len({theirs for _, theirs in cameras}):
        return None
    kept = [row for row, (pid, _) in enumerate(pairs["gallery"]) if pid != JUNK]
    rows_of = dict(zip(side.gallery.tolist(), kept, strict=True))
    return np.array([rows_of.get(row, -1) for row in side.query.tolist()], dtype=np.int64)


def _rows_by_labels(
    search: Search, pairs: Mapping[str, Pairs], side: Sides, table: TrackletTable
) -> IntArray | None:
    """Return the rows if no person and camera has both queries and other tracklets in the gallery; else None."""
    expected = _protocol_pairs(side, table)
    is_own = np.isin(side.query, side.gallery).tolist()
    own = Counter(
        pair for pair, is_in_gallery in zip(expected["query"], is_own, strict=True) if is_in_gallery
    )
    in_gallery = Counter(expected["gallery"])
    if any(count != in_gallery[pair] for pair, count in own.items()):
        return None
    cameras = _cameras(expected)
    own_by_tracklets: dict[frozenset[tuple[tuple[str, int], int]], set[int]] = {}
    for camid, camera in cameras.items():
        people = {pid for pid, own_camid in own if own_camid == camid}
        # Interchangeable cameras must agree on the queries in the gallery.
        if own_by_tracklets.setdefault(frozenset(camera.items()), people) != people:
            return None
    partners = match_cameras(_cameras(_file_pairs(search)), cameras)
    free: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, (pid, camid) in enumerate(pairs["gallery"]):
        if pid != JUNK and own[pid, partners[camid]]:
            free[pid, camid].append(row)
    return np.array([free[pair].pop() if free.get(pair) else -1 for pair in pairs["query"]], dtype=np.int64)
