"""Specifications of methods and datasets: names and targets, so that listings import no framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Modality = Literal["video", "image", "both"]
AUDIT_PREFIX = "audit-"
"""Start of the names of audits, which only reidbench itself may offer."""


def is_audit(method: str) -> bool:
    """Return whether a method is an audit: a trivial method that shows what solves a dataset."""
    return method.startswith(AUDIT_PREFIX)


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
