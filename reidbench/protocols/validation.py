"""Conversion of TOML tables to structs, with errors that name key, value and what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from reidbench.errors import MAX_QUOTE, ProtocolError, describe_error, make_printable, quote

S = TypeVar("S", bound=msgspec.Struct)
_TYPES = {"int": "an integer", "float": "a number", "str": "text", "bool": "true or false"}
_ERROR = re.compile(r"(?P<reason>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_BOUND = re.compile(r"Expected `int` (?P<sign>[<>]=?) (?P<number>-?\d+)")
_BOUNDS = {">=": "at least", ">": "greater than", "<=": "at most", "<": "less than"}
_NAMED_FIELD = re.compile(r"Object (?P<kind>contains unknown|missing required) field `(?P<name>[^`]*)`")


def convert_table(kind: type[S], table: Any, path: str = "", *, hidden: Sequence[str] = ()) -> S:
    """Return a table as a struct.

    Args:
        kind: of the struct.
        table: keys and values.
        path: of the table in its file, for messages; empty for the topmost.
        hidden: fields of the struct that are not keys of the file.

    Raises:
        ProtocolError: a key is unknown or missing, or a value has the wrong type.
    """
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise ProtocolError(_explain(str(error), kind, table, path, hidden)) from None
    except RecursionError as error:
        raise ProtocolError(f"{path or 'the file'} is nested too deeply: {describe_error(error)}") from None


def _explain(message: str, kind: type[msgspec.Struct], table: Any, path: str, hidden: Sequence[str]) -> str:
    match = _ERROR.fullmatch(message)
    reason, inner = (match["reason"], match["path"] or "") if match else (message, "")
    keys = [key for key in inner.removesuffix("[...]").split(".") if key]
    hint, value = _follow_path(kind, table, keys)
    if inner.endswith("[...]"):
        wrong = next((key for key in value if not isinstance(value[key], str)), "")
        keys, value, hint = [*keys, wrong], value.get(wrong), str
    if field := _NAMED_FIELD.match(reason):
        name = _join_keys(path, *keys, field["name"])
        if field["kind"] == "missing required":
            return f"key {quote(name)} is missing"
        known = sorted(set(_find_struct(hint).__struct_fields__) - set(hidden))
        near = difflib.get_close_matches(field["name"], known, n=1)
        guess = f"; did you mean '{_join_keys(path, *keys, near[0])}'?" if near else ""
        return f"unknown key {quote(name)}{guess}; the keys are {', '.join(known)}"
    name = make_printable(_join_keys(path, *keys))[:MAX_QUOTE]
    if choices := list_literals(hint):
        return f"{name} must be one of {', '.join(map(repr, choices))}, got {quote(value)}"
    if reason.startswith("Expected `object"):
        return f"[{name}] must be a table, got {quote(value)}"
    if bound := _BOUND.fullmatch(reason):
        return f"{name} must be {_BOUNDS[bound['sign']]} {bound['number']}, got {quote(value)}"
    expected = re.match(r"Expected `(\w+)", reason)
    if expected is None:
        return f"{name}: {reason}, got {quote(value)}"
    return f"{name} must be {_TYPES.get(expected[1], expected[1])}, got {quote(value)}"


def _join_keys(*keys: str) -> str:
    return ".".join(key for key in keys if key)


def _follow_path(hint: Any, value: Any, keys: Sequence[str]) -> tuple[Any, Any]:
    """Return the type and the value at the end of a path of keys."""
    for key in keys:
        hint, value = get_type_hints(_find_struct(hint))[key], value[key]
    return hint, value


def _find_struct(hint: Any) -> Any:
    """Return the struct class of a hint such as `Rule | None`."""
    choices = (hint, *get_args(hint))
    return next(
        choice for choice in choices if isinstance(choice, type) and issubclass(choice, msgspec.Struct)
    )


def list_literals(hint: Any) -> tuple[Any, ...]:
    """Return the values of a `Literal`, or of `Literal | None`; empty for other types."""
    for choice in (hint, *get_args(hint)):
        if get_origin(choice) is Literal:
            return get_args(choice)
    return ()
