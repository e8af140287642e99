"""FeatureStore: the HDF5 cache of embeddings.

A store is a folder of blocks, one HDF5 file each. Each block is a cache entry (see entries.py): a kill loses at most
the block being written, and a damaged block is named, removed and computed again. Two runs that write the same block
write the same contents.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from reidbench.entries import read_entry, write_entry
from reidbench.fingerprints import fingerprint

FORMAT = "reidbench-features"
FORMAT_VERSION = 3
Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Block:
    """The embeddings of some tracklets.

    Attributes:
        ids: N row digests, which identify the tracklets.
        values: (N, D), or (N, T, D) with lengths; with several views, (N, A, D) or (N, A, T, D).
        views: (N,) number of views, or None.
        seconds: time that the computation took.
        lengths: (N,) vectors in each sequence, or None.
        environment: machine and software that computed them, as JSON; "" if unknown.
    """

    ids: tuple[str, ...]
    values: Array
    views: Array | None
    seconds: float
    lengths: Array | None = None
    environment: str = ""

    @property
    def name(self) -> str:
        """Name of the block; it depends only on its tracklets."""
        return fingerprint(list(self.ids))[:32]


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
        write_entry(path, _to_hdf5(block, self.provenance))
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

    def environments(self, ids: Iterable[str]) -> list[str]:
        """Return the known environments of blocks with at least one of the tracklets, each once, as JSON."""
        found = [self._blocks[path].environment for path, _ in map(self._index.__getitem__, ids)]
        return [text for text in dict.fromkeys(found) if text]

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
                block = read_entry(path, _from_hdf5)
                if block is not None:
                    self._add(path, block)

    def _add(self, path: Path, block: Block) -> None:
        self._blocks[path] = block
        for row, identifier in enumerate(block.ids):
            self._index.setdefault(identifier, (path, row))


def _to_hdf5(block: Block, provenance: Mapping[str, Any]) -> bytes:
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["provenance"] = json.dumps(provenance, sort_keys=True)
        file.attrs["seconds"] = block.seconds
        file.attrs["environment"] = block.environment
        file.create_dataset("tracklet_id", data=np.array(block.ids, dtype="S"))
        file.create_dataset("features", data=block.values)
        if block.views is not None:
            file.create_dataset("views", data=block.views)
        if block.lengths is not None:
            file.create_dataset("lengths", data=block.lengths)
    return image.getvalue()


def _from_hdf5(payload: bytes) -> Block:
    """Return the block of a file.

    Raises:
        OSError: not an HDF5 file.
        KeyError: a dataset or attribute is missing.
        ValueError: another format or version.
    """
    with h5py.File(io.BytesIO(payload), "r") as file:
        form, version = file.attrs["format"], int(file.attrs["format_version"])
        if (form, version) != (FORMAT, FORMAT_VERSION):
            raise ValueError(
                f"format must be {FORMAT} version {FORMAT_VERSION}, got {form} version {version}"
            )
        return Block(
            ids=tuple(identifier.decode() for identifier in file["tracklet_id"][()]),
            values=file["features"][()],
            views=file["views"][()] if "views" in file else None,
            seconds=float(file.attrs["seconds"]),
            lengths=file["lengths"][()] if "lengths" in file else None,
            environment=str(file.attrs["environment"]),
        )
