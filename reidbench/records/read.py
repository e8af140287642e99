"""Load record files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reidbench.errors import RecordError
from reidbench.records.record import Record


def read_record(path: Path) -> Record:
    """Read one record of schema 1 or 2.

    Raises:
        RecordError: the file cannot be read, is not JSON, lacks a field, or has an unknown schema.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise RecordError(f"cannot read record {path}: {error.strerror}; remove it or run again") from error
    return Record.from_json(text, origin=f"record {path}")


def read_records(output: Path, protocols: Iterable[str] = ()) -> list[tuple[Path, Record]]:
    """Return the records in an output folder with their paths, of the given protocols or of all.

    Raises:
        RecordError: as `read_record`.
    """
    names = set(protocols)
    paths = sorted((output / "records").glob("*/*.json"))
    return [(path, read_record(path)) for path in paths if not names or path.parent.name in names]
