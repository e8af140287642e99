"""Names of a feature file compared with the items of a protocol."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from reidbench.datasets.tracklets import IntArray, TrackletTable
from reidbench.errors import FeatureError, quote
from reidbench.features import Items, Search
from reidbench.protocols.trials import JUNK, Sides

log = logging.getLogger(__name__)


def read_names(items: Items) -> list[str]:
    """Return the names of items; empty if the file has none."""
    names = [] if items.tracklet_id is None else items.tracklet_id.tolist()
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names]


def check_names(file: Path, searches: Sequence[Search], sides: Sequence[Sides], table: TrackletTable) -> None:
    """Check that each named row has the labels of the item with this name, and that each item occurs once.

    Cameras may be renumbered, and rows may be in any order. A file whose names are all unknown has a numbering of its
    own; its names are not compared, and one warning line states this.

    Args:
        file: for messages.
        searches: each has the persons and cameras of its side.
        sides: the protocol's rows of each search.
        table: the protocol's tracklets.

    Raises:
        FeatureError: an unknown name, a name that occurs twice, or a name of another person or camera.
    """
    named = [
        (index, search, side)
        for index, (search, side) in enumerate(zip(searches, sides, strict=True))
        if _has_names(search)
    ]
    known = set(table.names)
    if not named:
        return
    if not any(
        name in known for _, search, _ in named for part in _parts(search) for name in read_names(part)
    ):
        log.warning(
            "names of features %s are not compared: no tracklet_id is the name of an item of the dataset, such as %s",
            file,
            quote(table.names[0]),
        )
        return
    for index, search, side in named:
        source = f"features {file}{f' ({search.name})' if search.name else ''}: trial {index}"
        cameras: dict[int, int] = {}
        for part, items, rows in (
            ("query", search.query, side.query),
            ("gallery", search.gallery, side.gallery),
        ):
            for camid, other in _check_side(f"{source}, {part}", items, rows, table):
                if cameras.setdefault(camid, other) != other:
                    raise FeatureError(
                        f"{source}, {part}: the tracklets of camera {camid} are named as those of cameras "
                        f"{cameras[camid]} and {other} of the protocol; store each row's own tracklet_id"
                    )


def _check_side(source: str, items: Items, rows: IntArray, table: TrackletTable) -> Iterator[tuple[int, int]]:
    """Yield the camera of each row in the file, and in the protocol."""
    rows_of = {table.names[row]: row for row in rows.tolist()}
    used: set[str] = set()
    labels = zip(read_names(items), items.pid.tolist(), items.camid.tolist(), strict=True)
    for index, (name, pid, camid) in enumerate(labels):
        if pid == JUNK:
            continue
        if name not in rows_of:
            raise FeatureError(
                f"{source}: tracklet_id of row {index} must be the name of a tracklet of the protocol, got "
                f"{quote(name)}; embed exactly the tracklets of the protocol"
            )
        if name in used:
            raise FeatureError(f"{source}: tracklet_id {quote(name)} occurs twice; store each tracklet once")
        used.add(name)
        row = rows_of[name]
        if table.pids[row] != pid:
            raise FeatureError(
                f"{source}: row {index} must be person {table.pids[row]}, as its tracklet_id is {quote(name)}, got "
                f"person {pid}; store features, labels and names in the same order"
            )
        yield camid, int(table.camids[row])


def _parts(search: Search) -> tuple[Items, Items]:
    return search.query, search.gallery


def _has_names(search: Search) -> bool:
    return all(items.tracklet_id is not None for items in _parts(search))
