"""A tree appears under its final name whole or not at all, also when several processes want it at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock

from reidbench.datasets.marker import read_marker
from reidbench.errors import DatasetError


@contextmanager
def placed_tree(destination: Path, digest: str) -> Iterator[Path | None]:
    """Give a temporary folder to fill and rename it to `destination` when the block ends well.

    Yields None when a tree of the same digest lies at the destination already. Leavings of a killed attempt
    are removed; a second process waits for the first, and then finds its tree.

    Raises:
        DatasetError: something else lies at the destination, or it cannot be written.
    """
    # a name of its own for each attempt: a worker that outlives a killed one must not write into the next
    unfinished = destination.with_name(f".{destination.name}.{uuid4().hex}.unfinished")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(destination.with_name(f".{destination.name}.lock")):
            for left in destination.parent.glob(f".{destination.name}.*.unfinished"):
                shutil.rmtree(left, ignore_errors=True)
            if _is_taken(destination, digest):
                yield None
                return
            unfinished.mkdir()
            try:
                yield unfinished
                unfinished.replace(destination)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise DatasetError(f"cannot render to {destination}: {error}; check space and permissions") from error


def _is_taken(destination: Path, digest: str) -> bool:
    """Tell whether the wanted tree is there; refuse when something else is."""
    if not destination.exists():
        return False
    if destination.is_dir() and not any(destination.iterdir()):
        return False
    marker = read_marker(destination) if destination.is_dir() else None
    if marker is not None and marker["digest"] == digest:
        return True
    found = "files that are no synthetic tree" if marker is None else "a synthetic tree of other settings"
    raise DatasetError(
        f"cannot render to {destination}: it holds {found}; choose another folder or remove it"
    )
