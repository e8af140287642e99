"""File formats of features: HDF5, NumPy archives and MATLAB files, read as plain arrays."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from reidbench.errors import FeatureError

Array: TypeAlias = NDArray[Any]
SIDES = ("query", "gallery")
FIELDS = ("features", "pid", "camid", "tracklet_id", "lengths")
DISTANCES = "distances"

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
    with h5py.File(path, "r") as file:
        trials = sorted((name for name in file if re.fullmatch(r"trial_\d+", name)), key=_trial_number)
        searches = [_hdf5_search(path, name, file[name]) for name in trials] or [_hdf5_search(path, "", file)]
        return RawFile(
            searches=tuple(searches),
            about=json.loads(file.attrs.get("about", "{}")),
            digest=file.attrs.get("digest"),
        )


def read_npz(path: Path) -> RawFile:
    """Read an archive with the argument names of `reidbench.evaluate` or those of the baseline."""
    with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
        keys = _BASELINE_KEYS if "gallery_f" in file.files else _NPZ_KEYS
        keys = {**keys, DISTANCES: DISTANCES}
        arrays = {name: _npz_array(path, file, key) for name, key in keys.items() if key in file.files}
        return RawFile(
            searches=(RawSearch(name="", arrays=arrays, keys=keys, stored=tuple(sorted(file.files))),)
        )


def read_mat(path: Path) -> RawFile:
    """Read a MATLAB file with the names of the baseline; version 7.3 is HDF5, older ones go through SciPy."""
    keys = {**_BASELINE_KEYS, DISTANCES: DISTANCES}
    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            stored = tuple(sorted(name for name in file if not name.startswith("#")))
            arrays = {
                name: _mat_array(path, key, _matlab_values(file, file[key]))
                for name, key in keys.items()
                if key in file
            }
    else:
        from scipy.io import loadmat, whosmat

        classes = {name: kind for name, _, kind in whosmat(path)}
        stored = tuple(sorted(classes))
        # SciPy 1.18 warns when it loads a sparse array.
        for key in keys.values():
            if classes.get(key) == "sparse":
                raise _full_array_error(path, key, "a sparse one")
        values = loadmat(path, variable_names=list(keys.values()))
        arrays = {name: _mat_array(path, key, values[key]) for name, key in keys.items() if key in values}
    return RawFile(searches=(RawSearch(name="", arrays=arrays, keys=keys, stored=stored),))


def _trial_number(name: str) -> int:
    return int(name.removeprefix("trial_"))


def _hdf5_search(path: Path, name: str, group: Any) -> RawSearch:
    stored: list[str] = []
    group.visititems(lambda key, node: stored.append(key) if isinstance(node, h5py.Dataset) else None)
    keys = {**_HDF5_KEYS, DISTANCES: DISTANCES}
    arrays = {key: _hdf5_array(group[key]) for key in keys if key in stored}
    return RawSearch(name=name, arrays=arrays, keys=keys, stored=tuple(stored))


def _hdf5_array(dataset: Any) -> Array:
    return np.empty(0) if dataset.shape is None else np.asarray(dataset[()])


def _npz_array(path: Path, file: Any, key: str) -> Array:
    try:
        return np.asarray(file[key])
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise FeatureError(
            f"features {path}: {key} must be an array of numbers or strings, got Python objects; store a plain array"
        ) from error


def _mat_array(path: Path, key: str, values: Any) -> Array:
    if isinstance(values, np.ndarray):
        return values
    raise _full_array_error(path, key, type(values).__name__)


def _full_array_error(path: Path, key: str, received: str) -> FeatureError:
    return FeatureError(f"features {path}: {key} must be a full array, got {received}; store a full array")


def _matlab_values(file: Any, node: Any) -> Any:
    """Return the values of a variable of version 7.3 in MATLAB's order of axes, which HDF5 stores reversed."""
    if not isinstance(node, h5py.Dataset):
        return node
    if node.attrs.get("MATLAB_empty", 0):
        return np.empty(tuple(int(size) for size in node[()]))
    kind = node.attrs.get("MATLAB_class", b"")
    values = np.ascontiguousarray(node[()].T)
    if kind == b"char":
        return np.array(["".join(map(chr, row)) for row in values.tolist()])
    if kind == b"cell":
        cells = np.empty(values.shape, dtype=object)
        for index, reference in np.ndenumerate(values):
            cells[index] = _matlab_values(file, file[reference])
        return cells
    return values
