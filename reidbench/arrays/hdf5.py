"""Plain arrays of HDF5 files. Runs in the child process.

An HDF5 file can name other files: in links, in virtual datasets and in external storage. All of them are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from reidbench.arrays.budget import ArrayError, Budget
from reidbench.arrays.messages import PLAIN_KINDS, send, send_array
from reidbench.errors import quote

_MAX_SOFT_LINKS = 8
_MAX_LISTED = 200
_MAX_ATTRIBUTE = 1 << 20
_BLOCK_BYTES = 1 << 24


def find(group: Any, path: str, *, followed: int = 0) -> Any:
    """Return the group or dataset at a path inside a group, or None; only links inside the file are followed.

    Raises:
        ArrayError: the path leads out of the file.
    """
    node = group.file if path.startswith("/") else group
    for part in filter(None, path.split("/")):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            return None
        if isinstance(link, h5py.SoftLink) and followed < _MAX_SOFT_LINKS:
            node = find(node, link.path, followed=followed + 1)
        elif isinstance(link, h5py.HardLink):
            node = node[part]
        else:
            target = quote(getattr(link, "filename", None) or getattr(link, "path", "?"))
            raise ArrayError(f"{quote(path)} is a link out of the file, to {target}; store the array itself")
    return node


def list_arrays(group: Any, depth: int = 2) -> Iterator[str]:
    """Yield the paths of the datasets in a group and its groups."""
    for name in list(group)[:_MAX_LISTED]:
        try:
            node = find(group, name)
        except ArrayError:
            node = None
        if isinstance(node, h5py.Dataset):
            yield name
        elif isinstance(node, h5py.Group) and depth > 1:
            yield from (f"{name}/{inner}" for inner in list_arrays(node, depth - 1))


def send_groups(
    stream: IO[bytes], path: str, pattern: str, names: list[str], attributes: list[str], budget: Budget
) -> None:
    """Send the attributes of a file, then the named arrays of its groups that match a pattern, or else of its root."""
    with h5py.File(path, "r") as file:
        groups = sorted(
            (name for name in file if re.fullmatch(pattern, name)), key=lambda name: (len(name), name)
        )
        values = {name: _read_attribute(file, name) for name in attributes if name in file.attrs}
        send(stream, {"attributes": values, "groups": groups or [""]})
        for name in groups or [""]:
            group = find(file, name) if name else file
            if not isinstance(group, h5py.Group):
                raise ArrayError(f"{quote(name)} must be a group of arrays")
            stored = list(list_arrays(group))
            nodes = {key: node for key in names if (node := find(group, key)) is not None}
            send(stream, {"stored": stored, "names": list(nodes)})
            for key, node in nodes.items():
                send_dataset(stream, f"{name}/{key}".lstrip("/"), node, budget)


def send_dataset(stream: IO[bytes], name: str, node: Any, budget: Budget) -> None:
    """Send a dataset; a group, a structure or references are sent as something else."""
    if not isinstance(node, h5py.Dataset):
        send(stream, {"other": "a structure"})
        return
    check_storage(name, node, budget)
    if node.shape is None:
        send_array(stream, np.dtype(np.float64), (0,), [])
    elif is_text(node):
        texts = read_texts(name, node, budget)
        send_array(stream, texts.dtype, texts.shape, [texts])
    elif node.dtype.kind not in PLAIN_KINDS:
        send(stream, {"other": "references" if node.dtype.kind == "O" else f"values of {node.dtype}"[:80]})
    else:
        budget.take(name, node.shape, node.dtype)
        send_array(stream, node.dtype, node.shape, _read_blocks(node))


def check_storage(name: str, dataset: Any, budget: Budget) -> None:
    """Check that the values of a dataset are in its file, and that no chunk of them is larger than the limit.

    Raises:
        ArrayError: they are not, or one is.
    """
    if dataset.is_virtual:
        raise ArrayError(
            f"{quote(name)} is a virtual dataset, which has its values in other files; store the array itself"
        )
    if dataset.external:
        raise ArrayError(
            f"{quote(name)} has its values in the external file {quote(dataset.external[0][0])}; store the array itself"
        )
    if dataset.chunks:
        budget.check_all(f"a chunk of {name}", dataset.chunks, dataset.dtype)


def _read_blocks(dataset: Any) -> Iterator[NDArray[Any]]:
    """Yield the values in blocks of rows, so that a large array needs no second copy."""
    if dataset.ndim == 0 or not dataset.size:
        yield np.asarray(dataset[()])
        return
    row_bytes = max(1, dataset.size // dataset.shape[0] * dataset.dtype.itemsize)
    rows = max(1, _BLOCK_BYTES // row_bytes)
    if dataset.chunks:
        # Complete chunks, so that each is decompressed once.
        rows = -(-rows // dataset.chunks[0]) * dataset.chunks[0]
    for start in range(0, dataset.shape[0], rows):
        yield np.asarray(dataset[start : start + rows])


def is_text(dataset: Any) -> bool:
    """Return whether the values of a dataset are texts of different lengths."""
    return dataset.dtype.kind == "O" and h5py.check_string_dtype(dataset.dtype) is not None


def read_texts(name: str, dataset: Any, budget: Budget) -> NDArray[np.str_]:
    """Return texts of different lengths as an array of texts."""
    budget.check_all(name, dataset.shape, np.dtype("S64"))
    parts = []
    longest = 1
    for block in _read_blocks(dataset):
        texts = [
            text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
            for text in np.ravel(block).tolist()
        ]
        longest = max([longest, *map(len, texts)])
        budget.check_all(name, dataset.shape, np.dtype(f"U{longest}"))
        parts.append(np.array(texts, dtype="U"))
    budget.take(name, dataset.shape, np.dtype(f"U{longest}"))
    return np.concatenate([part.astype(f"U{longest}") for part in parts]).reshape(dataset.shape)


def _read_attribute(file: Any, name: str) -> str | None:
    """Return an attribute as text; None if it is something else."""
    identifier = file.attrs.get_id(name)
    if identifier.shape not in ((), (1,)) or identifier.dtype.itemsize > _MAX_ATTRIBUTE:
        return None
    value = file.attrs[name]
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value[:_MAX_ATTRIBUTE] if isinstance(value, str) else None
