"""Cache entries: files that end with a digest, which is checked before anything is parsed.

The last bytes of an entry are `"digest":"<SHA-256>"}` and a line feed, so the digest is the last field of a JSON entry;
torch and HDF5 ignore what follows their data. The digest covers all bytes before it and the name of the entry: an entry
that was edited, truncated or copied to another name is damaged. A damaged entry is named in one warning line and
removed, and its caller computes it again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from reidbench.cache import ENVIRONMENT_VARIABLE
from reidbench.errors import CacheError, WriteError, describe_error
from reidbench.files import replacing
from reidbench.fingerprints import canonical_json

T = TypeVar("T")
SEAL_START, SEAL_END = b'"digest":"', b'"}\n'
SEAL_SIZE = len(SEAL_START) + 64 + len(SEAL_END)
log = logging.getLogger(__name__)


def write_entry(path: Path, payload: bytes) -> None:
    """Write an entry atomically.

    Raises:
        CacheError: the file cannot be written.
    """
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            file.write(payload)
            file.write(_seal(path, payload))
    except WriteError as error:
        raise CacheError(
            f"cannot write cache entry {path}: {error.reason}; free space on its disk or set {ENVIRONMENT_VARIABLE} "
            "to a writable directory"
        ) from error


def read_entry(path: Path, parse: Callable[[bytes], T]) -> T | None:
    """Return the parsed payload of an entry, or None if there is no entry.

    Args:
        path: the entry.
        parse: turns the payload into a value. The errors that it raises for a payload of another form, such as a
            ValueError, mean that the entry is damaged.

    Returns:
        None also if the entry is damaged; it is then removed, and one warning line names it.

    Raises:
        CacheError: the file cannot be read, such as a file of another user.
    """
    contents = _read_bytes(path)
    if contents is None:
        return None
    try:
        return parse(_unseal(path, contents))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        _remove_damaged(path, error)
        return None


def find_damage(path: Path) -> str | None:
    """Return what is wrong with an entry; None if it matches its digest or does not exist.

    Raises:
        CacheError: as `read_entry`.
    """
    contents = _read_bytes(path)
    try:
        if contents is not None:
            _unseal(path, contents)
    except ValueError as error:
        return str(error)
    return None


def write_json_entry(path: Path, fields: Mapping[str, Any]) -> None:
    """Write a JSON object of one or more fields as an entry.

    Raises:
        CacheError: as `write_entry`.
    """
    write_entry(path, f"{canonical_json(fields)[:-1]},".encode())


def read_json_entry(path: Path, convert: Callable[[dict[str, Any]], T]) -> T | None:
    """Return the converted fields of an entry, or None if there is no entry or a damaged one, as `read_entry`."""
    return read_entry(path, lambda payload: convert(json.loads(payload[:-1] + b"}")))


def _seal(path: Path, payload: bytes) -> bytes:
    digest = hashlib.sha256(f"{path.parent.name}/{path.name}\n".encode())
    digest.update(payload)
    return SEAL_START + digest.hexdigest().encode() + SEAL_END


def _unseal(path: Path, contents: bytes) -> bytes:
    """Return the payload of an entry.

    Raises:
        ValueError: its last bytes are not the digest of the rest.
    """
    payload, seal = contents[:-SEAL_SIZE], contents[-SEAL_SIZE:]
    if not (seal.startswith(SEAL_START) and seal.endswith(SEAL_END)):
        raise ValueError("it has no digest")
    if seal != _seal(path, payload):
        raise ValueError("its contents do not match their digest")
    return payload


def _read_bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CacheError(
            f"cannot read cache entry {path}: {error.strerror or error}; make it readable or set "
            f"{ENVIRONMENT_VARIABLE} to another directory"
        ) from error


def _remove_damaged(path: Path, reason: Exception) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CacheError(
            f"cannot remove damaged cache entry {path}: {error.strerror}; set {ENVIRONMENT_VARIABLE} to a writable "
            "directory"
        ) from error
    log.warning("removed damaged cache entry %s: %s; it is computed again", path, describe_error(reason))
