"""What plugins say about what they offer: names and places, so that listing imports no framework."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from reidbench.errors import PluginError

Modality = Literal["video", "image", "both"]


@dataclass(frozen=True, kw_only=True)
class MethodSpec:
    """A method: its name, the class that implements it as "module:Class", and one line about it."""

    name: str
    target: str
    summary: str
    modality: Modality = "both"


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A dataset reader: its name, its class, its folder below the data root, and how the data is obtained."""

    name: str
    target: str
    summary: str
    folder: str
    access: str


def load_target(name: str, target: str) -> Any:
    """Import the class that a spec names.

    Raises:
        PluginError: the module cannot be imported or has no such class.
    """
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:  # importing runs a plugin's own code
        raise PluginError(
            f"'{name}' cannot be loaded from {target}: {type(error).__name__}: {error}"
        ) from error
