"""The marker file of a rendered tree: how it was rendered and which files it has, so that it never passes as real."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from reidbench.errors import DatasetError, describe_error
from reidbench.fingerprints import fingerprint

# Changes whenever a seed gives other pictures than before.
RENDERER_VERSION = "2"
MARKER_NAME = "reidbench-synthetic.json"
# One line per file of the tree, separated by tabs: size in bytes, SHA-256 of its bytes, SHA-256 of the pixels of an
# image or "-", and the path relative to the dataset folder.
FILE_LIST_NAME = "reidbench-synthetic-files.txt"
_MAX_BYTES = 1 << 16
_LINE = re.compile(r"(\d{1,15})\t([0-9a-f]{64})\t([0-9a-f]{64}|-)\t([^\t\n]{1,1000})")

Hexadecimal = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9._-]{1,64}$")]
Number = int | float | bool | None


class FileList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The list of the files of a tree: their number and the SHA-256 of the list."""

    count: Annotated[int, msgspec.Meta(ge=0)]
    digest: Hexadecimal


class Marker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contents of a marker.

    Attributes:
        renderer: version of the renderer.
        layout: name of the dataset.
        parameters: settings of the renderer; label files by their digest.
        digest: of renderer, layout and parameters: it is known before the tree is rendered.
        contents: digest of the pixels of all images before they were encoded.
        files: the list of files.
    """

    renderer: Name
    layout: Name
    parameters: dict[Name, Number | Hexadecimal] = {}
    digest: Hexadecimal
    contents: Hexadecimal
    files: FileList


class ListedFile(NamedTuple):
    """A file of a rendered tree.

    Attributes:
        size: in bytes.
        digest: SHA-256 of the bytes, in hexadecimal.
        pixels: SHA-256 of the pixels before encoding; None for files that are not images.
    """

    size: int
    digest: str
    pixels: str | None = None


def marker_digest(layout: str, parameters: Mapping[str, Number | str]) -> str:
    """Return the digest in the marker of a tree with these settings: SHA-256 in hexadecimal."""
    return fingerprint({"renderer": RENDERER_VERSION, "layout": layout, "parameters": dict(parameters)})


def read_marker(dataset_folder: Path) -> Marker | None:
    """Return the marker of a dataset folder, or None if there is no marker.

    Raises:
        DatasetError: the marker is damaged, is of an older version, or its digest does not match its settings.
    """
    path = dataset_folder / MARKER_NAME
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DatasetError(f"cannot read marker {path}: {error.strerror}; render the tree again") from error
    if len(text) > _MAX_BYTES:
        raise DatasetError(
            f"marker {path} is damaged: it is larger than {_MAX_BYTES} bytes; render the tree again"
        )
    try:
        marker = msgspec.json.decode(text, type=Marker)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(
            f"marker {path} is damaged or of an older version: {describe_error(error)}; render the tree again"
        ) from error
    settings = {"renderer": marker.renderer, "layout": marker.layout, "parameters": marker.parameters}
    if marker.digest != fingerprint(settings):
        raise DatasetError(
            f"marker {path} is damaged: its digest is not the one of its settings; render the tree again"
        )
    return marker


def write_marker(
    dataset_folder: Path, layout: str, parameters: Mapping[str, Number | str], files: Mapping[str, ListedFile]
) -> None:
    """Write the marker and the file list of a complete tree.

    Args:
        dataset_folder: of the tree.
        layout: name of the dataset.
        parameters: settings of the renderer.
        files: all files of the tree, by path relative to the dataset folder.
    """
    lines = [
        f"{file.size}\t{file.digest}\t{file.pixels or '-'}\t{path}\n" for path, file in sorted(files.items())
    ]
    text = "".join(lines).encode()
    (dataset_folder / FILE_LIST_NAME).write_bytes(text)
    marker = Marker(
        renderer=RENDERER_VERSION,
        layout=layout,
        parameters=dict(parameters),
        digest=marker_digest(layout, parameters),
        contents=digest_pixels(files),
        files=FileList(count=len(files), digest=hashlib.sha256(text).hexdigest()),
    )
    plain = json.dumps(msgspec.to_builtins(marker), indent=2, sort_keys=True)
    (dataset_folder / MARKER_NAME).write_text(plain + "\n", encoding="utf-8", newline="\n")


def read_file_list(dataset_folder: Path, marker: Marker) -> dict[str, ListedFile]:
    """Return the files of a tree when it was rendered, by path relative to the dataset folder.

    Args:
        dataset_folder: of the tree.
        marker: its marker.

    Raises:
        DatasetError: the file list is missing or was changed.
    """
    path = dataset_folder / FILE_LIST_NAME
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"cannot read file list {path}: {error.strerror}; render the tree again"
        ) from error
    if hashlib.sha256(text).hexdigest() != marker.files.digest:
        raise DatasetError(
            f"file list {path} is damaged: its digest is not the one in the marker; render the tree again"
        )
    try:
        files = dict(_parse_line(line) for line in text.decode().splitlines())
    except ValueError as error:
        raise DatasetError(
            f"file list {path} is damaged: {describe_error(error)}; render the tree again"
        ) from error
    if len(files) != marker.files.count or digest_pixels(files) != marker.contents:
        raise DatasetError(
            f"marker {dataset_folder / MARKER_NAME} is damaged: it does not match its file list; render the tree again"
        )
    return files


def list_sizes(dataset_folder: Path) -> dict[str, int]:
    """Return the size of each file of a tree by relative path, without marker and file list."""
    sizes = {}
    for parent, _, names in os.walk(dataset_folder):
        for name in names:
            path = Path(parent) / name
            relative = path.relative_to(dataset_folder).as_posix()
            if relative not in (MARKER_NAME, FILE_LIST_NAME) and path.is_file():
                sizes[relative] = path.stat().st_size
    return sizes


def list_file(path: Path) -> ListedFile:
    """Return the entry of a file that is not an image."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ListedFile(path.stat().st_size, digest)


def digest_pixels(files: Mapping[str, ListedFile]) -> str:
    """Return the digest of the pixels of all images: SHA-256 over their paths and digests, sorted by path."""
    lines = [f"{file.pixels}\t{path}\n" for path, file in sorted(files.items()) if file.pixels is not None]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _parse_line(line: str) -> tuple[str, ListedFile]:
    match = _LINE.fullmatch(line)
    if match is None or match[4].startswith("/") or ".." in match[4].split("/"):
        raise ValueError("a line is not size, two digests and a path inside the tree")
    return match[4], ListedFile(int(match[1]), match[2], None if match[3] == "-" else match[3])
