"""Atomic creation of a tree, safe with several processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock

from reidbench.datasets.marker import read_marker
from reidbench.errors import DatasetError


@contextmanager
def create_tree(destination: Path, digest: str) -> Iterator[Path | None]:
    """Yield a temporary folder and rename it to `destination` when the block ends without an error.

    Yields None if `destination` already holds a tree with this digest; its folder can then be read-only. Temporary
    folders of killed processes are removed. If two processes create the same tree, the second one waits and then uses
    the tree of the first.

    Raises:
        DatasetError: the destination holds other files, or it cannot be written.
    """
    # Each attempt has a unique name: a worker that outlives its killed parent cannot write into a later attempt.
    unfinished = destination.with_name(f".{destination.name}.{uuid4().hex}.unfinished")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(destination.parent, os.W_OK) and _is_complete(destination, digest):
            yield None
            return
        with FileLock(destination.with_name(f".{destination.name}.lock")):
            for unfinished_folder in destination.parent.glob(f".{destination.name}.*.unfinished"):
                shutil.rmtree(unfinished_folder, ignore_errors=True)
            if _is_complete(destination, digest):
                yield None
                return
            unfinished.mkdir()
            try:
                yield unfinished
                unfinished.replace(destination)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise DatasetError(
            f"cannot render to {destination}: {error}. Check free space and permissions."
        ) from error


def _is_complete(destination: Path, digest: str) -> bool:
    """Return whether the destination holds the tree with this digest.

    Raises:
        DatasetError: the destination holds other files.
    """
    if not destination.exists():
        return False
    if destination.is_dir() and not any(destination.iterdir()):
        return False
    marker = read_marker(destination) if destination.is_dir() else None
    if marker is not None and marker.digest == digest:
        return True
    contents = (
        "files that are not a synthetic tree" if marker is None else "a synthetic tree with other settings"
    )
    raise DatasetError(
        f"cannot render to {destination}: it holds {contents}. Choose another directory or remove this one."
    )
