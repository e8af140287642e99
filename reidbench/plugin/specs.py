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
    """A dataset reader.

    Attributes:
        name: by which protocols name it.
        target: the class as "module:Class".
        summary: one line about it.
        folder: below the data root.
        access: how the data is obtained.
        status: whether it can be had at all: "open" for research, "restricted" to those who sign an agreement or
            ask, "withdrawn" by its owners.
        layout: the writer of synthetic trees in this layout as "module:NAME"; None when there is none.
    """

    name: str
    target: str
    summary: str
    folder: str
    access: str
    status: Literal["open", "restricted", "withdrawn"] = "open"
    layout: str | None = None


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
