"""Parallel hashing of files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from reidbench.errors import DatasetError
from reidbench.progress import progress_bar

# Groups per step: limits the number of pending results.
_STEP = 256


@dataclass(frozen=True)
class FileHasher:
    """Hashes the contents of groups of files, such as the frames of a tracklet.

    Attributes:
        shown: show progress on stderr.
    """

    shown: bool = False

    def hash_groups(self, groups: Sequence[Sequence[Path]]) -> list[bytes]:
        """Return for each group the SHA-256 (32 bytes each) of its files, joined in their order.

        Raises:
            DatasetError: a file cannot be read.
        """
        hashed: list[bytes] = []
        total = sum(len(group) for group in groups)
        with ThreadPoolExecutor() as pool, progress_bar("hash files", total, shown=self.shown) as advance:
            for start in range(0, len(groups), _STEP):
                step = groups[start : start + _STEP]
                hashed += pool.map(_hash_group, step)
                advance(sum(len(group) for group in step))
        return hashed


def _hash_group(files: Sequence[Path]) -> bytes:
    return b"".join(_hash_file(file) for file in files)


def _hash_file(file: Path) -> bytes:
    try:
        return hashlib.sha256(file.read_bytes()).digest()
    except FileNotFoundError as error:
        raise DatasetError(f"frame {file} is missing; restore it from the dataset's archive") from error
    except OSError as error:
        raise DatasetError(f"cannot read {file}: {error.strerror}; restore it from the archive") from error
