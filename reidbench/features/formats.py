"""File formats of features: HDF5, NumPy archives and MATLAB files, read as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from numpy.typing import NDArray

from reidbench.arrays import NotAnArray, share_reader
from reidbench.arrays import read_npz as read_archive
from reidbench.errors import FeatureError, describe_error

Array: TypeAlias = NDArray[Any]
SIDES = ("query", "gallery")
FIELDS = ("features", "pid", "camid", "tracklet_id", "lengths")
DISTANCES = "distances"
_TRIAL_GROUP = r"trial_[0-9]{1,6}"

_HDF5_KEYS = {f"{side}/{name}": f"{side}/{name}" for side in SIDES for name in FIELDS}
# Names of the arguments of `reidbench.evaluate`.
_NPZ_KEYS = {
    f"{side}/{name}": f"{side}_{key}"
    for side in SIDES
    for name, key in zip(FIELDS, ("features", "pids", "camids", "tracklet_ids", "lengths"), strict=True)
}
# Names of the widely used baseline, https://github.com/layumi/Person_reID_baseline_pytorch.
_BASELINE_KEYS = {
    f"{side}/{name}": f"{side}_{key}"
    for side in SIDES
    for name, key in zip(FIELDS, ("f", "label", "cam", "tracklet_id", "lengths"), strict=True)
}


@dataclass(frozen=True, kw_only=True)
class RawSearch:
    """The arrays of one search as a file stores them.

    Attributes:
        name: group of the search in the file, "" for the root.
        arrays: by field, such as "query/pid"; the matrix is "distances".
        keys: the file's own name of each field.
        stored: names of all arrays in the group.
    """

    name: str
    arrays: Mapping[str, Array]
    keys: Mapping[str, str]
    stored: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RawFile:
    """The searches of a file as it stores them.

    Attributes:
        searches: in the order of the trials.
        about: what the file states about itself.
        digest: digest of the arrays, in files of our own.
    """

    searches: tuple[RawSearch, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    digest: str | None = None


def read_hdf5(path: Path) -> RawFile:
    """Read groups `query` and `gallery`, at the root or in each of `trial_00`, `trial_01`, ..."""
    keys = {**_HDF5_KEYS, DISTANCES: DISTANCES}
    with share_reader() as reader:
        groups, attributes = reader.read_hdf5(
            path, list(keys), pattern=_TRIAL_GROUP, attributes=("about", "digest")
        )
    searches = [
        RawSearch(
            name=group.name, arrays=_check_arrays(path, group.arrays, keys), keys=keys, stored=group.stored
        )
        for group in groups
    ]
    return RawFile(
        searches=tuple(searches),
        about=_parse_about(path, attributes.get("about") or "{}"),
        digest=attributes.get("digest"),
    )


def read_npz(path: Path) -> RawFile:
    """Read an archive with the argument names of `reidbench.evaluate` or those of the baseline."""
    names = {*_BASELINE_KEYS.values(), *_NPZ_KEYS.values(), DISTANCES}
    arrays, stored = read_archive(path, sorted(names))
    keys = {**(_BASELINE_KEYS if "gallery_f" in stored else _NPZ_KEYS), DISTANCES: DISTANCES}
    return RawFile(searches=(_make_search(path, arrays, keys, stored),))


def read_mat(path: Path) -> RawFile:
    """Read a MATLAB file with the names of the baseline; version 7.3 is HDF5, older ones go through SciPy."""
    keys = {**_BASELINE_KEYS, DISTANCES: DISTANCES}
    with share_reader() as reader:
        arrays, stored = reader.read_mat(path, list(keys.values()))
    return RawFile(searches=(_make_search(path, arrays, keys, stored),))


def _make_search(
    path: Path, arrays: Mapping[str, Any], keys: Mapping[str, str], stored: tuple[str, ...]
) -> RawSearch:
    fields = {name: arrays[key] for name, key in keys.items() if key in arrays}
    return RawSearch(name="", arrays=_check_arrays(path, fields, keys), keys=keys, stored=stored)


def _check_arrays(path: Path, fields: Mapping[str, Any], keys: Mapping[str, str]) -> Mapping[str, Array]:
    """Return the fields of a search; each must be an array."""
    for name, values in fields.items():
        if isinstance(values, NotAnArray):
            raise FeatureError(
                f"features {path}: {keys[name]} must be a full array of numbers or strings, got {values.kind}; "
                "store a plain array"
            )
    return fields


def _parse_about(path: Path, text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    # msgspec raises a RecursionError for text that is nested too deeply.
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise FeatureError(
            f"features {path}: attribute 'about' must be a JSON object, but {describe_error(error)}; "
            "write the file again"
        ) from error
