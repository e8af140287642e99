"""Protocol files: TOML in, checked protocols out."""

from __future__ import annotations

import re
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Any

from reidbench.errors import ProtocolError
from reidbench.protocols.schema import Protocol, SplitTable, parse_protocol


def load_protocol(file: Traversable) -> Protocol:
    """Read one protocol file and the table of divisions that it names; its stem is the protocol's name.

    Raises:
        ProtocolError: a file cannot be read, or breaks the schema.
    """
    name = file.name.removesuffix(".toml")
    try:
        text = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProtocolError(f"protocol '{name}' ({file}) cannot be read: {error}") from error
    trials = text.get("trials")
    table: Any = trials.get("table") if isinstance(trials, dict) else None
    return parse_protocol(name, text, _split_table(file, table) if isinstance(table, str) else None)


def _split_table(file: Traversable, table: str) -> SplitTable:
    """Read a table: `# unit: positions` or `# unit: people`, other comments, then rows of numbers."""
    place = f"protocol '{file.name.removesuffix('.toml')}': trials.table '{table}'"
    if PurePosixPath(table).is_absolute() or ".." in PurePosixPath(table).parts or not isinstance(file, Path):
        raise ProtocolError(f"{place} must lie in the folder of the protocol file, or below")
    try:
        lines = (file.parent / table).read_text(encoding="utf-8").splitlines()
        units = [match[1] for line in lines if (match := re.fullmatch(r"# unit: (positions|people)", line))]
        rows = [tuple(map(int, line.split(","))) for line in lines if line and not line.startswith("#")]
    except (OSError, ValueError) as error:
        raise ProtocolError(f"{place} cannot be read: {error}") from error
    if len(units) != 1 or not rows or any(sorted(row) != sorted(rows[0]) for row in rows):
        raise ProtocolError(f"{place} must name its unit once and hold rows that order the same people")
    if len(set(rows[0])) != len(rows[0]):
        raise ProtocolError(f"{place} names a person twice in a row")
    return SplitTable(unit=units[0], rows=tuple(rows))  # type: ignore[arg-type]
