"""The marker file of a rendered tree: how it was rendered and which files it has, so that it never passes as real."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reidbench.errors import DatasetError

# Changes whenever a seed gives other pictures than before.
RENDERER_VERSION = "1"
MARKER_NAME = "reidbench-synthetic.json"
# One line per file of the tree: size in bytes, a tab, and the path relative to the dataset folder.
FILE_LIST_NAME = "reidbench-synthetic-files.txt"


def marker_digest(description: dict[str, Any]) -> str:
    """Return the digest in the marker of a tree with this description: SHA-256 in hexadecimal."""
    return _digest({"renderer": RENDERER_VERSION, **description})


def read_marker(dataset_folder: Path) -> dict[str, Any] | None:
    """Return the contents of the marker of a dataset folder, or None if there is no marker.

    Raises:
        DatasetError: the marker is not a JSON object, or its digest does not match its description.
    """
    path = dataset_folder / MARKER_NAME
    try:
        marker = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read marker {path}: {error}; render the tree again") from error
    if not isinstance(marker, dict):
        raise DatasetError(
            f"marker {path} must be a JSON object, got {type(marker).__name__}; render the tree again"
        )
    # The list of files has a digest of its own.
    description = {name: value for name, value in marker.items() if name not in ("digest", "files")}
    if marker.get("digest") != _digest(description):
        raise DatasetError(
            f"marker {path} is damaged: its digest {marker.get('digest')} does not match its contents; "
            "render the tree again"
        )
    return marker


def write_marker(dataset_folder: Path, description: dict[str, Any]) -> None:
    """Write marker and file list of a complete tree: the renderer's version, the description and their digest."""
    sizes = sorted(_list_files(dataset_folder))
    files = "".join(f"{size}\t{path}\n" for path, size in sizes)
    (dataset_folder / FILE_LIST_NAME).write_text(files, encoding="utf-8", newline="\n")
    marker = {
        "renderer": RENDERER_VERSION,
        **description,
        "digest": marker_digest(description),
        "files": {"count": len(sizes), "digest": hashlib.sha256(files.encode()).hexdigest()},
    }
    text = json.dumps(marker, indent=2, sort_keys=True) + "\n"
    (dataset_folder / MARKER_NAME).write_text(text, encoding="utf-8")


def read_file_list(dataset_folder: Path, marker: dict[str, Any]) -> dict[str, int] | None:
    """Return the size of each file of a tree when it was rendered, by path relative to the dataset folder.

    Args:
        dataset_folder: of the tree.
        marker: its marker.

    Returns:
        None for trees of older versions, whose marker has no file list.

    Raises:
        DatasetError: the file list is missing or was changed.
    """
    if "files" not in marker:
        return None
    path = dataset_folder / FILE_LIST_NAME
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"cannot read file list {path}: {error.strerror}; render the tree again"
        ) from error
    if hashlib.sha256(text).hexdigest() != marker["files"]["digest"]:
        raise DatasetError(
            f"file list {path} is damaged: its digest is not the one in the marker; render the tree again"
        )
    lines = (line.partition("\t") for line in text.decode().splitlines())
    return {file: int(size) for size, _, file in lines}


def compare_files(dataset_folder: Path, expected: dict[str, int]) -> tuple[list[str], list[str], list[str]]:
    """Return the missing files of a tree, its additional files, and those of another size, each sorted.

    Args:
        dataset_folder: of the tree.
        expected: the size of each file, from `read_file_list`.
    """
    sizes = dict(_list_files(dataset_folder))
    missing = sorted(expected.keys() - sizes.keys())
    additional = sorted(sizes.keys() - expected.keys())
    changed = sorted(file for file, size in expected.items() if sizes.get(file, size) != size)
    return missing, additional, changed


def _list_files(dataset_folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the relative path and the size of each file of a tree, without marker and file list."""
    for parent, _, names in os.walk(dataset_folder):
        for name in names:
            path = Path(parent) / name
            relative = path.relative_to(dataset_folder).as_posix()
            if relative not in (MARKER_NAME, FILE_LIST_NAME):
                yield relative, path.stat().st_size


def _digest(description: dict[str, Any]) -> str:
    canonical = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
