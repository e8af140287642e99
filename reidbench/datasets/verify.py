"""Verification of trees: numbers, missing and unexpected files, damaged frames."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from reidbench.datasets.digests import Digests
from reidbench.datasets.frames import decode
from reidbench.datasets.hashing import FileHasher
from reidbench.datasets.marker import Marker, read_file_list, read_marker
from reidbench.datasets.reader import Counts, Dataset
from reidbench.datasets.references import compare_with_reference, compare_with_stored, store_contents
from reidbench.datasets.tracklets import DatasetContents, IntArray
from reidbench.datasets.tree_check import compare_files
from reidbench.errors import DatasetError, FrameError
from reidbench.progress import progress_bar

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
        digests: of the tree; `contents` only if all files were read. None if the tree cannot be read.
        marker: the marker of a rendered tree; None for a real one.
    """

    findings: Sequence[Finding]
    counts: dict[str, Counts]
    digests: Digests | None = None
    marker: Marker | None = None

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
        facts = {
            "renderer": self.marker.renderer,
            "layout": self.marker.layout,
            **self.marker.parameters,
            "digest": self.marker.digest,
            "contents": self.marker.contents,
            "files": self.marker.files.count,
        }
        return {name: value for name, value in facts.items() if value is not None}


def verify(
    dataset: Dataset, folder: Path, *, deep: bool = False, update: bool = False, memory: Path | None = None
) -> Verification:
    """Compare a tree with the published dataset, or a rendered tree with its marker.

    Args:
        dataset: the reader.
        folder: of the dataset.
        deep: also read and decode every frame, and compare its contents: those of a real tree with the stored digests,
            those of a rendered one with its marker and with the reference of this package.
        update: store the digests of a real tree; the differences from the stored ones are then not certain.
        memory: file that receives the digests, so that the next run does not hash the files again.

    Raises:
        DatasetError: the digests cannot be stored.
    """
    try:
        marker = read_marker(folder)
    except DatasetError as error:
        return Verification(findings=[Finding(where="marker", what=str(error))], counts={})
    rendered = [] if marker is None else list(_compare_with_marker(dataset, folder, marker, deep=deep))
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
    digests = contents.label_digests
    if deep and not missing:
        contents = replace(contents, hasher=FileHasher(memory=memory, rehash=True, shown=True))
        findings += [Finding(where="frames", what=str(error)) for error in _decode_all_frames(contents)]
        try:
            digests = contents.digests
        except DatasetError as error:
            findings += [] if rendered else [Finding(where="files", what=str(error))]
        else:
            findings += _compare_contents(contents, update=update)
    return Verification(findings=findings, counts=count_parts(contents), digests=digests, marker=marker)


def _compare_contents(contents: DatasetContents, *, update: bool) -> Iterator[Finding]:
    """Yield the differences from the reference of this package or from the stored digests, and store the digests."""
    if contents.marker is not None:
        if difference := compare_with_reference(contents.digests):
            yield Finding(where="contents", what=difference)
        return
    table, digests = contents.table, contents.row_digests
    stored = (table.root, str(contents.digests.labels), table.names, digests)
    try:
        for kind, names in compare_with_stored(*stored):
            what = "the labels differ from the stored ones" if kind == "labels" else None
            for text in [what] if what else [finding.what for finding in _name_files(kind, names)]:
                yield Finding(where="contents", what=text, is_certain=not update)
    except DatasetError as error:
        yield Finding(where="contents", what=str(error), is_certain=not update)
    if update:
        store_contents(*stored)


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


def _compare_with_marker(dataset: Dataset, folder: Path, marker: Marker, *, deep: bool) -> Iterator[Finding]:
    """Yield the differences between the files of a rendered tree and the list in its marker."""
    try:
        differences = compare_files(folder, read_file_list(folder, marker), deep=deep)
    except DatasetError as error:
        yield Finding(where="marker", what=str(error))
        return
    unexpected = [
        file for file in differences.additional if not _is_ignored(dataset, file.rpartition("/")[2])
    ]
    yield from _name_files("missing", differences.missing)
    yield from _name_files("unexpected", unexpected)
    yield from _name_files("changed", differences.changed)


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


def _decode_all_frames(contents: DatasetContents) -> list[FrameError]:
    """Return the errors of the frames that cannot be decoded."""
    files = list(chain.from_iterable(contents.table.files(row) for row in range(len(contents.table))))
    damaged: list[FrameError] = []
    find_damage = partial(_find_damage, formats=contents.frame_formats)
    with ThreadPoolExecutor() as pool, progress_bar("decode", len(files), shown=True) as advance:
        # Limits the number of pending results.
        for start in range(0, len(files), 1024):
            step = files[start : start + 1024]
            damaged += [error for error in pool.map(find_damage, step) if error is not None]
            advance(len(step))
    return damaged


def _find_damage(path: Path, formats: Sequence[str]) -> FrameError | None:
    try:
        decode(path, formats=formats)
    except FrameError as error:
        return error
    return None
