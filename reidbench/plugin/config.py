"""Settings of methods: frozen dataclasses, changed from text, split by what they touch.

A field's `metadata` has `help`, one line for users, and `stage`: what the setting touches first. "fit"
changes what is learned, "embed" only how a learned method embeds, "match" only the distance. Caches use it:
a fit is shared by runs that differ in "embed" settings, embeddings by runs that differ in "match" settings.
Without a stage a field counts as "fit".
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from reidbench.errors import ConfigError

Stage = Literal["fit", "embed", "match"]
C = TypeVar("C")

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def changed(config: C, assignments: Mapping[str, str]) -> C:
    """Return the settings with some of them replaced by values given as text.

    Args:
        config: a frozen dataclass instance, for instance a preset.
        assignments: field name -> text; sequences are written 3,5,5 or [3,5,5], booleans true or false.

    Raises:
        ConfigError: no such field, or a text that is not of the field's type or range.
    """
    fields = {field.name: field for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    hints = get_type_hints(type(config))
    values = {}
    for name, text in assignments.items():
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=3, cutoff=0.5)
            guess = f"; did you mean {', '.join(near)}?" if near else ""
            raise ConfigError(
                f"setting '{name}' does not exist{guess} the settings are: {', '.join(sorted(fields))}"
            )
        values[name] = _parse(name, hints[name], text.strip())
    return dataclasses.replace(config, **values)  # type: ignore[type-var]


def setting(
    default: Any,
    help: str,
    *,
    stage: Stage = "fit",
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> Any:
    """Return a field of a settings class, with its help, its stage and its range, which `check_settings` demands.

    Args:
        default: value.
        help: one line for users.
        stage: what the setting touches first.
        least: smallest value that is allowed.
        above: the value must be larger.
        most: largest value that is allowed.
        below: the value must be smaller.
    """
    limits = {"least": least, "above": above, "most": most, "below": below}
    given = {name: value for name, value in limits.items() if value is not None}
    return dataclasses.field(default=default, metadata={"help": help, "stage": stage, **given})


def check_settings(config: Any) -> None:
    """Demand that texts are among the choices of their type and numbers, also those in lists, inside their range.

    None is allowed where the type says so. To be called in `__post_init__`.

    Raises:
        ConfigError: a value is not; the message names the field, what is allowed and what came.
    """
    hints = get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        choices = [choice for choice in _literals(hints[field.name]) if choice is not None]
        if choices and value is not None and value not in choices:
            raise ConfigError(f"{field.name} must be one of {', '.join(map(str, choices))}, got {value}")
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int | float) and not _within(number, field.metadata):
                none = "none or " if type(None) in get_args(hints[field.name]) else ""
                raise ConfigError(f"{field.name} must be {none}{_range(field.metadata)}, got {value}")


def _literals(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(choice for part in get_args(hint) for choice in _literals(part))
    return ()


def _within(number: float, limits: Mapping[str, Any]) -> bool:
    return (
        number >= limits.get("least", number)
        and number <= limits.get("most", number)
        and ("above" not in limits or number > limits["above"])
        and ("below" not in limits or number < limits["below"])
    )


def _range(limits: Mapping[str, Any]) -> str:
    words = {"least": "{:g} or more", "above": "above {:g}", "most": "at most {:g}", "below": "below {:g}"}
    return " and ".join(text.format(limits[name]) for name, text in words.items() if name in limits)


def as_plain(config: Any, stages: Iterable[Stage] = ("fit", "embed", "match")) -> dict[str, Any]:
    """Return the settings of the given stages as JSON types, for records and fingerprints."""
    wanted = set(stages)
    chosen = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.metadata.get("stage", "fit") in wanted
    }
    plain: dict[str, Any] = json.loads(json.dumps(chosen))
    return plain


def described(config: Any) -> list[dict[str, Any]]:
    """Return name, default, stage and help of every setting, in the order of the class."""
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
        raise ConfigError(f"{name} must be {_wording(hint)}, got '{text}'") from None


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


def _wording(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(hint))
    if get_origin(hint) is tuple:
        return f"a list of {_wording(get_args(hint)[0])} such as 3,5,5"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    return names.get(hint, str(hint))
