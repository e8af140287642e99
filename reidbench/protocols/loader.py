"""Loading of protocol files."""

from __future__ import annotations

import re
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from reidbench.errors import ProtocolError, describe_error, quote
from reidbench.limits import MAX_PROTOCOL_FILE, MAX_SPLIT_FILE, read_limited
from reidbench.protocols.schema import Protocol, SplitNumber, SplitTable, parse_protocol


def load_protocol(file: Traversable) -> Protocol:
    """Read one protocol file and the split table that it names; its stem is the protocol's name.

    Raises:
        ProtocolError: a file cannot be read, or breaks the schema.
    """
    name = file.name.removesuffix(".toml")
    try:
        table = tomllib.loads(read_limited(file, MAX_PROTOCOL_FILE).decode("utf-8"))
    # A number of more than 4,300 digits is a ValueError, and deep nesting a RecursionError.
    except (OSError, ValueError, RecursionError) as error:
        raise ProtocolError(
            f"cannot read protocol '{name}' ({file}): {describe_error(error)}; correct the file"
        ) from error
    trials = table.get("trials")
    split_file: Any = trials.get("table") if isinstance(trials, dict) else None
    splits = _read_split_table(file, split_file) if isinstance(split_file, str) else None
    return parse_protocol(name, table, splits)


def _read_split_table(file: Traversable, name: str) -> SplitTable:
    """Read a split table: `# unit: positions` or `# unit: people`, other comments, then rows of numbers."""
    where = f"protocol '{file.name.removesuffix('.toml')}': trials.table {quote(name)}"
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not isinstance(file, Path):
        raise ProtocolError(f"{where} must be a path inside the folder of the protocol file")
    try:
        lines = read_limited(file.parent / name, MAX_SPLIT_FILE).decode("utf-8").splitlines()
        units = [match[1] for line in lines if (match := re.fullmatch(r"# unit: (positions|people)", line))]
        cells = [line.split(",") for line in lines if line and not line.startswith("#")]
        rows = msgspec.convert(cells, tuple[tuple[SplitNumber, ...], ...], strict=False)
    except (OSError, ValueError) as error:
        raise ProtocolError(f"cannot read {where}: {describe_error(error)}; correct the file") from error
    if len(units) != 1:
        raise ProtocolError(
            f"{where} must have one line '# unit: positions' or '# unit: people', got {len(units)}"
        )
    if not rows or any(sorted(row) != sorted(rows[0]) for row in rows):
        raise ProtocolError(f"{where} must have rows that order the same people, got {len(rows)} rows")
    if len(set(rows[0])) != len(rows[0]):
        raise ProtocolError(f"{where} must have each person once per row")
    return SplitTable(unit=units[0], rows=rows)  # type: ignore[arg-type]
