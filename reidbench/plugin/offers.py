"""Checks of what plugins offer: specs, protocol files and the classes of methods."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, get_args, get_type_hints

from reidbench.errors import ConfigError, PluginError, quote
from reidbench.names import check_name
from reidbench.plugin.config import Stage, check_values
from reidbench.plugin.method import Method
from reidbench.plugin.specs import AUDIT_PREFIX, DatasetSpec, MethodSpec, Modality, is_audit

# A hook that never stops is cut off.
_MAX_ITEMS = 10_000
_SPECS: Mapping[str, type] = {"method": MethodSpec, "dataset": DatasetSpec}


def list_items(result: Any, hook: str) -> list[Any]:
    """Return what a hook returned as a list.

    Raises:
        PluginError: it is not iterable, is a text or a mapping, or has too many items.
    """
    if not isinstance(result, Iterable) or isinstance(result, str | bytes | Mapping):
        raise PluginError(f"{hook} must return a list, got {quote(result)} of type {type(result).__name__}")
    items = list(islice(result, _MAX_ITEMS + 1))
    if len(items) > _MAX_ITEMS:
        raise PluginError(f"{hook} must return at most {_MAX_ITEMS} items, got more")
    return items


def check_item(kind: str, item: Any) -> str:
    """Return the name of a method spec, dataset spec or protocol file.

    Args:
        kind: "method", "dataset" or "protocol".
        item: what the hook returned.

    Raises:
        PluginError: the item has another type, a field has another type, or the name is not allowed.
    """
    if kind == "protocol":
        return _check_protocol_file(item)
    spec_class = _SPECS[kind]
    if not isinstance(item, spec_class):
        raise PluginError(
            f"{kind} must be a {spec_class.__name__}, got {quote(item)} of type {type(item).__name__}"
        )
    check_name(kind, getattr(item, "name", None), PluginError)
    name: str = item.name  # type: ignore[attr-defined]
    for field, hint in get_type_hints(spec_class).items():
        _check_field(f"{field} of {kind} '{name}'", hint, getattr(item, field))
    for target in ("target", "layout"):
        if (value := getattr(item, target, None)) is not None and not all(value.partition(":")):
            raise PluginError(
                f"{target} of {kind} '{name}' must have the form 'module:NAME', got {quote(value)}"
            )
    return name


def _check_field(what: str, hint: Any, value: Any) -> None:
    if get_args(hint) == (str, ...):
        if not (isinstance(value, tuple) and all(isinstance(text, str) for text in value)):
            raise PluginError(f"{what} must be a tuple of texts, got {quote(value)}")
    elif hint is str or type(None) in get_args(hint):
        if not isinstance(value, str) and not (value is None and hint is not str):
            raise PluginError(f"{what} must be a text, got {quote(value)}")
    elif value not in get_args(hint):
        raise PluginError(f"{what} must be one of {', '.join(get_args(hint))}, got {quote(value)}")


def _check_protocol_file(item: Any) -> str:
    name = getattr(item, "name", None)
    if isinstance(item, str) or not isinstance(name, str) or not hasattr(item, "read_bytes"):
        raise PluginError(f"protocol must be a path, got {quote(item)} of type {type(item).__name__}")
    if not name.endswith(".toml"):
        raise PluginError(f"file of a protocol must end with .toml, got {quote(name)}")
    return check_name("protocol", name.removesuffix(".toml"), PluginError)


def check_method_class(spec: MethodSpec, method_class: Any) -> type[Method]:
    """Return the class of a method.

    Raises:
        PluginError: it is not a complete `Method`, has another name than its spec, or an attribute has another type.
    """
    prefix = f"method '{spec.name}': {spec.target}"
    if not (isinstance(method_class, type) and issubclass(method_class, Method)):
        raise PluginError(f"{prefix} must be a subclass of Method, got {quote(method_class)}")
    if missing := sorted(getattr(method_class, "__abstractmethods__", ())):
        raise PluginError(f"{prefix} must implement {', '.join(missing)}")
    name = getattr(method_class, "name", None)
    if name != spec.name or not isinstance(name, str):
        raise PluginError(
            f"{prefix} must have the name '{spec.name}', got {quote(name)}; use one name in the class and in its "
            "MethodSpec"
        )
    version = getattr(method_class, "version", None)
    if not isinstance(version, str) or not version or len(version) > 64:
        raise PluginError(f"{prefix} must have a version, a text of 1 to 64 characters, got {quote(version)}")
    for flag in ("uses_camera", "uses_hidden_facts", "learns", "attends", "aligns"):
        if not isinstance(value := getattr(method_class, flag), bool):
            raise PluginError(f"{prefix}: {flag} must be true or false, got {quote(value)}")
    if method_class.uses_hidden_facts and not is_audit(name):
        raise PluginError(
            f"{prefix}: uses_hidden_facts must be false, got true; only audits of reidbench, whose names start with "
            f"'{AUDIT_PREFIX}', may read hidden facts"
        )
    if (modality := method_class.modality) not in get_args(Modality):
        raise PluginError(
            f"{prefix}: modality must be one of {', '.join(get_args(Modality))}, got {quote(modality)}"
        )
    _check_presets(prefix, method_class)
    return method_class


def _check_presets(prefix: str, method_class: type[Method]) -> None:
    presets, config_class = getattr(method_class, "presets", None), getattr(method_class, "Config", None)
    if not (inspect.isclass(config_class) and dataclasses.is_dataclass(config_class)):
        raise PluginError(f"{prefix}: Config must be a dataclass, got {quote(config_class)}")
    if not isinstance(presets, Mapping) or not presets:
        raise PluginError(f"{prefix} must have presets, a mapping of names to settings, got {quote(presets)}")
    for name, preset in presets.items():
        check_name("preset", name, PluginError)
        if not isinstance(preset, config_class):
            raise PluginError(
                f"{prefix}: preset '{name}' must be a {config_class.__name__}, got {quote(preset)}"
            )
        try:
            check_values(preset)
        except ConfigError as error:
            raise PluginError(f"{prefix}: preset '{name}': {error}") from error
    for field in dataclasses.fields(config_class):
        # A setting of an unknown stage would be part of no key.
        if (stage := field.metadata.get("stage", "fit")) not in get_args(Stage):
            raise PluginError(
                f"{prefix}: stage of setting '{field.name}' must be one of {', '.join(get_args(Stage))}, "
                f"got {quote(stage)}"
            )
        if not isinstance(text := field.metadata.get("help", ""), str):
            raise PluginError(f"{prefix}: help of setting '{field.name}' must be a text, got {quote(text)}")
