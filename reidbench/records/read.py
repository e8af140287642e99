"""Load record files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from reidbench.errors import RecordError
from reidbench.limits import MAX_RECORD, read_limited
from reidbench.records.check import check_record
from reidbench.records.record import Record

log = logging.getLogger(__name__)


def read_record(path: Path) -> Record:
    """Read one record of schema 1 or 2.

    Raises:
        RecordError: the file cannot be read, is too large, is not JSON, lacks a field, has a value of another type or
            out of range, or has an unknown schema.
    """
    try:
        text = read_limited(path, MAX_RECORD)
    except OSError as error:
        raise RecordError(
            f"cannot read record {path}: {error.strerror or error}; remove it or run again"
        ) from error
    return Record.from_json(text, origin=f"record {path}")


def read_records(output: Path, protocols: Iterable[str] = ()) -> list[tuple[Path, Record]]:
    """Return the records in an output folder with their paths, of the given protocols or of all.

    Records that cannot be read, and records with figures that do not follow from their per-query values, are left out;
    one warning line names each.
    """
    names = set(protocols)
    paths = sorted((output / "records").glob("*/*.json"))
    return list(_read_valid(path for path in paths if not names or path.parent.name in names))


def _read_valid(paths: Iterable[Path]) -> Iterator[tuple[Path, Record]]:
    for path in paths:
        try:
            record = read_record(path)
            differences, _ = check_record(record, path)
        except RecordError as error:
            log.warning("left out: %s", error)
            continue
        if differences:
            more = f" ({len(differences) - 1} more differences)" if len(differences) > 1 else ""
            log.warning("left out: record %s: %s%s; run again or remove it", path, differences[0], more)
            continue
        yield path, record
