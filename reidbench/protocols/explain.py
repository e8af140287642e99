"""Protocols in words: every rule with its value, the other conventions in use, and where it comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from reidbench.protocols.schema import Conventions, Protocol

HEADINGS = (
    "name",
    "title",
    "dataset",
    "version",
    "modality",
    "split_table",
)  # shown above the rules, or not at all


def explain_protocol(protocol: Protocol) -> list[dict[str, Any]]:
    """Return one row for each rule that holds: `rule`, `value`, `other conventions`, `source`."""
    choices = _choices()
    return [
        {
            "rule": rule,
            "value": value,
            "other conventions": [choice for choice in choices.get(rule, ()) if choice != value],
            "source": _source(protocol.sources, rule),
        }
        for rule, value in _leaves(protocol.semantics())
        if rule.split(".")[0] not in HEADINGS and value is not None
    ]


def _leaves(table: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{place}{key}.")
        else:
            yield f"{place}{key}", value


def _source(sources: Mapping[str, str], rule: str) -> str:
    return sources.get(rule) or sources.get(rule.rsplit(".", 1)[0]) or ""


def _choices() -> dict[str, tuple[str, ...]]:
    hints = get_type_hints(Conventions)
    return {
        f"conventions.{item.name}": next(
            get_args(part) for part in get_args(hints[item.name]) if get_origin(part) is Literal
        )
        for item in dataclasses.fields(Conventions)
    }
