"""Whether a tree is the published dataset: counts, missing and additional files, damaged frames."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from reidbench.datasets.frames import decode
from reidbench.datasets.reader import Counts, Dataset
from reidbench.datasets.tracklets import DatasetContents, IntArray
from reidbench.errors import DatasetError, FrameError

NAMED = 5  # files that a finding names before it only counts


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One difference between a tree and the published dataset.

    Attributes:
        where: part or folder.
        what: the difference in words: what is missing or too much.
        is_certain: False where the published number itself is not certain.
    """

    where: str
    what: str
    is_certain: bool = True


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found.

    Attributes:
        findings: the differences; none means that the tree is the published dataset as far as numbers are known.
        counts: what the tree holds, by part.
        contents_digest: SHA-256 over the contents of all frames, when they were read.
    """

    findings: Sequence[Finding]
    counts: dict[str, Counts]
    contents_digest: str | None = None

    @property
    def holds(self) -> bool:
        """Whether no certain difference was found."""
        return not any(finding.is_certain for finding in self.findings)


def verify(dataset: Dataset, folder: Path, *, deep: bool = False) -> Verification:
    """Compare a tree with the published dataset.

    A rendered tree may have any size; only its files are checked.

    Args:
        dataset: the reader.
        folder: of the dataset.
        deep: also read and decode every frame, and hash all contents.
    """
    try:
        contents = dataset.read(folder)
    except DatasetError as error:
        return Verification(findings=[Finding(where=str(folder), what=str(error))], counts={})
    differences = [] if contents.is_synthetic else list(count_differences(dataset, contents))
    missing = list(_missing(contents))
    findings = [*differences, *_named("missing", missing), *_strays(dataset, folder, contents)]
    digest = None
    if deep and not missing:
        digest, damaged = _read_everything(contents)
        findings += [Finding(where="frames", what=str(error)) for error in damaged]
    return Verification(findings=findings, counts=counts(contents), contents_digest=digest)


def counts(contents: DatasetContents) -> dict[str, Counts]:
    """Return what each part holds; "" is the whole table."""
    everything = np.arange(len(contents.table))
    return {name: _counted(contents, rows) for name, rows in {"": everything, **contents.parts}.items()}


def count_differences(dataset: Dataset, contents: DatasetContents) -> Iterator[Finding]:
    """Yield the differences to the published numbers."""
    found = counts(contents)
    for part, official in dataset.official.items():
        where = part or "dataset"
        if part not in found:
            what = f"the part is missing, published: {official.tracklets} tracklets"
            yield Finding(where=where, what=what, is_certain=official.exact and not official.optional)
            continue
        here = found[part]
        for name in ("tracklets", "people", "junk", "distractors", "frames"):
            wanted, have = getattr(official, name), getattr(here, name)
            if wanted is not None and wanted != have:
                yield Finding(where=where, what=_difference(name, have, wanted), is_certain=official.exact)
        for camera, wanted in enumerate(official.by_camera or (), start=1):
            have = here.by_camera[camera - 1] if here.by_camera and camera <= len(here.by_camera) else 0
            if have != wanted:
                what = _difference(f"tracklets of camera {camera}", have, wanted)
                yield Finding(where=where, what=what, is_certain=official.exact)


def check_official(dataset: Dataset, contents: DatasetContents) -> None:
    """Refuse a real tree whose counts are certainly not those of the published dataset.

    Raises:
        DatasetError: it differs; the message says in what.
    """
    if contents.is_synthetic:
        return
    certain = [finding for finding in count_differences(dataset, contents) if finding.is_certain]
    if certain:
        rest = f" (and {len(certain) - 1} more differences)" if len(certain) > 1 else ""
        raise DatasetError(
            f"{contents.table.root} is not the published {dataset.name}: {certain[0].where}: {certain[0].what}{rest}; "
            f"`reidbench data verify {dataset.name}` lists all"
        )


def _counted(contents: DatasetContents, rows: IntArray) -> Counts:
    pids, camids = contents.table.pids[rows], contents.table.camids[rows]
    return Counts(
        tracklets=len(rows),
        people=len(np.unique(pids[pids > 0])),
        frames=int(contents.table.lengths[rows].sum()),
        by_camera=tuple(np.bincount(camids, minlength=1)[1:].tolist()),
        junk=int((pids == -1).sum()),
        distractors=int((pids == 0).sum()),
    )


def _difference(what: str, have: int, wanted: int) -> str:
    way = "missing" if have < wanted else "too many"
    return f"{abs(wanted - have):,} {what} {way}: {have:,} found, {wanted:,} published"


def _missing(contents: DatasetContents) -> Iterator[str]:
    table = contents.table
    for row in range(len(table)):
        for file in table.files(row):
            if not file.is_file():
                yield file.relative_to(table.root).as_posix()


def _strays(dataset: Dataset, folder: Path, contents: DatasetContents) -> list[Finding]:
    known = {str(file) for row in range(len(contents.table)) for file in contents.table.files(row)}
    ignored = [re.compile(pattern) for pattern in dataset.ignored_files]
    found = []
    for place in dataset.frame_folders(folder):
        for parent, _, names in os.walk(place):
            for name in sorted(names):
                path = Path(parent) / name
                if str(path) not in known and not any(pattern.fullmatch(name) for pattern in ignored):
                    found.append(path.relative_to(folder).as_posix())
    return _named("too much", found)


def _named(kind: str, files: Sequence[str]) -> list[Finding]:
    if not files:
        return []
    listed = ", ".join(files[:NAMED]) + (" ..." if len(files) > NAMED else "")
    return [Finding(where="files", what=f"{len(files):,} {kind}: {listed}")]


def _read_everything(contents: DatasetContents) -> tuple[str, list[FrameError]]:
    """Return the digest of all files in the order of the table, and the frames that cannot be decoded."""
    files = list(chain.from_iterable(contents.table.files(row) for row in range(len(contents.table))))
    digest, damaged = hashlib.sha256(), []
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(files), 1024):  # a bounded number in flight
            for hashed, error in pool.map(_read_frame, files[start : start + 1024]):
                digest.update(hashed)
                damaged += [error] if error else []
    return digest.hexdigest(), damaged


def _read_frame(path: Path) -> tuple[bytes, FrameError | None]:
    try:
        hashed = hashlib.sha256(path.read_bytes()).digest()
        decode(path)
    except FrameError as error:
        return hashed, error
    return hashed, None
