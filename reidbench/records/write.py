"""Write record files."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from reidbench.errors import RecordError, WriteError
from reidbench.files import write_text
from reidbench.names import check_name
from reidbench.records.check import list_differences
from reidbench.records.read import read_record
from reidbench.records.record import Record

FIGURES = ("figures", "trials", "cmc", "tar_at_far", "lengths", "attention", "convention_figures")
"""The fields in which two runs with one fingerprint must agree."""
log = logging.getLogger(__name__)


def write_record(record: Record, side: str, output: Path) -> tuple[Record, Path]:
    """Write the per-query file, then the record that names it, both atomically.

    A record with other figures and the same fingerprint is never replaced: the new one gets the next free number, as in
    METHOD-FINGERPRINT.2.json, and one line of the log names both.

    Args:
        record: the record.
        side: text of its per-query file.
        output: folder of records.

    Returns:
        The record, which names its per-query file, and its path.

    Raises:
        RecordError: the method or the protocol does not follow the pattern of names.
        WriteError: a file cannot be written; the per-query file is then removed, unless an older record names it.
    """
    for kind, name in (("method", record.method), ("protocol", record.protocol)):
        check_name(kind, name, RecordError)
    first = output / "records" / record.protocol / f"{record.stem}.json"
    path = _find_path(record, first)
    side_path = path.with_name(f"{path.stem}.per_query.csv")
    if record.per_query is not None:
        record = replace(record, per_query=replace(record.per_query, file=side_path.name))
        write_text(side_path, side)
    try:
        write_text(path, msgspec.json.format(record.to_json(), indent=1) + "\n")
    except WriteError:
        if not path.exists():
            side_path.unlink(missing_ok=True)
        raise
    if path != first:
        log.warning(
            "record %s has the same fingerprint as %s but other figures; both are kept", path, first.name
        )
    return record, path


def _find_path(record: Record, first: Path) -> Path:
    """Return the first path without a readable record of other figures.

    The last digits of an interval depend on the number of threads, so figures may differ by the tolerance of checks.
    """
    figures = _list_figures(record)
    for number in count(1):
        path = first if number == 1 else first.with_name(f"{record.stem}.{number}.json")
        try:
            existing = read_record(path)
        except RecordError:
            break
        if not any(list_differences(_list_figures(existing), figures)):
            break
    return path


def _list_figures(record: Record) -> dict[str, Any]:
    plain = record.to_plain()
    return {field: plain.get(field) for field in FIGURES}
