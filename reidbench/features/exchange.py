"""Features made elsewhere, or made here for others: one file with queries, galleries and their labels.

HDF5: groups `query` and `gallery`, each with `features` (N, D), `pid` (N,), `camid` (N,) and optionally `tracklet_id`
(N,); optionally `distances` (Q, G) beside them, which are then used as they are. Sequences are `features` (N, T, D)
with `lengths` (N,), and need `distances`. Several searches lie under
`trial_00`, `trial_01`, ... `.npz` files hold the same under the names that `evaluate` uses, `.mat` files under those of
the widely used baseline (layumi): `query_f`, `query_label`, `query_cam`, `gallery_f`, `gallery_label`, `gallery_cam`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from reidbench.errors import FeatureError
from reidbench.files import replacing

FORMAT = "reidbench-search"
FORMAT_VERSION = 1
Array = npt.NDArray[Any]
SUFFIXES = (".h5", ".hdf5", ".npz", ".mat")
_FIELDS = ("features", "pid", "camid", "tracklet_id", "lengths")
_NPZ = {
    "query": {"features": "query_features", "pid": "query_pids", "camid": "query_camids"},
    "gallery": {"features": "gallery_features", "pid": "gallery_pids", "camid": "gallery_camids"},
}
_BASELINE = {
    side: {"features": f"{side}_f", "pid": f"{side}_label", "camid": f"{side}_cam"}
    for side in ("query", "gallery")
}


@dataclass(frozen=True, kw_only=True)
class Items:
    """One side of a search.

    Attributes:
        features: (N, D), or with distances also sequences (N, T, D) or several views of either; None where only
            distances are given.
        pid: (N,) persons.
        camid: (N,) cameras.
        tracklet_id: (N,) names that tell tracklets apart, or None.
        lengths: (N,) vectors in each sequence, or None.
    """

    features: Array | None
    pid: Array
    camid: Array
    tracklet_id: Array | None = None
    lengths: Array | None = None


@dataclass(frozen=True, kw_only=True)
class Search:
    """Queries and the gallery they are searched in.

    Attributes:
        name: where it stands in the file, for messages.
        distances: (Q, G), used as they are, or None.
    """

    name: str
    query: Items
    gallery: Items
    distances: Array | None = None


@dataclass(frozen=True, kw_only=True)
class SearchFile:
    """The searches of a file, and what else it says about itself."""

    searches: Sequence[Search]
    about: Mapping[str, Any] = field(default_factory=dict)


def read_searches(path: Path) -> SearchFile:
    """Read a file of features.

    Raises:
        FeatureError: another kind of file, a damaged one, a missing key, or labels of another number than the features.
    """
    readers: dict[str, Callable[[Path], SearchFile]] = {
        ".h5": _read_hdf5,
        ".hdf5": _read_hdf5,
        ".npz": _read_npz,
        ".mat": _read_mat,
    }
    if path.suffix not in readers:
        raise FeatureError(f"features {path} must be one of {', '.join(SUFFIXES)}, got '{path.suffix}'")
    try:
        return readers[path.suffix](path)
    except FeatureError:
        raise
    except Exception as error:  # parsers of damaged files may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FeatureError(f"features {path} cannot be read: {reason}; write the file again") from error


def write_searches(path: Path, file: SearchFile) -> None:
    """Write searches as HDF5, whole or not at all; several lie under `trial_00` and so on."""
    with replacing(path) as temporary, h5py.File(temporary, "w") as target:
        target.attrs["format"] = FORMAT
        target.attrs["format_version"] = FORMAT_VERSION
        target.attrs["about"] = json.dumps(dict(file.about), sort_keys=True)
        target.attrs["digest"] = _digest(file.searches)
        for index, search in enumerate(file.searches):
            place = target if len(file.searches) == 1 else target.create_group(f"trial_{index:02d}")
            for side, items in (("query", search.query), ("gallery", search.gallery)):
                group = place.create_group(side)
                for name in _FIELDS:
                    if (values := getattr(items, name)) is not None:
                        group.create_dataset(name, data=values)
            if search.distances is not None:
                place.create_dataset("distances", data=search.distances)


def _read_hdf5(path: Path) -> SearchFile:
    with h5py.File(path, "r") as file:
        trials = sorted(name for name in file if name.startswith("trial_"))
        places = [(name, file[name]) for name in trials] if trials else [("", file)]
        searches = [_search(name, _hdf5_fields(place), path) for name, place in places]
        if "digest" in file.attrs and file.attrs["digest"] != _digest(searches):
            raise FeatureError(
                f"features {path} are damaged: contents and digest do not agree; write them again"
            )
        return SearchFile(searches=searches, about=json.loads(file.attrs.get("about", "{}")))


def _digest(searches: Sequence[Search]) -> str:
    """Return the SHA-256 of all arrays; only files of our own carry it."""
    digest = hashlib.sha256()
    for search in searches:
        sides = [getattr(items, name) for items in (search.query, search.gallery) for name in _FIELDS]
        for array in (*sides, search.distances):
            if array is not None:
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _hdf5_fields(place: Any) -> dict[str, Array]:
    found = {f"{side}/{name}": place[side][name][()] for side, name in _present(place)}
    if "distances" in place:
        found["distances"] = place["distances"][()]
    return found


def _present(place: Any) -> Iterator[tuple[str, str]]:
    for side in ("query", "gallery"):
        for name in _FIELDS:
            if side in place and name in place[side]:
                yield side, name


def _read_npz(path: Path) -> SearchFile:
    with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    names = _BASELINE if "gallery_f" in found else _NPZ
    return SearchFile(searches=[_search("", _renamed(found, names), path, names)])


def _read_mat(path: Path) -> SearchFile:
    from scipy.io import loadmat

    wanted = [name for side in _BASELINE.values() for name in side.values()]
    return SearchFile(
        searches=[_search("", _renamed(loadmat(path, variable_names=wanted), _BASELINE), path, _BASELINE)]
    )


def _renamed(found: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]) -> dict[str, Array]:
    fields = {
        f"{side}/{name}": found[key]
        for side, keys in names.items()
        for name, key in keys.items()
        if key in found
    }
    if "distances" in found:
        fields["distances"] = found["distances"]
    for name in fields:
        if not name.endswith("features") and name != "distances":
            fields[name] = fields[name].reshape(-1)  # MATLAB keeps vectors as matrices of one row
    return fields


def _search(
    name: str, fields: Mapping[str, Array], path: Path, names: Mapping[str, Mapping[str, str]] | None = None
) -> Search:
    place = f"{path} ({name})" if name else str(path)
    distances = fields.get("distances")
    sides = {}
    for side in ("query", "gallery"):
        for wanted in ("features", "pid", "camid"):
            if f"{side}/{wanted}" not in fields and not (wanted == "features" and distances is not None):
                key = names[side][wanted] if names else f"{side}/{wanted}"
                raise FeatureError(f"features {place} lack '{key}'; write the file with all of its keys")
        sides[side] = _items(place, side, fields, has_distances=distances is not None)
    if distances is not None:
        shape = (len(sides["query"].pid), len(sides["gallery"].pid))
        if distances.shape != shape:
            raise FeatureError(
                f"features {place}: distances must have the shape {shape}, got {distances.shape}"
            )
    return Search(name=name, query=sides["query"], gallery=sides["gallery"], distances=distances)


def _items(place: str, side: str, fields: Mapping[str, Array], *, has_distances: bool) -> Items:
    features, pid, camid = (fields.get(f"{side}/{name}") for name in ("features", "pid", "camid"))
    if features is not None and features.ndim == 3 and not has_distances:
        raise FeatureError(
            f"features {place}: {side} holds sequences {features.shape}, which have no distance of their own; "
            "store 'distances' beside them, or one vector a tracklet"
        )
    given = {
        "features": features,
        "pid": pid,
        "camid": camid,
        "tracklet_id": fields.get(f"{side}/tracklet_id"),
        "lengths": fields.get(f"{side}/lengths"),
    }
    rows = {name: len(values) for name, values in given.items() if values is not None and values.ndim}
    if len(set(rows.values())) > 1:
        listed = ", ".join(f"{count} of {name}" for name, count in rows.items())
        raise FeatureError(f"features {place}: {side} has {listed}; each tracklet needs one of each")
    return Items(**given)  # type: ignore[arg-type]
