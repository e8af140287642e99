"""NumPy archives (.npz), read one array at a time with the size checked first."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from numpy.lib import format as npy
from numpy.typing import NDArray

from reidbench.arrays.budget import ArrayError, Budget
from reidbench.arrays.messages import NotAnArray
from reidbench.errors import describe_error, quote

_HEADERS: dict[tuple[int, int], Callable[..., Any]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}
# NumPy writes no others, and the other methods can need much memory before the first byte.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_npz(source: Path | IO[bytes], names: Iterable[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return those of the named arrays that an archive has, and the names of all its arrays, sorted.

    An array of Python objects is returned as `NotAnArray`; nothing is unpickled.

    Raises:
        ArrayError: the file is not an archive of arrays, is damaged, or an array is too large.
    """
    budget = Budget.from_environment()
    try:
        with zipfile.ZipFile(source) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            arrays = {name: _read(archive, members[name], name, budget) for name in names if name in members}
            return arrays, tuple(sorted(members))
    except zipfile.BadZipFile as error:
        raise ArrayError(f"it is not a complete NumPy archive: {describe_error(error)}") from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, budget: Budget) -> Any:
    if member.compress_type not in _METHODS:
        raise ArrayError(
            f"compression of {quote(name)} must be deflate or none, got method {member.compress_type}"
        )
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        if version not in _HEADERS:
            raise ArrayError(
                f"format of {quote(name)} must be version 1.0 or 2.0, got {version[0]}.{version[1]}"
            )
        shape, _, dtype = _HEADERS[version](stream)
        if dtype.hasobject:
            return NotAnArray("Python objects")
        budget.take(name, shape, dtype)
    with archive.open(member) as stream:
        array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
        return array
