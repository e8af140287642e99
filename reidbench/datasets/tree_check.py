"""Checks of trees by the bytes of their files: rendered trees match their marker, and real trees are not rendered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reidbench.datasets.frame_mark import HEAD_BYTES, has_matlab_mark, is_marked
from reidbench.datasets.hashing import FileHasher, Group
from reidbench.datasets.marker import (
    FILE_LIST_NAME,
    MARKER_NAME,
    ListedFile,
    Marker,
    list_sizes,
    read_file_list,
)
from reidbench.errors import DatasetError

# A message names at most this many files.
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class FileDifferences:
    """The differences between the files of a rendered tree and its file list, each sorted by path."""

    missing: Sequence[str]
    additional: Sequence[str]
    changed: Sequence[str]


def hash_items(root: Path, groups: Sequence[Group], marker: Marker | None, hasher: FileHasher) -> list[bytes]:
    """Return the digest (32 bytes) of the files of each item; for a rendered tree, of its pixels before encoding.

    Args:
        root: folder of the dataset.
        groups: folder and frames of each item.
        marker: marker of a rendered tree, whose files are all compared with it; None for a real one.
        hasher: hashes the files.

    Raises:
        DatasetError: a frame is missing or cannot be read, a rendered tree differs from its marker, or a frame of a
            tree without a marker was rendered.
    """
    if marker is None:
        return hasher.hash_groups(root, groups, refuse_rendered)
    files = read_file_list(root, marker)
    paths = [[f"{folder}/{name}" if folder else name for name in names] for folder, names in groups]
    others = _group_by_folder(files.keys() - {path for group in paths for path in group})
    complete = [
        *paths,
        *([f"{folder}/{name}" if folder else name for name in names] for folder, names in others),
    ]
    unexpected = sorted({path for group in paths for path in group} - files.keys())
    try:
        hashed = hasher.hash_groups(root, [*groups, *others])
    except DatasetError:
        _check_differences(root, files, unexpected)
        raise
    for digest, group in zip(hashed, complete, strict=True):
        if unexpected or digest != _join([files[path].digest for path in group]):
            _check_differences(root, files, unexpected)
    return [_join([files[path].pixels or files[path].digest for path in group]) for group in paths]


def compare_files(
    dataset_folder: Path, expected: Mapping[str, ListedFile], *, deep: bool, hasher: FileHasher | None = None
) -> FileDifferences:
    """Return the differences between the files of a rendered tree and its file list.

    Args:
        dataset_folder: of the tree.
        expected: from `read_file_list`.
        deep: compare bytes; otherwise, sizes.
        hasher: hashes the files.
    """
    sizes = list_sizes(dataset_folder)
    common = sorted(expected.keys() & sizes.keys())
    changed = {path for path in common if sizes[path] != expected[path].size}
    if deep:
        same_size = [path for path in common if path not in changed]
        groups = [(path.rpartition("/")[0], (path.rpartition("/")[2],)) for path in same_size]
        hashed = (hasher or FileHasher()).hash_groups(dataset_folder, groups)
        changed |= {
            path
            for path, digest in zip(same_size, hashed, strict=True)
            if digest != _join([expected[path].digest])
        }
    return FileDifferences(
        missing=sorted(expected.keys() - sizes.keys()),
        additional=sorted(sizes.keys() - expected.keys()),
        changed=sorted(changed),
    )


def check_unmarked(root: Path, groups: Sequence[Group]) -> None:
    """Check that a tree without a marker was not rendered, as far as a few files tell: `hash_items` reads all frames.

    Raises:
        DatasetError: it has the file list of a rendered tree, a MATLAB file of the renderer, or rendered frames.
    """
    frames = [root / folder / names[0] for folder, names in (*groups[:1], *groups[-1:]) if names]
    if (root / FILE_LIST_NAME).exists():
        raise DatasetError(
            f"{root} has the file list of a rendered tree, {FILE_LIST_NAME}, but no marker {MARKER_NAME}; restore the "
            "marker or render the tree again"
        )
    for path in [*frames, *root.glob("*.mat"), *root.glob("*/*.mat")]:
        try:
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except OSError:
            # The reader names missing files.
            continue
        refuse_rendered(str(path), head)


def refuse_rendered(path: str, head: bytes) -> None:
    """Refuse a file of the renderer in a tree that has no marker.

    Args:
        path: of the file.
        head: its first bytes.

    Raises:
        DatasetError: the file was rendered.
    """
    if is_marked(head) or has_matlab_mark(head):
        raise DatasetError(
            f"{path} was rendered by reidbench, but its tree has no marker {MARKER_NAME}; restore the marker or render "
            "the tree again"
        )


def _check_differences(root: Path, files: Mapping[str, ListedFile], unexpected: Sequence[str]) -> None:
    """Raise an error that names the missing and changed files of a rendered tree, and frames that it did not have."""
    differences = compare_files(root, files, deep=True)
    kinds = {"missing": differences.missing, "changed": differences.changed, "unexpected": unexpected}
    texts = []
    for kind, paths in kinds.items():
        if paths:
            named = ", ".join(str(root / path) for path in paths[:_NAMED])
            texts.append(f"{len(paths):,} {kind}: {named}{' ...' if len(paths) > _NAMED else ''}")
    if texts:
        raise DatasetError(
            f"rendered tree {root} differs from its marker ({'; '.join(texts)}); render it again"
        )


def _join(digests: Sequence[str]) -> bytes:
    """Return the digest of a group of files from the digests of the files."""
    return hashlib.sha256(bytes.fromhex("".join(digests))).digest()


def _group_by_folder(paths: set[str]) -> list[Group]:
    folders: dict[str, list[str]] = {}
    for path in sorted(paths):
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append(name)
    return list(folders.items())
