"""The memory of file hashing: a cache entry of digests by the state of the files that were hashed."""

from __future__ import annotations

import logging
from pathlib import Path

from reidbench.entries import read_entry, write_entry
from reidbench.errors import CacheError

_KEY, _DIGEST = 16, 32
_PAIR = _KEY + _DIGEST
log = logging.getLogger(__name__)


class DigestMemory:
    """Digests (32 bytes) by key (16 bytes), which follow each other in the file."""

    def __init__(self, path: Path | None) -> None:
        """Read the file; a missing file is empty, and a damaged one is named and removed.

        Args:
            path: of the file; None: nothing is read or saved.
        """
        self._path = path
        self._digests = {} if path is None else read_entry(path, _parse) or {}
        self._lasting = set(self._digests)
        self._saved = set(self._digests)

    def __contains__(self, key: bytes) -> bool:
        return key in self._digests

    def __getitem__(self, key: bytes) -> bytes:
        return self._digests[key]

    def add(self, key: bytes, digest: bytes, *, lasting: bool) -> None:
        """Add a digest; without `lasting`, it is not saved."""
        self._digests[key] = digest
        if lasting:
            self._lasting.add(key)

    def clear(self) -> None:
        """Forget all digests."""
        self._digests, self._lasting = {}, set()

    def save(self, used: set[bytes]) -> None:
        """Write the lasting digests whose keys are in use; without space or permission, nothing is saved."""
        chosen = self._lasting & used
        if self._path is None or chosen == self._saved:
            return
        try:
            write_entry(self._path, b"".join(key + self._digests[key] for key in sorted(chosen)))
        except CacheError as error:
            log.info("%s; the files are hashed again next time", error)
        else:
            self._saved = chosen


def _parse(payload: bytes) -> dict[bytes, bytes]:
    if len(payload) % _PAIR:
        raise ValueError("it has no whole number of digests")
    return {
        payload[start : start + _KEY]: payload[start + _KEY : start + _PAIR]
        for start in range(0, len(payload), _PAIR)
    }
