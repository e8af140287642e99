"""Specifications of methods and datasets: names and targets, so that listings import no framework."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from reidbench.errors import PluginError

Modality = Literal["video", "image", "both"]


@dataclass(frozen=True, kw_only=True)
class MethodSpec:
    """A method: its name, its class as "module:Class", and a summary in one line."""

    name: str
    target: str
    summary: str
    modality: Modality = "both"


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A dataset reader.

    Attributes:
        name: the name that protocols use.
        target: the class as "module:Class".
        summary: one line.
        folder: name of its folder in the data root.
        access: how to obtain the data.
        status: "open" for research, "restricted" to those who ask or sign an agreement, or "withdrawn" by its owners.
        layout: the writer of rendered trees in this layout as "module:NAME"; None if the dataset has no writer.
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
        PluginError: the module cannot be imported or lacks the class.
    """
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    # The import runs any code of the plugin.
    except Exception as error:
        raise PluginError(f"cannot load '{name}' from {target}: {type(error).__name__}: {error}") from error
