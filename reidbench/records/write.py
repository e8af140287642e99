"""Write record files."""

from __future__ import annotations

from pathlib import Path

import msgspec

from reidbench.errors import RecordError
from reidbench.files import write_text
from reidbench.names import check_name
from reidbench.records.record import Record


def write_record(record: Record, side: str, output: Path) -> Path:
    """Write the per-query file, then the record that names it, both atomically; return the path of the record.

    Raises:
        RecordError: the method or the protocol does not follow the pattern of names.
    """
    for kind, name in (("method", record.method), ("protocol", record.protocol)):
        check_name(kind, name, RecordError)
    folder = output / "records" / record.protocol
    path = folder / f"{record.stem}.json"
    if record.per_query is not None:
        write_text(folder / record.per_query.file, side)
    write_text(path, msgspec.json.format(record.to_json(), indent=1) + "\n")
    return path
