"""Parallel hashing of files, with a memory: a file is hashed again only if it was changed."""

from __future__ import annotations

import hashlib
import logging
import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from reidbench.datasets.digest_memory import DigestMemory
from reidbench.datasets.frame_mark import HEAD_BYTES
from reidbench.datasets.worker_processes import worker_processes
from reidbench.errors import DatasetError
from reidbench.progress import progress_bar

# A file that was changed this shortly before it was listed can change again without another time stamp.
_UNSETTLED_NS = 2_000_000_000
# Files per task.
_BATCH = 512
# A process must start before it helps.
_FILES_PER_PROCESS = 10_000
_THREADS = 4
# Folders whose listings are kept.
_FOLDERS = 64
# Seconds between two saves of the memory while files are hashed.
_SAVE_SECONDS = 30.0
# Larger files are read in pieces of this size.
_PIECE = 1 << 20
_STATE = struct.Struct("<QqqQ")
log = logging.getLogger(__name__)

Group = tuple[str, Sequence[str]]
"""A folder, relative to the root, and the names of files in it; a name may contain folders."""
FileCheck = Callable[[str, bytes], None]


@dataclass(frozen=True)
class FileHasher:
    """Hashes groups of files, such as the frames of a tracklet.

    Attributes:
        memory: file that remembers digests by path, size, times of change and inode; None: nothing is remembered.
        rehash: hash all files, also those that the memory has.
        shown: show progress on stderr.
    """

    memory: Path | None = None
    rehash: bool = False
    shown: bool = False

    def hash_groups(self, root: Path, groups: Sequence[Group], check: FileCheck | None = None) -> list[bytes]:
        """Return a digest (32 bytes) for each group: SHA-256 of the SHA-256 of its files, in their order.

        Files that changed within two seconds before they were listed are not remembered.

        Args:
            root: folder of the dataset.
            groups: relative to the root.
            check: called with path and first bytes of each file that is hashed, to refuse it with an error; can be
                pickled.

        Raises:
            DatasetError: a file is missing, is not a regular file or cannot be read.
        """
        if self.memory is not None and not has_change_times(root):
            log.warning(
                "the file system of %s does not store when a file was changed (ctime): a frame that was replaced by "
                "one of equal size and time stamp is not noticed; --no-resume hashes all files again",
                root,
            )
        started = time.time_ns()
        keys = list_keys(root, groups, salt=_find_salt(check))
        remembered = DigestMemory(self.memory)
        if self.rehash:
            remembered.clear()
        missing = [index for index, key in enumerate(keys) if key not in remembered]
        if missing:
            self._hash_missing(root, groups, keys, missing, remembered, check, started - _UNSETTLED_NS)
        return [remembered[key] for key in keys]

    def _hash_missing(
        self,
        root: Path,
        groups: Sequence[Group],
        keys: Sequence[bytes],
        missing: Sequence[int],
        remembered: DigestMemory,
        check: FileCheck | None,
        settled: int,
    ) -> None:
        """Hash the missing groups; groups with files that changed after the time `settled` are not remembered."""
        total = sum(len(groups[index][1]) for index in missing)
        batches = list(_split(missing, groups))
        tasks = [[(*groups[index], keys[index]) for index in batch] for batch in batches]
        hash_batch = partial(_hash_batch, str(root), settled=settled, check=check)
        saved = time.monotonic()
        try:
            with _start_pool(total) as pool, progress_bar("hash", total, shown=self.shown) as advance:
                for batch, hashed in zip(batches, pool.map(hash_batch, tasks), strict=True):
                    for index, (digest, is_lasting) in zip(batch, hashed, strict=True):
                        remembered.add(keys[index], digest, lasting=is_lasting)
                    advance(sum(len(groups[index][1]) for index in batch))
                    if time.monotonic() - saved > _SAVE_SECONDS:
                        remembered.save(set(keys))
                        saved = time.monotonic()
        finally:
            # Also after an interrupt: the next run continues here.
            remembered.save(set(keys))


def _split(indices: Sequence[int], groups: Sequence[Group]) -> Iterator[list[int]]:
    """Yield the indices in batches of at least `_BATCH` files."""
    batch: list[int] = []
    count = 0
    for index in indices:
        batch.append(index)
        count += len(groups[index][1])
        if count >= _BATCH:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


@contextmanager
def _start_pool(files: int) -> Iterator[Executor]:
    """Yield threads for few files; for many, processes: threads wait for each other with small files."""
    if files < _FILES_PER_PROCESS:
        with ThreadPoolExecutor(_THREADS) as threads:
            yield threads
        return
    # More than one process per core, since they wait for the disk.
    with worker_processes(min(files // _FILES_PER_PROCESS + 1, 2 * (os.cpu_count() or 1), 16)) as processes:
        yield processes


def _hash_batch(
    root: str,
    batch: Sequence[tuple[str, Sequence[str], bytes]],
    *,
    settled: int,
    check: FileCheck | None,
) -> list[tuple[bytes, bool]]:
    """Return the digest of each group (folder, names, key), and whether it can be remembered."""
    hashed = []
    for folder, names, key in batch:
        paths = [f"{root}/{folder}/{name}" if folder else f"{root}/{name}" for name in names]
        digest = hashlib.sha256(b"".join(_hash_file(path, check) for path in paths)).digest()
        hashed.append((digest, _is_unchanged(_find_salt(check), folder, names, paths, key, settled)))
    return hashed


def list_keys(root: Path, groups: Sequence[Group], *, salt: str = "") -> list[bytes]:
    """Return a key (16 bytes) for each group: it depends on path, size, times of change and inode of each file.

    Raises:
        DatasetError: a file is missing or is not a regular file, or a folder cannot be read.
    """
    # One listing is many times as fast as one call per file.
    listings: dict[str, dict[str, bytes]] = {}
    keys = []
    for folder, names in groups:
        states = []
        for name in names:
            path = PurePosixPath(folder, name) if "/" in name else None
            inner, file = (folder, name) if path is None else (str(path.parent), path.name)
            files = listings.get(inner)
            if files is None:
                # Only the last folders are kept: the listings of a million files would need much memory.
                if len(listings) >= _FOLDERS:
                    del listings[next(iter(listings))]
                files = listings[inner] = _list_folder(root / inner)
            state = files.get(file)
            if state is None:
                raise DatasetError(
                    f"frame {root / inner / file} is missing; restore it from the dataset's archive"
                )
            states.append(state)
        keys.append(_make_key(salt, folder, names, states))
    return keys


def has_change_times(path: Path) -> bool:
    """Return whether the system stores when a file was last changed; a program cannot set this time."""
    return os.name != "nt" and path.stat().st_ctime_ns > 0


def _list_folder(folder: Path) -> dict[str, bytes]:
    """Return the packed state of each regular file."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: _pack_state(entry.stat()) for entry in entries if entry.is_file()}
    except OSError as error:
        raise DatasetError(
            f"cannot read folder {folder}: {error.strerror}; restore it from the dataset's archive"
        ) from error


def _find_salt(check: FileCheck | None) -> str:
    """Return a part of the keys: files that were not checked are read again when they are to be checked."""
    return "" if check is None else "checked"


def _is_unchanged(
    salt: str, folder: str, names: Sequence[str], paths: Sequence[str], key: bytes, settled: int
) -> bool:
    """Return whether files still have their key and did not change after the time `settled`."""
    try:
        states = [os.stat(path) for path in paths]  # noqa: PTH116
    except OSError:
        return False
    newest = max((max(state.st_mtime_ns, state.st_ctime_ns) for state in states), default=0)
    return (
        newest < settled and _make_key(salt, folder, names, [_pack_state(state) for state in states]) == key
    )


def _pack_state(state: os.stat_result) -> bytes:
    # Directory listings of Windows have no inode.
    inode = 0 if os.name == "nt" else state.st_ino
    return _STATE.pack(state.st_size, state.st_mtime_ns, state.st_ctime_ns, inode)


def _make_key(salt: str, folder: str, names: Sequence[str], states: Sequence[bytes]) -> bytes:
    text = "\0".join((salt, folder, *names)).encode()
    return hashlib.blake2b(b"".join((text, b"\0", *states)), digest_size=16).digest()


def _hash_file(path: str, check: FileCheck | None) -> bytes:
    try:
        # Unbuffered, and small files at once: a dataset has a million of them.
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            is_small = os.fstat(file.fileno()).st_size <= _PIECE
            first = file.read(-1 if is_small else _PIECE)
            digest = hashlib.sha256(first)
            while piece := file.read(_PIECE):
                digest.update(piece)
    except FileNotFoundError as error:
        raise DatasetError(f"frame {path} is missing; restore it from the dataset's archive") from error
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}; restore it from the archive") from error
    if check is not None:
        check(path, first[:HEAD_BYTES])
    return digest.digest()
