"""Variables of MATLAB files, of version 5 (through SciPy) and of version 7.3 (HDF5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reidbench.arrays import ArrayError, ArrayReader, NotAnArray, share_reader
from reidbench.errors import DatasetError, quote


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
