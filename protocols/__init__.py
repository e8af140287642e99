"""The protocols of reidbench, registered like those of third-party plugins."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

from reidbench import hookimpl


@hookimpl
def reidbench_protocols() -> Sequence[Traversable]:
    """Return every TOML file of this package."""
    return [
        file for file in files(__package__ or "reidbench_protocols").iterdir() if file.name.endswith(".toml")
    ]
