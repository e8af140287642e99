"""Files of features: queries, galleries and their labels, from other programs or for them.

HDF5: groups `query` and `gallery`, each with `features` (N, D), `pid` (N,), `camid` (N,) and optionally `tracklet_id`
(N,); optionally `distances` (Q, G) next to the groups, which are then used as they are. Sequences are `features`
(N, T, D) with `lengths` (N,), and need `distances`. Several searches are stored in the groups `trial_00`, `trial_01`,
... `.npz` files hold the same arrays under the argument names of `reidbench.evaluate`, `.mat` files under the names of
the widely used baseline (layumi): `query_f`, `query_label`, `query_cam`, `gallery_f`, `gallery_label`, `gallery_cam`.
Labels are integers, floats without a fraction, or strings of digits; their shape is (N,), (1, N) or (N, 1).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from reidbench.arrays import ArrayError
from reidbench.errors import MAX_QUOTE, FeatureError, describe_error, quote
from reidbench.features.formats import (
    DISTANCES,
    FIELDS,
    SIDES,
    Array,
    RawFile,
    RawSearch,
    read_hdf5,
    read_mat,
    read_npz,
)
from reidbench.files import replacing

FORMAT = "reidbench-search"
FORMAT_VERSION = 1
_READERS: dict[str, Callable[[Path], RawFile]] = {
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ".npz": read_npz,
    ".mat": read_mat,
}
# Larger whole numbers share a float.
_MAX_FLOAT_LABEL = 2**53
# Maximum number of keys in a message.
_MAX_KEYS = 12
_MAX_DIGITS = 100
# Texts are converted one by one.
_MAX_TEXTS = 10_000_000


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
        name: group of the search in its file, "" for the root; used in messages.
        distances: (Q, G), used as they are, or None.
    """

    name: str
    query: Items
    gallery: Items
    distances: Array | None = None


@dataclass(frozen=True, kw_only=True)
class SearchFile:
    """The searches of a file, and what the file states about itself."""

    searches: Sequence[Search]
    about: Mapping[str, Any] = field(default_factory=dict)


def read_searches(path: Path) -> SearchFile:
    """Read a file of features.

    Labels come back as int64 (N,).

    Raises:
        FeatureError: an unknown suffix, a damaged file, a missing key, labels that are not integers, or fields of
            different lengths. The message names the file, the field and the fix.
    """
    if path.suffix.lower() not in _READERS:
        raise FeatureError(
            f"suffix of features {path} must be one of {', '.join(_READERS)}, got {quote(path.suffix)}; "
            "convert the file"
        )
    try:
        file = _READERS[path.suffix.lower()](path)
        searches = [_search(path, raw) for raw in file.searches]
        if file.digest is not None and file.digest != _digest([raw.arrays for raw in file.searches]):
            raise FeatureError(
                f"features {path} are damaged: their contents do not match their digest; write the file again"
            )
        return SearchFile(searches=searches, about=file.about)
    except FeatureError:
        raise
    except ArrayError as error:
        raise FeatureError(f"cannot read features {path}: {error}; write the file again") from error
    # Parsers of damaged files may raise anything.
    except Exception as error:
        raise FeatureError(
            f"cannot read features {path}: {describe_error(error)}; write the file again"
        ) from error


def write_searches(path: Path, file: SearchFile) -> None:
    """Write searches as HDF5, atomically; several go to the groups `trial_00`, `trial_01`, ..."""
    with replacing(path) as temporary, h5py.File(temporary, "w") as target:
        target.attrs["format"] = FORMAT
        target.attrs["format_version"] = FORMAT_VERSION
        target.attrs["about"] = json.dumps(dict(file.about), sort_keys=True)
        arrays = [_arrays(search) for search in file.searches]
        target.attrs["digest"] = _digest(arrays)
        for index, fields in enumerate(arrays):
            group = target if len(arrays) == 1 else target.create_group(f"trial_{index:02d}")
            for name, values in fields.items():
                group.create_dataset(name, data=values)


def _arrays(search: Search) -> dict[str, Array]:
    """Return the arrays of a search by field."""
    items = {"query": search.query, "gallery": search.gallery}
    arrays = {f"{side}/{name}": getattr(items[side], name) for side in SIDES for name in FIELDS}
    arrays[DISTANCES] = search.distances
    return {name: values for name, values in arrays.items() if values is not None}


def _digest(searches: Sequence[Mapping[str, Array]]) -> str:
    """Return the SHA-256 of all arrays; only files of our own carry it."""
    digest = hashlib.sha256()
    for arrays in searches:
        for name in (*(f"{side}/{name}" for side in SIDES for name in FIELDS), DISTANCES):
            if name in arrays:
                array = arrays[name]
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _search(path: Path, raw: RawSearch) -> Search:
    source = f"features {path} ({raw.name})" if raw.name else f"features {path}"
    distances = raw.arrays.get(DISTANCES)
    needed = ("pid", "camid") if distances is not None else ("features", "pid", "camid")
    missing = [f"{side}/{name}" for side in SIDES for name in needed if f"{side}/{name}" not in raw.arrays]
    if missing:
        raise FeatureError(
            f"{source}: key '{raw.keys[missing[0]]}' is missing, found {_list_keys(raw.stored)}; add the missing key"
        )
    query, gallery = (_items(source, side, raw) for side in SIDES)
    if distances is not None and distances.shape != (shape := (len(query.pid), len(gallery.pid))):
        fix = "store the transposed matrix" if distances.shape == shape[::-1] else "store one row per query"
        raise FeatureError(
            f"{source}: distances must have the shape {shape} (query, gallery), got {distances.shape}; {fix}"
        )
    return Search(name=raw.name, query=query, gallery=gallery, distances=distances)


def _list_keys(keys: Sequence[str]) -> str:
    listed = ", ".join(key[:MAX_QUOTE] for key in keys[:_MAX_KEYS]) or "no arrays"
    return f"{listed} and {len(keys) - _MAX_KEYS} more" if len(keys) > _MAX_KEYS else listed


def _items(source: str, side: str, raw: RawSearch) -> Items:
    arrays = {name: raw.arrays[key] for name in FIELDS if (key := f"{side}/{name}") in raw.arrays}
    keys = {name: raw.keys[f"{side}/{name}"] for name in FIELDS}
    features = arrays.get("features")
    if features is not None and features.ndim == 3 and DISTANCES not in raw.arrays:
        raise FeatureError(
            f"{source}: {keys['features']} must have the shape (N, D), got {features.shape}; "
            f"add '{DISTANCES}' (query, gallery), or store one vector per tracklet"
        )
    for name in ("pid", "camid", "lengths"):
        if name in arrays:
            arrays[name] = _as_integers(f"{source}: {keys[name]}", arrays[name])
    if "tracklet_id" in arrays:
        names = _as_vector(f"{source}: {keys['tracklet_id']}", arrays["tracklet_id"])
        arrays["tracklet_id"] = (
            np.array([_unwrap(name) for name in names]) if names.dtype == object else names
        )
    counts = {keys[name]: len(values) for name, values in arrays.items() if values.ndim}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} in {key}" for key, count in counts.items())
        is_transposed = (
            features is not None and features.ndim == 2 and features.shape[1] == len(arrays["pid"])
        )
        fix = f"store {keys['features']} as (N, D)" if is_transposed else "store one row per tracklet"
        raise FeatureError(f"{source}: the fields of {side} must have the same length, got {listed}; {fix}")
    return Items(
        features=features,
        pid=arrays["pid"],
        camid=arrays["camid"],
        tracklet_id=arrays.get("tracklet_id"),
        lengths=arrays.get("lengths"),
    )


def _as_vector(field_name: str, values: Array) -> Array:
    """Return values of the shape (N,), (1, N) or (N, 1) as (N,); MATLAB has no vectors, only matrices."""
    if values.size == 0:
        raise FeatureError(f"{field_name} is empty; store one value per tracklet")
    if values.ndim == 2 and 1 in values.shape:
        values = values.reshape(-1)
    if values.ndim != 1:
        raise FeatureError(
            f"{field_name} must have the shape (N,), (1, N) or (N, 1), got {values.shape}; store one value per tracklet"
        )
    return values


def _as_integers(field_name: str, values: Array) -> NDArray[np.int64]:
    """Return labels as int64 (N,)."""
    values = _as_vector(field_name, values)
    if values.dtype.kind == "i":
        return values.astype(np.int64)
    if values.dtype.kind not in "ufSUO":
        raise FeatureError(f"{field_name} must be integers, got {values.dtype}; store integer labels")
    if values.dtype.kind in "uf":
        # A comparison with NaN is false.
        is_good = (np.abs(values) <= 2.0**53) & (values == np.floor(values))
        if is_good.all():
            return values.astype(np.int64)
        row = int(np.argmin(is_good))
        _as_integer(f"{field_name} row {row}", values[row].item())
    elif len(values) > _MAX_TEXTS:
        raise FeatureError(
            f"{field_name} must have at most {_MAX_TEXTS:,} texts, got {len(values):,}; store integer labels"
        )
    return np.array(
        [_as_integer(f"{field_name} row {row}", value) for row, value in enumerate(values.tolist())],
        dtype=np.int64,
    )


def _unwrap(value: Any) -> Any:
    """Return bytes as text, and the value of a cell of a MATLAB cell array, which is an array of one."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _as_integer(field_name: str, value: Any) -> int:
    value = _unwrap(value)
    is_digits = isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]+\s*", value)
    is_whole = isinstance(value, float) and value.is_integer()
    if not (is_digits or is_whole or (isinstance(value, int) and not isinstance(value, bool))):
        raise FeatureError(
            f"{field_name} must be an integer or a string of digits, got {quote(value)}; number the labels"
        )
    # Python refuses to convert thousands of digits.
    number = int(value) if not isinstance(value, str) or len(value) <= _MAX_DIGITS else 2**63
    if is_whole and abs(number) > _MAX_FLOAT_LABEL:
        raise FeatureError(
            f"{field_name} must be at most {_MAX_FLOAT_LABEL:,} as a float, got {quote(value)}; store integer labels"
        )
    if not -(2**63) <= number < 2**63:
        raise FeatureError(
            f"{field_name} must fit into 64 bits, got {quote(value)}; number the labels from 1"
        )
    return number
