"""Specifications of methods and datasets: names and targets, so that listings import no framework."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from reidbench.errors import PluginError
from reidbench.plugin.method import Method

Modality = Literal["video", "image", "both"]


@dataclass(frozen=True, kw_only=True)
class MethodSpec:
    """A method.

    Attributes:
        name: the name that users type; `name` of the class must be equal.
        target: the class as "module:Class".
        summary: one line.
        modality: accepted input.
        files: data files that results depend on, relative to the folder of the module; they are part of the source
            digest, and so of every cache key.
    """

    name: str
    target: str
    summary: str
    modality: Modality = "both"
    files: tuple[str, ...] = ()


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


def load_method(spec: MethodSpec) -> type[Method]:
    """Import the class of a method.

    Raises:
        PluginError: the class cannot be imported, is not a `Method`, or has another name than its spec.
    """
    method_class = load_target(spec.name, spec.target)
    if not (isinstance(method_class, type) and issubclass(method_class, Method)):
        raise PluginError(f"method '{spec.name}': {spec.target} must be a subclass of Method")
    if (name := getattr(method_class, "name", None)) != spec.name:
        raise PluginError(
            f"method '{spec.name}': {spec.target} must have the name '{spec.name}', got '{name}'; use one name in the "
            "class and in its MethodSpec"
        )
    return method_class


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
