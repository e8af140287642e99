"""Variables of MATLAB files, of version 5 (through SciPy) and of version 7.3 (HDF5). Runs in the child process."""

from __future__ import annotations

import math
from pathlib import Path
from typing import IO, Any

import numpy as np

from reidbench.arrays.budget import ArrayError, Budget
from reidbench.arrays.messages import PLAIN_KINDS, send, send_array
from reidbench.errors import quote

_MAX_DEPTH = 4
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Bytes per value in memory; cells and structures are pointers to their contents.
_CLASS_BYTES = {"double": 8, "single": 4, "char": 4, "logical": 1} | {
    f"{sign}int{bits}": bits // 8 for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def send_variables(stream: IO[bytes], path: str, names: list[str], budget: Budget) -> None:
    """Send the names of all variables of a file, then those of the named ones that it has."""
    if is_hdf5(Path(path)):
        _send_7_3(stream, path, names, budget)
    else:
        _send_5(stream, path, names, budget)


def is_hdf5(path: Path) -> bool:
    """Return whether a file has the signature of HDF5, at the start or after a block of 512, 1024, ... bytes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        offset = 0
        while offset < size:
            file.seek(offset)
            if file.read(len(_SIGNATURE)) == _SIGNATURE:
                return True
            offset = max(512, 2 * offset)
    return False


def _send_5(stream: IO[bytes], path: str, names: list[str], budget: Budget) -> None:
    from scipy.io import loadmat, whosmat

    described = {name: (shape, kind) for name, shape, kind in whosmat(path)}
    for name in names:
        if name in described:
            shape, kind = described[name]
            # Only to check it: the arrays in cells are counted when they are sent.
            budget.check_all(name, shape, np.dtype(f"S{_CLASS_BYTES.get(kind, 8)}"))
    # SciPy 1.18 warns when it loads a sparse array.
    wanted = [name for name in names if name in described and described[name][1] != "sparse"]
    variables = loadmat(path, variable_names=wanted) if wanted else {}
    found = [name for name in names if name in variables or described.get(name, ("", ""))[1] == "sparse"]
    send(stream, {"stored": sorted(described), "names": found})
    for name in found:
        if name in variables:
            _send_value(stream, name, variables[name], budget, 0)
        else:
            send(stream, {"other": "a sparse one"})


def _send_value(stream: IO[bytes], name: str, value: Any, budget: Budget, depth: int) -> None:
    _check_depth(name, depth)
    if not isinstance(value, np.ndarray):
        send(stream, {"other": type(value).__name__})
    elif value.dtype.kind == "O":
        budget.take(name, value.shape, np.dtype("S64"))
        send(stream, {"cells": value.shape})
        for item in value.ravel():
            _send_value(stream, name, item, budget, depth + 1)
    elif value.dtype.kind not in PLAIN_KINDS:
        send(stream, {"other": "a structure"})
    else:
        budget.take(name, value.shape, value.dtype)
        send_array(stream, value.dtype, value.shape, [value])


def _send_7_3(stream: IO[bytes], path: str, names: list[str], budget: Budget) -> None:
    import h5py

    from reidbench.arrays.hdf5 import find

    with h5py.File(path, "r") as file:
        nodes = {name: node for name in names if (node := find(file, name)) is not None}
        stored = sorted(name for name in file if not name.startswith("#"))
        send(stream, {"stored": stored[:200], "names": list(nodes)})
        for name, node in nodes.items():
            _send_node(stream, file, name, node, budget, 0)


def send_cells(stream: IO[bytes], path: str, name: str, budget: Budget) -> None:
    """Send the items of all cells in a cell, one after the other, after the shapes of the inner cells."""
    import h5py

    from reidbench.arrays.hdf5 import check_storage, find

    def read_cells(node: Any) -> Any:
        if (
            not isinstance(node, h5py.Dataset)
            or h5py.check_ref_dtype(node.dtype) is None
            or node.shape is None
        ):
            raise ArrayError(f"{quote(name)} must be a cell of cells")
        check_storage(name, node, budget)
        budget.check_all(name, node.shape, np.dtype("S64"))
        return np.transpose(node[()])

    with h5py.File(path, "r") as file:
        cells = [read_cells(file[reference]) for reference in read_cells(find(file, name)).ravel()]
        send(stream, {"shapes": [cell.shape for cell in cells]})
        for cell in cells:
            for reference in cell.ravel():
                # Only one item is in memory at a time.
                _send_node(stream, file, name, file[reference], Budget(budget.limit), 1)


def _send_node(stream: IO[bytes], file: Any, name: str, node: Any, budget: Budget, depth: int) -> None:
    """Send an HDF5 dataset; MATLAB stores axes in reverse order, and texts as numbers."""
    import h5py

    from reidbench.arrays.hdf5 import check_storage, is_text, read_texts

    _check_depth(name, depth)
    if not isinstance(node, h5py.Dataset) or node.shape is None:
        send(stream, {"other": "a structure"})
        return
    check_storage(name, node, budget)
    kind = node.attrs.get("MATLAB_class", b"")
    is_cell = kind == b"cell" or h5py.check_ref_dtype(node.dtype) is not None
    if is_text(node):
        texts = read_texts(name, node, budget)
        send_array(stream, texts.dtype, texts.shape, [texts])
        return
    if node.dtype.kind not in PLAIN_KINDS and not is_cell:
        send(stream, {"other": "a structure"})
        return
    budget.take(name, node.shape, np.dtype("S64") if is_cell else node.dtype)
    values = node[()]
    if node.attrs.get("MATLAB_empty", 0):
        # The stored values are the shape.
        shape = [int(size) for size in np.ravel(values)]
        if math.prod(shape):
            raise ArrayError(f"{quote(name)} is empty, but its shape is {quote(shape)}")
        send_array(stream, np.dtype(np.float64), shape, [])
        return
    values = np.ascontiguousarray(np.transpose(values))
    if is_cell:
        send(stream, {"cells": values.shape})
        for reference in values.ravel():
            _send_node(stream, file, name, file[reference], budget, depth + 1)
    elif kind == b"char":
        texts = np.array(["".join(map(chr, row)) for row in np.atleast_2d(values).tolist()])
        send_array(stream, texts.dtype, texts.shape, [texts])
    else:
        send_array(stream, values.dtype, values.shape, [values])


def _check_depth(name: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ArrayError(f"cells of {quote(name)} must be nested at most {_MAX_DEPTH} deep")
