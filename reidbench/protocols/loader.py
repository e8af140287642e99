"""Loading of protocol files."""

from __future__ import annotations

import re
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Any

from reidbench.errors import ProtocolError
from reidbench.protocols.schema import Protocol, SplitTable, parse_protocol


def load_protocol(file: Traversable) -> Protocol:
    """Read one protocol file and the split table that it names; its stem is the protocol's name.

    Raises:
        ProtocolError: a file cannot be read, or breaks the schema.
    """
    name = file.name.removesuffix(".toml")
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProtocolError(f"cannot read protocol '{name}' ({file}): {error}; correct the file") from error
    trials = table.get("trials")
    split_file: Any = trials.get("table") if isinstance(trials, dict) else None
    splits = _read_split_table(file, split_file) if isinstance(split_file, str) else None
    return parse_protocol(name, table, splits)


def _read_split_table(file: Traversable, name: str) -> SplitTable:
    """Read a split table: `# unit: positions` or `# unit: people`, other comments, then rows of numbers."""
    where = f"protocol '{file.name.removesuffix('.toml')}': trials.table '{name}'"
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not isinstance(file, Path):
        raise ProtocolError(f"{where} must be a path inside the folder of the protocol file")
    try:
        lines = (file.parent / name).read_text(encoding="utf-8").splitlines()
        units = [match[1] for line in lines if (match := re.fullmatch(r"# unit: (positions|people)", line))]
        rows = [tuple(map(int, line.split(","))) for line in lines if line and not line.startswith("#")]
    except (OSError, ValueError) as error:
        raise ProtocolError(f"cannot read {where}: {error}") from error
    if len(units) != 1:
        raise ProtocolError(
            f"{where} must have one line '# unit: positions' or '# unit: people', got {len(units)}"
        )
    if not rows or any(sorted(row) != sorted(rows[0]) for row in rows):
        raise ProtocolError(f"{where} must have rows that order the same people, got {len(rows)} rows")
    if len(set(rows[0])) != len(rows[0]):
        raise ProtocolError(f"{where} must have each person once per row")
    return SplitTable(unit=units[0], rows=tuple(rows))  # type: ignore[arg-type]
