"""Atomic writing of files."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from reidbench.errors import WriteError

# Process numbers of other machines that share the folder have no meaning here.
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it replaces `path` when the block ends without an error.

    A killed process leaves at most the hidden temporary file, which the next process that writes `path` removes, and
    `path` is the old file or the complete new one. If two processes write the same path, the last rename wins.

    Raises:
        WriteError: an OSError, such as a full disk; `path` is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{_HOST}-{os.getpid()}-{uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        yield temporary
        with temporary.open("rb") as written:
            # The contents must be on disk before the rename is.
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise WriteError(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove the temporary files of a path whose processes on this machine have ended."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.{_HOST}-([0-9]+)-[0-9a-f]{{8}}\.part")
    for entry in path.parent.iterdir():
        if (match := pattern.fullmatch(entry.name)) and not _is_running(int(match[1])):
            entry.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":
        # There, os.kill ends the process.
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # A process of another user.
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically (UTF-8)."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
