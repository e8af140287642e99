"""Where derived files live, and the locks that let several runs share them.

trees/<digest>/       rendered synthetic datasets, one data root each
fits/<key>/           checkpoint.pt while training, fitted.pt when done
features/<key>/       blocks of embeddings (HDF5)
trials/<key>.json     scores of one trial
attention/<key>.json  where a method looks in one trial
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reidbench.errors import CacheError

ENVIRONMENT_VARIABLE = "REIDBENCH_CACHE"


class Cache:
    """The folder of derived files; safe to delete, safe to share between runs."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else default_root()

    def tree(self, digest: str) -> Path:
        """Return the data root that holds the synthetic tree of this digest."""
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
        """Return the file of where a method looks in one trial."""
        return self.root / "attention" / f"{key[:32]}.json"

    @contextmanager
    def lock(self, part: Path) -> Iterator[None]:
        """Hold the lock of one part of the cache; a second run waits here and then finds the part done.

        The kernel gives the lock back when its holder dies, so a killed run never blocks the next one.
        """
        from filelock import FileLock

        place = self.root / "locks" / f"{part.parent.name}-{part.name}.lock"
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(place)
            lock.acquire()
        except OSError as error:
            raise CacheError(
                f"cannot use the cache at {self.root}: {error.strerror or error}; "
                f"set {ENVIRONMENT_VARIABLE} to a folder you can write to"
            ) from error
        try:
            yield
        finally:
            lock.release()


def default_root() -> Path:
    """Return `$REIDBENCH_CACHE`, else the platform's cache folder for reidbench."""
    if given := os.environ.get(ENVIRONMENT_VARIABLE):
        return Path(given).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("reidbench", appauthor=False)
