"""FeatureStore: the HDF5 cache of embeddings.

A store is a folder of blocks, one HDF5 file each. A block is written to a temporary file and renamed when it is
complete, so a kill loses at most the block being written and no reader sees an incomplete one. Each block carries a
digest of its contents; a block that does not match its digest is named in a warning, removed and computed again. Two
runs that write the same block write the same contents.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from reidbench.files import replacing
from reidbench.fingerprints import fingerprint

FORMAT = "reidbench-features"
FORMAT_VERSION = 1
Array: TypeAlias = NDArray[Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Block:
    """The embeddings of some tracklets.

    Attributes:
        ids: N opaque tracklet ids.
        values: (N, D), or (N, T, D) with lengths; with several views, (N, A, D) or (N, A, T, D).
        views: (N,) number of views, or None.
        seconds: time that the computation took.
        lengths: (N,) vectors in each sequence, or None.
    """

    ids: tuple[str, ...]
    values: Array
    views: Array | None
    seconds: float
    lengths: Array | None = None

    @property
    def name(self) -> str:
        """Name of the block; it depends only on its tracklets."""
        return fingerprint(list(self.ids))[:32]

    def digest(self) -> str:
        """Return the SHA-256 of ids, values, views and lengths."""
        digest = hashlib.sha256("\n".join(self.ids).encode())
        for array in (self.values, self.views, self.lengths):
            if array is not None:
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


class FeatureStore:
    """The embeddings of one feature key."""

    def __init__(self, folder: Path, provenance: Mapping[str, Any]) -> None:
        self.folder = folder
        self.provenance = provenance
        self._blocks: dict[Path, Block] = {}
        self._index: dict[str, tuple[Path, int]] = {}
        self._refresh()

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Return the ids that are in no block, in the given order."""
        self._refresh()
        return [identifier for identifier in ids if identifier not in self._index]

    def write(self, block: Block) -> None:
        """Add a block; other processes can read it when this returns."""
        path = self.folder / f"{block.name}.h5"
        with replacing(path) as temporary, h5py.File(temporary, "w") as file:
            file.attrs["format"] = FORMAT
            file.attrs["format_version"] = FORMAT_VERSION
            file.attrs["provenance"] = json.dumps(self.provenance, sort_keys=True)
            file.attrs["seconds"] = block.seconds
            file.attrs["digest"] = block.digest()
            file.create_dataset("tracklet_id", data=np.array(block.ids, dtype="S"))
            file.create_dataset("features", data=block.values)
            if block.views is not None:
                file.create_dataset("views", data=block.views)
            if block.lengths is not None:
                file.create_dataset("lengths", data=block.lengths)
        self._add(path, block)

    def read(self, ids: Sequence[str]) -> tuple[Array, Array | None, Array | None]:
        """Return values, views and lengths of tracklets, in the given order.

        Views and sequences are padded with zeros to the largest count.

        Raises:
            KeyError: an id is in no block.
        """
        rows = [self._index[identifier] for identifier in ids]
        views, lengths = self._counts(rows, "views"), self._counts(rows, "lengths")
        items = []
        for number, (path, row) in enumerate(rows):
            # Drop the padding after the last view or vector.
            block = self._blocks[path]
            item = block.values[row]
            if views is not None:
                item = item[None] if block.views is None else item[: views[number]]
            if lengths is not None and block.lengths is not None:
                item = item[..., : lengths[number], :]
            items.append(item)
        shape = np.max([item.shape for item in items], axis=0)
        values = np.zeros((len(items), *shape), dtype=items[0].dtype)
        for target, item in zip(values, items, strict=True):
            target[tuple(slice(side) for side in item.shape)] = item
        return values, views, lengths

    def seconds(self, ids: Iterable[str]) -> dict[str, float]:
        """Return the seconds of each block with at least one of the tracklets, by block name."""
        return {
            self._blocks[path].name: self._blocks[path].seconds
            for path, _ in map(self._index.__getitem__, ids)
        }

    def _counts(self, rows: Sequence[tuple[Path, int]], name: Literal["views", "lengths"]) -> Array | None:
        """Return the views or lengths (N,) of rows of blocks, 1 in blocks without them; None if no block has any."""
        columns = {path: getattr(self._blocks[path], name) for path, _ in rows}
        if all(column is None for column in columns.values()):
            return None
        counts = [1 if columns[path] is None else int(columns[path][row]) for path, row in rows]
        return np.array(counts, dtype=np.int64)

    def _refresh(self) -> None:
        for path in sorted(self.folder.glob("*.h5")):
            if path not in self._blocks and not path.name.startswith("."):
                try:
                    self._add(path, read_block(path))
                except (OSError, KeyError, ValueError) as error:
                    log.warning(
                        "removed damaged feature file %s: %s; its features are computed again", path, error
                    )
                    path.unlink(missing_ok=True)

    def _add(self, path: Path, block: Block) -> None:
        self._blocks[path] = block
        for row, identifier in enumerate(block.ids):
            self._index.setdefault(identifier, (path, row))


def read_block(path: Path) -> Block:
    """Read one block and check its digest.

    Raises:
        OSError: not an HDF5 file, or a truncated one.
        KeyError: a dataset or attribute is missing.
        ValueError: another format or version, or contents that do not match the digest.
    """
    with h5py.File(path, "r") as file:
        form, version = file.attrs["format"], int(file.attrs["format_version"])
        if (form, version) != (FORMAT, FORMAT_VERSION):
            raise ValueError(
                f"format must be {FORMAT} version {FORMAT_VERSION}, got {form} version {version}"
            )
        block = Block(
            ids=tuple(identifier.decode() for identifier in file["tracklet_id"][()]),
            values=file["features"][()],
            views=file["views"][()] if "views" in file else None,
            seconds=float(file.attrs["seconds"]),
            lengths=file["lengths"][()] if "lengths" in file else None,
        )
        if block.digest() != file.attrs["digest"]:
            raise ValueError("its contents do not match their digest")
    return block
