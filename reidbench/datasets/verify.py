"""Verification of trees: numbers, missing and unexpected files, damaged frames."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from reidbench.datasets.frames import decode
from reidbench.datasets.marker import compare_files, read_file_list, read_marker
from reidbench.datasets.reader import Counts, Dataset
from reidbench.datasets.tracklets import DatasetContents, IntArray
from reidbench.errors import DatasetError, FrameError

# A finding names at most this many files.
NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One difference between a tree and the published dataset, or between a rendered tree and its marker.

    Attributes:
        where: part or folder.
        what: the difference in words.
        is_certain: False where the published number is not certain.
    """

    where: str
    what: str
    is_certain: bool = True


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The result of a comparison.

    Attributes:
        findings: the differences; empty if the tree agrees with all known numbers.
        counts: the numbers of the tree, by part.
        contents_digest: SHA-256 over the contents of all frames, if they were read.
        marker: the marker of a rendered tree; None for a real one.
    """

    findings: Sequence[Finding]
    counts: dict[str, Counts]
    contents_digest: str | None = None
    marker: dict[str, Any] | None = None

    @property
    def holds(self) -> bool:
        """Whether there is no certain difference."""
        return not any(finding.is_certain for finding in self.findings)

    @property
    def is_synthetic(self) -> bool:
        """Whether the tree was rendered."""
        return self.marker is not None

    def describe_marker(self) -> dict[str, Any] | None:
        """Return how a rendered tree was rendered, in one table; None for a real tree."""
        if self.marker is None:
            return None
        facts = {**self.marker, **self.marker.get("parameters", {})}
        facts["files"] = self.marker.get("files", {}).get("count")
        return {name: value for name, value in facts.items() if name != "parameters" and value is not None}


def verify(dataset: Dataset, folder: Path, *, deep: bool = False) -> Verification:
    """Compare a tree with the published dataset, or a rendered tree with its marker.

    Args:
        dataset: the reader.
        folder: of the dataset.
        deep: also read and decode every frame, and hash all contents.
    """
    try:
        marker = read_marker(folder)
    except DatasetError as error:
        return Verification(findings=[Finding(where="marker", what=str(error))], counts={})
    rendered = [] if marker is None else list(_compare_with_marker(dataset, folder, marker))
    try:
        contents = dataset.read(folder)
    except DatasetError as error:
        findings = [Finding(where=str(folder), what=str(error)), *rendered]
        return Verification(findings=findings, counts={}, marker=marker)
    missing = list(_find_missing_frames(contents))
    if marker is None:
        findings = [
            *compare_counts(dataset, contents),
            *_name_files("missing", missing),
            *_name_files("unexpected", _find_unexpected_files(dataset, folder, contents)),
        ]
    else:
        findings = rendered
    digest = None
    if deep and not missing:
        digest, damaged = _read_all_frames(contents)
        findings += [Finding(where="frames", what=str(error)) for error in damaged]
    return Verification(
        findings=findings, counts=count_parts(contents), contents_digest=digest, marker=marker
    )


def count_parts(contents: DatasetContents) -> dict[str, Counts]:
    """Return the numbers of each part; "" is the complete table."""
    all_rows = np.arange(len(contents.table))
    return {name: _count(contents, rows) for name, rows in {"": all_rows, **contents.parts}.items()}


def compare_counts(dataset: Dataset, contents: DatasetContents) -> Iterator[Finding]:
    """Yield the differences from the published numbers."""
    counted = count_parts(contents)
    for part, official in dataset.official.items():
        where = part or "dataset"
        if part not in counted:
            what = f"the part is missing; it has {official.tracklets} tracklets in the published dataset"
            yield Finding(where=where, what=what, is_certain=official.exact and not official.optional)
            continue
        actual = counted[part]
        for name in ("tracklets", "people", "junk", "distractors", "frames"):
            expected, number = getattr(official, name), getattr(actual, name)
            if expected is not None and expected != number:
                yield Finding(
                    where=where, what=_describe_difference(name, number, expected), is_certain=official.exact
                )
        by_camera = actual.by_camera or ()
        for camera, expected in enumerate(official.by_camera or (), start=1):
            number = by_camera[camera - 1] if camera <= len(by_camera) else 0
            if number != expected:
                what = _describe_difference(f"tracklets of camera {camera}", number, expected)
                yield Finding(where=where, what=what, is_certain=official.exact)


def check_official(dataset: Dataset, contents: DatasetContents) -> None:
    """Check that a real tree has the numbers of the published dataset, as far as they are certain.

    Raises:
        DatasetError: it differs; the message names the first difference.
    """
    if contents.is_synthetic:
        return
    certain = [finding for finding in compare_counts(dataset, contents) if finding.is_certain]
    if certain:
        others = f" ({len(certain) - 1} more differences)" if len(certain) > 1 else ""
        raise DatasetError(
            f"{contents.table.root} differs from the published {dataset.name}: {certain[0].where}: {certain[0].what}"
            f"{others}; `reidbench data verify {dataset.name} --data-root {contents.table.root.parent}` lists all"
        )


def _count(contents: DatasetContents, rows: IntArray) -> Counts:
    pids, camids = contents.table.pids[rows], contents.table.camids[rows]
    return Counts(
        tracklets=len(rows),
        people=len(np.unique(pids[pids > 0])),
        frames=int(contents.table.lengths[rows].sum()),
        by_camera=tuple(np.bincount(camids, minlength=1)[1:].tolist()),
        junk=int((pids == -1).sum()),
        distractors=int((pids == 0).sum()),
    )


def _describe_difference(name: str, number: int, expected: int) -> str:
    return f"{name}: {number:,} found, {expected:,} published"


def _compare_with_marker(dataset: Dataset, folder: Path, marker: dict[str, Any]) -> Iterator[Finding]:
    """Yield the differences between the files of a rendered tree and the list in its marker."""
    try:
        expected = read_file_list(folder, marker)
    except DatasetError as error:
        yield Finding(where="marker", what=str(error))
        return
    if expected is None:
        what = (
            "an older version rendered the tree without a file list, so missing files cannot be detected; "
            "render the tree again"
        )
        yield Finding(where="marker", what=what, is_certain=False)
        return
    missing, additional, changed = compare_files(folder, expected)
    unexpected = [file for file in additional if not _is_ignored(dataset, file.rpartition("/")[2])]
    yield from _name_files("missing", missing)
    yield from _name_files("unexpected", unexpected)
    yield from _name_files("changed", changed)


def _find_missing_frames(contents: DatasetContents) -> Iterator[str]:
    table = contents.table
    for row in range(len(table)):
        for file in table.files(row):
            if not file.is_file():
                yield file.relative_to(table.root).as_posix()


def _find_unexpected_files(dataset: Dataset, folder: Path, contents: DatasetContents) -> list[str]:
    frames = {str(file) for row in range(len(contents.table)) for file in contents.table.files(row)}
    unexpected = []
    for frame_folder in dataset.frame_folders(folder):
        for parent, _, names in os.walk(frame_folder):
            for name in sorted(names):
                path = Path(parent) / name
                if str(path) not in frames and not _is_ignored(dataset, name):
                    unexpected.append(path.relative_to(folder).as_posix())
    return unexpected


def _is_ignored(dataset: Dataset, name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in dataset.ignored_files)


def _name_files(kind: str, files: Sequence[str]) -> list[Finding]:
    """Return a finding such as "2 missing files: a.jpg, b.jpg", or none."""
    if not files:
        return []
    noun = "file" if len(files) == 1 else "files"
    listed = ", ".join(files[:NAMED]) + (" ..." if len(files) > NAMED else "")
    return [Finding(where="files", what=f"{len(files):,} {kind} {noun}: {listed}")]


def _read_all_frames(contents: DatasetContents) -> tuple[str, list[FrameError]]:
    """Return the digest of all files in the order of the table, and the frames that cannot be decoded."""
    files = list(chain.from_iterable(contents.table.files(row) for row in range(len(contents.table))))
    digest, damaged = hashlib.sha256(), []
    read_frame = partial(_read_frame, formats=contents.frame_formats)
    with ThreadPoolExecutor() as pool:
        # Limits the number of pending results.
        for start in range(0, len(files), 1024):
            for hashed, error in pool.map(read_frame, files[start : start + 1024]):
                digest.update(hashed)
                damaged += [error] if error else []
    return digest.hexdigest(), damaged


def _read_frame(path: Path, formats: Sequence[str]) -> tuple[bytes, FrameError | None]:
    try:
        hashed = hashlib.sha256(path.read_bytes()).digest()
        decode(path, formats=formats)
    except FrameError as error:
        return hashed, error
    return hashed, None
