"""Settings of methods: frozen dataclasses that can be overridden with text, such as `--set epochs=50`.

The `metadata` of a field has `help`, one line for users, and `stage`, the first stage that the setting affects.
"fit" affects training, "embed" only the embedding of a fitted method, "match" only the distance. Cache keys use
the stage: runs that differ only in "embed" settings share a fit, and runs that differ only in "match" settings
share embeddings. A field without a stage belongs to "fit".
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from reidbench.errors import ConfigError, quote
from reidbench.names import check_name

Stage = Literal["fit", "embed", "match"]
C = TypeVar("C")

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def apply_overrides(config: C, assignments: Mapping[str, str]) -> C:
    """Return a copy of the settings in which some values are replaced by values given as text.

    Args:
        config: a frozen dataclass instance, for example a preset.
        assignments: field name -> text. Sequences are written as 3,5,5 or [3,5,5], booleans as true or false.

    Raises:
        ConfigError: the field does not exist, or the text does not have the type or range of the field.
    """
    fields = {
        check_name("setting", field.name, ConfigError): field
        for field in dataclasses.fields(config)  # type: ignore[arg-type]
    }
    hints = get_type_hints(type(config))
    values = {}
    for name, text in assignments.items():
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=3, cutoff=0.5)
            guess = f" Did you mean {', '.join(near)}?" if near else ""
            raise ConfigError(
                f"setting {quote(name)} does not exist.{guess} The settings are: {', '.join(sorted(fields))}"
            )
        values[name] = _parse(name, hints[name], text.strip())
    return dataclasses.replace(config, **values)  # type: ignore[type-var]


def setting(
    default: Any,
    help: str,
    *,
    stage: Stage = "fit",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
) -> Any:
    """Return a field of a settings class, with its help text, stage and range; `check_settings` checks the range.

    Args:
        default: default value.
        help: one line for users.
        stage: the first stage that the setting affects.
        ge: the value must be greater than or equal to this.
        gt: the value must be greater than this.
        le: the value must be less than or equal to this.
        lt: the value must be less than this.
    """
    bounds = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    given = {name: value for name, value in bounds.items() if value is not None}
    return dataclasses.field(default=default, metadata={"help": help, "stage": stage, **given})


def check_settings(config: Any) -> None:
    """Check that each value is one of the choices of its type and that each number is in its range.

    Numbers inside tuples are checked too. None passes if the type allows it. Call this in `__post_init__`.

    Raises:
        ConfigError: a value is invalid; the message names the field, the allowed values and the value received.
    """
    hints = get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        choices = [choice for choice in _literals(hints[field.name]) if choice is not None]
        if choices and value is not None and value not in choices:
            raise ConfigError(
                f"{field.name} must be one of {', '.join(map(str, choices))}, got {quote(value)}"
            )
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int | float) and not _is_within(number, field.metadata):
                none = "none or " if type(None) in get_args(hints[field.name]) else ""
                raise ConfigError(f"{field.name} must be {none}{_range(field.metadata)}, got {quote(value)}")


def _literals(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(choice for part in get_args(hint) for choice in _literals(part))
    return ()


def _is_within(number: float, bounds: Mapping[str, Any]) -> bool:
    return (
        number >= bounds.get("ge", number)
        and number <= bounds.get("le", number)
        and ("gt" not in bounds or number > bounds["gt"])
        and ("lt" not in bounds or number < bounds["lt"])
    )


def _range(bounds: Mapping[str, Any]) -> str:
    """Return a range in words: "in [1, 64]", "at least 1", "greater than 0"."""
    words = {"ge": "at least {:g}", "gt": "greater than {:g}", "le": "at most {:g}", "lt": "less than {:g}"}
    given = [name for name in words if name in bounds]
    if len(given) == 1:
        return words[given[0]].format(bounds[given[0]])
    low, high = given
    return f"in {'[' if low == 'ge' else '('}{bounds[low]:g}, {bounds[high]:g}{']' if high == 'le' else ')'}"


def as_plain(config: Any, stages: Iterable[Stage] = ("fit", "embed", "match")) -> dict[str, Any]:
    """Return the settings of the given stages as JSON types; `check_values` has checked them."""
    included = set(stages)
    values = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.metadata.get("stage", "fit") in included
    }
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain


def check_values(config: Any) -> None:
    """Check that settings can be part of keys and records: texts, finite numbers, true, false, none and lists of these.

    Raises:
        ConfigError: a value is something else; the message names the field.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ConfigError(
                f"{field.name} must be text, a finite number, true, false, none or a list of these, got {quote(value)}"
            ) from error


def describe_settings(config: Any) -> list[dict[str, Any]]:
    """Return the name, value, stage and help text of every setting, in the order of the class."""
    return [
        {
            "name": field.name,
            "value": getattr(config, field.name),
            "stage": field.metadata.get("stage", "fit"),
            "help": field.metadata.get("help", ""),
        }
        for field in dataclasses.fields(config)
    ]


def _parse(name: str, hint: Any, text: str) -> Any:
    try:
        return _convert(hint, text)
    except ValueError:
        raise ConfigError(f"{name} must be {_type_name(hint)}, got {quote(text)}") from None


def _convert(hint: Any, text: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _convert_union(arguments, text)
    if origin is Literal:
        for choice in arguments:
            if str(choice) == text:
                return choice
        raise ValueError(text)
    if origin is tuple:
        parts = text.strip("[]() ").split(",")
        return tuple(_convert(arguments[0], part.strip()) for part in parts if part.strip())
    if hint is bool:
        if text.lower() not in _BOOLEANS:
            raise ValueError(text)
        return _BOOLEANS[text.lower()]
    return hint(text)


def _convert_union(arguments: tuple[Any, ...], text: str) -> Any:
    if type(None) in arguments and text.lower() in ("none", "null"):
        return None
    for choice in arguments:
        if choice is not type(None):
            try:
                return _convert(choice, text)
            except ValueError:
                continue
    raise ValueError(text)


def _type_name(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(hint))
    if get_origin(hint) is tuple:
        return f"a list of {_type_name(get_args(hint)[0])} such as 3,5,5"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return names.get(hint, str(hint))
