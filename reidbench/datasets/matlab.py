"""Variables of MATLAB files, of version 5 (through SciPy) and of version 7.3 (HDF5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from reidbench.errors import DatasetError


def load_mat(path: Path, *names: str) -> dict[str, Any]:
    """Return variables of a MATLAB file as `scipy.io.loadmat` returns them, for both versions.

    Numeric arrays have MATLAB's order of axes, character arrays are arrays of one text per row, and cell arrays are
    arrays of objects.

    Raises:
        DatasetError: the file is missing, damaged, or lacks a variable.
    """
    if not path.is_file():
        raise DatasetError(f"file {path} is missing; restore it from the archive")
    try:
        variables = _load_7_3(path, names) if h5py.is_hdf5(path) else _load_5(path, names)
    # The parser of a damaged file may raise anything.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"cannot read {path}: {reason}; restore the file from the archive") from error
    if missing := [name for name in names if name not in variables]:
        raise DatasetError(f"{path} has no variable '{missing[0]}'; restore the file from the archive")
    return variables


def _load_5(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    from scipy.io import loadmat

    variables = loadmat(path, variable_names=list(names))
    return {name: variables[name] for name in names if name in variables}


def _load_7_3(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    with h5py.File(path, "r") as file:
        return {name: _convert(file, name, file[name]) for name in names if name in file}


def _convert(file: h5py.File, name: str, node: Any) -> Any:
    """Return an HDF5 dataset as an array; MATLAB stores axes in reverse order, and texts as numbers."""
    if not isinstance(node, h5py.Dataset):
        raise TypeError(f"variable '{name}' is a structure, expected an array")
    values = node[()]
    if node.attrs.get("MATLAB_empty", 0):
        # The stored values are the shape.
        return np.empty(tuple(int(size) for size in values))
    values = np.ascontiguousarray(np.transpose(values))
    kind = node.attrs.get("MATLAB_class", b"")
    if kind == b"char":
        return np.array(["".join(map(chr, row)) for row in np.atleast_2d(values).tolist()])
    if kind == b"cell" or h5py.check_ref_dtype(node.dtype) is not None:
        cells = np.empty(values.shape, dtype=object)
        for index, reference in np.ndenumerate(values):
            cells[index] = _convert(file, name, file[reference])
        return cells
    return values
