"""Messages between a reading process and its parent: lines of JSON, and the bytes of arrays in frames.

An array is a header with dtype and shape, then frames of bytes, each after its length. A length of -1 means that the
reader failed in the middle; a header with the error follows.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from reidbench.arrays.budget import ArrayError

PLAIN_KINDS = "biufcSU"
"""Kinds of dtypes whose bytes are the values."""
_LENGTH = struct.Struct("<q")
_FAILED = -1


@dataclass(frozen=True)
class NotAnArray:
    """Stands for a variable that is not a plain array; `kind` describes it."""

    kind: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group of an HDF5 file: the requested arrays, and the names of all arrays in it."""

    name: str
    arrays: Mapping[str, Any]
    stored: tuple[str, ...]


def send(stream: IO[bytes], header: Mapping[str, Any]) -> None:
    """Write a header."""
    stream.write(json.dumps(header).encode() + b"\n")


def receive(stream: IO[bytes]) -> dict[str, Any]:
    """Read a header.

    Raises:
        EOFError: the other process ended.
        ArrayError: the header is an error.
    """
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    header: dict[str, Any] = json.loads(line)
    if "error" in header:
        raise ArrayError(header["error"])
    return header


def send_array(
    stream: IO[bytes], dtype: np.dtype, shape: Iterable[int], blocks: Iterable[NDArray[Any]]
) -> None:
    """Write an array of a plain dtype in blocks of rows."""
    send(stream, {"dtype": dtype.str, "shape": list(shape)})
    blocks = iter(blocks)
    while True:
        try:
            block = next(blocks, None)
        except BaseException:
            stream.write(_LENGTH.pack(_FAILED))
            raise
        if block is None:
            return
        contents = np.ascontiguousarray(block, dtype=dtype).reshape(-1).view(np.uint8).data
        if contents.nbytes:
            stream.write(_LENGTH.pack(contents.nbytes))
            stream.write(contents)


def receive_node(stream: IO[bytes]) -> Any:
    """Read an array, an array of objects whose items are nodes, or `NotAnArray`; errors as in `receive`."""
    header = receive(stream)
    if "other" in header:
        return NotAnArray(header["other"])
    if "cells" in header:
        cells = np.empty(tuple(header["cells"]), dtype=object)
        for index in np.ndindex(cells.shape):
            cells[index] = receive_node(stream)
        return cells
    array = np.empty(tuple(header["shape"]), dtype=_plain_dtype(header["dtype"]))
    contents = array.reshape(-1).view(np.uint8).data if array.size else memoryview(b"")
    position = 0
    while position < contents.nbytes:
        (length,) = _LENGTH.unpack(_read_exactly(stream, _LENGTH.size))
        if length == _FAILED:
            receive(stream)
        if not 0 < length <= contents.nbytes - position:
            raise ArrayError(f"the child process sent {length} bytes too many")
        position += _read_into(stream, contents[position : position + length])
    return array


def _plain_dtype(text: str) -> np.dtype:
    dtype = np.dtype(text)
    if dtype.kind not in PLAIN_KINDS:
        raise ArrayError(f"the child process sent an array of {dtype}")
    return dtype


def _read_exactly(stream: IO[bytes], count: int) -> bytes:
    contents = stream.read(count)
    if len(contents) < count:
        raise EOFError
    return contents


def _read_into(stream: Any, target: memoryview) -> int:
    position = 0
    while position < target.nbytes:
        count = stream.readinto(target[position:])
        if not count:
            raise EOFError
        position += count
    return position
