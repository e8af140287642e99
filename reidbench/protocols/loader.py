"""Protocol files: TOML in, checked protocols out."""

from __future__ import annotations

import tomllib
from importlib.resources.abc import Traversable

from reidbench.errors import ProtocolError
from reidbench.protocols.schema import Protocol, parsed


def load_protocol(file: Traversable) -> Protocol:
    """Read one protocol file; its stem is the protocol's name.

    Raises:
        ProtocolError: the file is not TOML or breaks the schema.
    """
    name = file.name.removesuffix(".toml")
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProtocolError(f"protocol '{name}' ({file}) cannot be read: {error}") from error
    return parsed(name, table)
