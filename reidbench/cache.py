"""Paths of cached files, and the locks with which several runs share them.

All paths are in a folder named after CACHE_VERSION; entries of other versions are never read.

trees/<digest>/       rendered synthetic datasets, one data root each
fits/<key>/           checkpoint.pt and epochs.json while training, fitted.pt when done
features/<key>/       blocks of embeddings (HDF5)
trials/<key>.json     scores of one trial
attention/<key>.json  attention against masks in one trial
digests/<folder>.bin  digests of the files of a dataset folder

Every file is an entry (see entries.py), except those of trees and locks.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reidbench.errors import CacheError

CACHE_VERSION = 2
"""Version of the format of all entries; version 1 had no version folder."""
ENVIRONMENT_VARIABLE = "REIDBENCH_CACHE"


class Cache:
    """The folder of cached files; several runs can share it, and it can be deleted while no run uses it.

    Attributes:
        base: folder of all versions.
        root: folder of this version.
    """

    def __init__(self, base: Path | None = None) -> None:
        self.base = base if base is not None else default_base()
        self.root = self.base / f"v{CACHE_VERSION}"

    def tree(self, digest: str) -> Path:
        """Return the data root of the rendered tree with this digest."""
        return self.root / "trees" / digest[:32]

    def fit(self, key: str) -> Path:
        """Return the workspace of one fit."""
        return self.root / "fits" / key[:32]

    def features(self, key: str) -> Path:
        """Return the folder of one feature store."""
        return self.root / "features" / key[:32]

    def trial(self, key: str) -> Path:
        """Return the file of one trial's scores."""
        return self.root / "trials" / f"{key[:32]}.json"

    def attention(self, key: str) -> Path:
        """Return the file of the attention in one trial."""
        return self.root / "attention" / f"{key[:32]}.json"

    def digests(self, dataset_folder: Path) -> Path:
        """Return the file of the digests of a dataset folder's files."""
        name = hashlib.sha256(str(dataset_folder.resolve()).encode()).hexdigest()
        return self.root / "digests" / f"{name[:32]}.bin"

    @contextmanager
    def lock(self, entry: Path) -> Iterator[None]:
        """Hold the lock of one cache entry; a second run waits for it and then finds the entry complete.

        The kernel releases the lock when the process ends, so a killed run never blocks the next one. In a cache that
        cannot be written, an existing entry is used without a lock; this is safe, because files are published by a
        rename.

        Raises:
            CacheError: the cache cannot be written, and the entry does not exist.
        """
        from filelock import FileLock

        path = self.root / "locks" / f"{entry.parent.name}-{entry.name}.lock"
        lock = FileLock(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            if not entry.exists():
                raise CacheError(
                    f"cannot use the cache at {self.base}: {error.strerror or error}; "
                    f"set {ENVIRONMENT_VARIABLE} to a writable directory"
                ) from error
        try:
            yield
        finally:
            # Does nothing if the lock is not held.
            lock.release()

    def delete(self, entry: Path) -> None:
        """Delete the folder of an entry, if it exists.

        Raises:
            CacheError: it cannot be deleted.
        """
        try:
            if entry.exists():
                shutil.rmtree(entry)
        except OSError as error:
            raise CacheError(
                f"cannot delete cache entry {entry}: {error.strerror or error}; set {ENVIRONMENT_VARIABLE} to a "
                "writable directory"
            ) from error


def default_base() -> Path:
    """Return `$REIDBENCH_CACHE`, or the platform's cache folder for reidbench."""
    if given := os.environ.get(ENVIRONMENT_VARIABLE):
        return Path(given).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("reidbench", appauthor=False)
