"""The contents of the cache: sizes, damaged entries, and deletion of what no run reads."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reidbench.cache import CACHE_VERSION, Cache
from reidbench.datasets.marker import read_file_list, read_marker
from reidbench.datasets.tree_check import compare_files
from reidbench.entries import find_damage
from reidbench.errors import DatasetError

KINDS = ("trees", "fits", "features", "trials", "attention", "digests")
# The names of entries, of locks, and of temporary files and folders. Other files in the folder of the cache are kept.
_ENTRY = re.compile(r"\.?[0-9a-f]{32}(\..*)?|[a-z]+-[0-9a-f]{32}.*\.lock")
# A method may write other files to the workspace of its fit.
_ENTRY_FILES = (
    "fits/*/fitted.pt",
    "fits/*/checkpoint.pt",
    "fits/*/epochs.json",
    "features/*/[!.]*",
    "trials/[!.]*",
    "attention/[!.]*",
    "digests/[!.]*",
)
_TEMPORARY = (".part", ".unfinished")
# A running process writes a temporary file within this time.
_TEMPORARY_SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True)
class CacheSize:
    """The size of a group of entries.

    Attributes:
        version: version of the cache that wrote them.
        contents: kind of the entries, or the reason to delete them.
        entries: number of entries.
        bytes: size of their files.
    """

    version: int
    contents: str
    entries: int
    bytes: int


def measure(cache: Cache) -> list[CacheSize]:
    """Return the size of every kind of entries in every version, the newest version first."""
    folders = [(CACHE_VERSION, cache.root), *_find_older_folders(cache)]
    return [
        CacheSize(
            version=version,
            contents=kind,
            entries=len(entries),
            bytes=sum(map(_count_bytes, entries)),
        )
        for version, folder in folders
        for kind in KINDS
        if (entries := _list_entries(folder / kind))
    ]


def describe_older(cache: Cache) -> str | None:
    """Return one line with the size of the entries of older versions; None if there are no such entries."""
    older = [size for size in measure(cache) if size.version < CACHE_VERSION]
    if not older:
        return None
    return (
        f"the cache at {cache.base} has {format_bytes(sum(size.bytes for size in older))} of older versions, which "
        "are never read; `reidbench cache prune` deletes them"
    )


def find_damaged(cache: Cache) -> Iterator[tuple[Path, str]]:
    """Yield every damaged entry of this version and what is wrong with it; nothing is removed."""
    for tree in sorted(cache.root.glob("trees/*/[!.]*")):
        if problem := _find_tree_damage(tree):
            yield tree, problem
    for pattern in _ENTRY_FILES:
        for path in sorted(cache.root.glob(pattern)):
            if problem := find_damage(path):
                yield path, problem


def prune(cache: Cache, *, everything: bool = False, dry_run: bool = False) -> list[CacheSize]:
    """Delete entries of older versions, damaged entries, and temporary files that are older than an hour.

    Args:
        cache: used by no run.
        everything: also delete the intact entries of this version.
        dry_run: delete nothing.

    Returns:
        The size of what was deleted, by version and reason.
    """
    entries: Counter[tuple[int, str]] = Counter()
    sizes: Counter[tuple[int, str]] = Counter()
    for version, reason, path in _find_removable(cache, everything=everything):
        entries[version, reason] += 1
        sizes[version, reason] += _count_bytes(path)
        if not dry_run:
            _delete(path, cache.base)
    return [
        CacheSize(version=version, contents=reason, entries=count, bytes=sizes[version, reason])
        for (version, reason), count in entries.items()
    ]


def format_bytes(size: float) -> str:
    """Return a number of bytes in the largest unit that keeps it at 1 or more."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _find_removable(cache: Cache, *, everything: bool) -> Iterator[tuple[int, str, Path]]:
    for version, folder in _find_older_folders(cache):
        for kind in (*KINDS, "locks"):
            yield from ((version, "older version", path) for path in _list_entries(folder / kind))
    if everything:
        for kind in KINDS:
            yield from ((CACHE_VERSION, "this version", path) for path in _list_entries(cache.root / kind))
        return
    latest = time.time() - _TEMPORARY_SECONDS
    for path in [*cache.root.glob("*/.*"), *cache.root.glob("*/*/.*")]:
        if path.name.endswith(_TEMPORARY) and path.stat().st_mtime < latest:
            yield CACHE_VERSION, "temporary", path
    for path, _ in find_damaged(cache):
        yield CACHE_VERSION, "damaged", path


def _find_older_folders(cache: Cache) -> list[tuple[int, Path]]:
    """Return the folders of older versions, the newest first; version 1 has no folder of its own."""
    versions = range(CACHE_VERSION - 1, 1, -1)
    return [(version, cache.base / f"v{version}") for version in versions] + [(1, cache.base)]


def _list_entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if _ENTRY.fullmatch(path.name))


def _find_tree_damage(folder: Path) -> str | None:
    try:
        marker = read_marker(folder)
        if marker is None:
            return "it has no marker"
        differences = compare_files(folder, read_file_list(folder, marker), deep=True)
    except DatasetError as error:
        return str(error)
    counts = {
        "missing": len(differences.missing),
        "unexpected": len(differences.additional),
        "changed": len(differences.changed),
    }
    return ", ".join(f"{what} files: {count}" for what, count in counts.items() if count) or None


def _count_bytes(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(Path(parent, name).lstat().st_size for parent, _, names in os.walk(path) for name in names)


def _delete(path: Path, base: Path) -> None:
    """Delete a file or folder, and its parents inside the base that become empty."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    for parent in path.parents:
        if parent == base or any(parent.iterdir()):
            return
        parent.rmdir()
