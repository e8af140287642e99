"""Reading records, whatever wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reidbench.errors import RecordError

Record = dict[str, Any]
NEEDED = (
    "schema",
    "method",
    "protocol",
    "synthetic",
    "partial",
    "transductive",
    "figures",
    "trials",
    "chance",
    "fingerprints",
    "seed",
)
SCHEMAS = (1,)


def read_record(path: Path) -> Record:
    """Read one record.

    Raises:
        RecordError: not JSON, a field is missing, or a schema of another release.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise RecordError(f"record {path} cannot be read: {error}; remove it or run again") from error
    if not isinstance(record, dict) or (missing := [name for name in NEEDED if name not in record]):
        lacking = missing[0] if isinstance(record, dict) else "everything"
        raise RecordError(f"record {path} lacks '{lacking}'; remove it or run again")
    if record["schema"] not in SCHEMAS:
        raise RecordError(
            f"record {path} has schema {record['schema']!r}, this release reads {SCHEMAS[-1]}; update reidbench"
        )
    return record


def read_records(output: Path, protocols: Iterable[str] = ()) -> list[tuple[Path, Record]]:
    """Return the records below an output folder, of some protocols or of all."""
    wanted = set(protocols)
    files = sorted((output / "records").glob("*/*.json"))
    return [(file, read_record(file)) for file in files if not wanted or file.parent.name in wanted]
