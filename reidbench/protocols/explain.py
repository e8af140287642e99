"""Explanations of protocols: every rule with its value, the other conventions in use, and its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

from reidbench.protocols.schema import Conventions, Protocol
from reidbench.protocols.validation import list_literals

# Fields that are printed above the table of rules, or not at all.
HEADINGS = ("name", "title", "dataset", "version", "modality", "split_table")


def explain_protocol(protocol: Protocol) -> list[dict[str, Any]]:
    """Return one row per rule with a value: `rule`, `value`, `other conventions`, `source`."""
    choices = {
        f"conventions.{name}": list_literals(hint) for name, hint in get_type_hints(Conventions).items()
    }
    return [
        {
            "rule": rule,
            "value": value,
            "other conventions": [choice for choice in choices.get(rule, ()) if choice != value],
            "source": _find_source(protocol.sources, rule),
        }
        for rule, value in _list_rules(protocol.semantics())
        if rule.split(".")[0] not in HEADINGS and value is not None
    ]


def _list_rules(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the value of every entry of nested tables."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _list_rules(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _find_source(sources: Mapping[str, str], rule: str) -> str:
    return sources.get(rule) or sources.get(rule.rsplit(".", 1)[0]) or ""
