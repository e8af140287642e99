"""Variables of MATLAB files, of version 5 (through SciPy) and of version 7.3 (HDF5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from reidbench.arrays import ArrayError, ArrayReader, NotAnArray, share_reader
from reidbench.datasets.tracklets import IntArray
from reidbench.errors import DatasetError, quote

_MAX_INTEGER = 10.0**15


def load_mat(path: Path, *names: str) -> dict[str, Any]:
    """Return variables of a MATLAB file as `scipy.io.loadmat` returns them, for both versions.

    Numeric arrays have MATLAB's order of axes, character arrays are arrays of one text per row, and cell arrays are
    arrays of objects. The file is read in a child process; all files of a dataset share one.

    Raises:
        DatasetError: the file is missing, damaged, too large, or lacks a variable.
    """
    with _open(path) as reader:
        variables, _ = reader.read_mat(path, names)
    if missing := [name for name in names if name not in variables]:
        raise DatasetError(f"{path} has no variable {quote(missing[0])}; restore the file from the archive")
    for name, values in variables.items():
        if isinstance(values, NotAnArray):
            raise DatasetError(
                f"cannot read {path}: variable {quote(name)} is {values.kind}, expected an array; "
                "restore the file from the archive"
            )
    return variables


def load_integers(path: Path, *names: str) -> dict[str, IntArray]:
    """Return variables of a MATLAB file that hold whole numbers of at most 15 digits; errors as in `load_mat`."""
    return {name: check_integers(path, name, values) for name, values in load_mat(path, *names).items()}


def check_integers(path: Path, name: str, values: Any) -> IntArray:
    """Return an array of whole numbers as int64.

    Raises:
        DatasetError: the values are of another type, not finite, not whole, or have more than 15 digits.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "uif":
        raise DatasetError(
            f"{path}: {quote(name)} must have whole numbers, got an array {array.shape} of {array.dtype}; "
            "restore it from the archive"
        )
    # A comparison with NaN is false.
    is_good = (np.abs(array.astype(np.float64)) <= _MAX_INTEGER) & (array == np.floor(array))
    if not is_good.all():
        wrong = array[np.unravel_index(int(np.argmin(is_good)), array.shape)]
        raise DatasetError(
            f"{path}: {quote(name)} must have whole numbers of at most 15 digits, got {quote(wrong)}; "
            "restore it from the archive"
        )
    return array.astype(np.int64)


@contextmanager
def open_cells(path: Path, name: str) -> Iterator[tuple[list[tuple[int, ...]], Iterator[Any]]]:
    """Yield the shapes of the cells in a cell of a file of version 7.3, and an iterator over their items.

    The items of the cells come one after the other, each in the order of its rows, and only one is in memory.

    Raises:
        DatasetError: the file is missing or damaged, or the variable is not a cell of cells.
    """
    with _open(path) as reader, reader.read_cells(path, name) as cells:
        yield cells


@contextmanager
def _open(path: Path) -> Iterator[ArrayReader]:
    if not path.is_file():
        raise DatasetError(f"file {path} is missing; restore it from the archive")
    try:
        with share_reader() as reader:
            yield reader
    except ArrayError as error:
        raise DatasetError(f"cannot read {path}: {error}; restore the file from the archive") from error
