"""Structural edits of JSON and TOML: deleted, renamed and retyped fields, odd numbers and texts, deep nesting."""

from __future__ import annotations

import copy
import json
import math
import tomllib
from pathlib import Path
from random import Random
from typing import Any

_RAW = "@raw-{}@"
# Text that `json.dumps` would not write.
RAW_VALUES = (
    "[" * 100_000 + "]" * 100_000,
    '{"a":' * 50_000 + "1" + "}" * 50_000,
    "9" * 5000,
    "1e999999",
    "-1e400",
    "NaN",
    "-Infinity",
    "0x10",
    "1e5",
    "00",
    '"\\ud800"',
)
NUMBERS = (
    0, -1, 1, 2, 0.5, -0.5, 1.5, 100.0, 1e308, -1e308, 5e-324, 2**31, 2**53 + 1, 2**63, 2**64, 10**30,
    math.nan, math.inf, -math.inf,
)  # fmt: skip
TEXTS = (
    "",
    " ",
    "../../escaped",
    "/etc/hostname",
    "x" * 100_000,
    "\x1b[31mred\x1b[0m",
    "two\nlines",
    "\x00",
    "\u202eabc",
    "\x9b31m",
    "nan",
    "1",
    "-m",
    "%s %d {0}",
    "*" * 300,
    "Ünïcode 名前",
)
OTHER_TYPES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1.5,
    "text",
    [],
    {},
    [1, 2, 3],
    {"a": 1},
    [[]],
    [None],
    "",
)

_Path = tuple[Any, ...]


def edit_tree(tree: Any, random: Random) -> tuple[str, str]:
    """Return JSON text of a tree with between 1 and 3 edits, and what was done."""
    changed, done = copy.deepcopy(tree), []
    raw: dict[str, str] = {}
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        changed, what = _edit_once(changed, random, raw)
        done.append(what)
    text = json.dumps(changed, ensure_ascii=random.random() < 0.5)
    for placeholder, value in raw.items():
        text = text.replace(json.dumps(placeholder), value)
    return text, "; ".join(done)


def _list_nodes(tree: Any, path: _Path = ()) -> list[_Path]:
    nodes = [path]
    if isinstance(tree, dict):
        nodes += [node for key, value in tree.items() for node in _list_nodes(value, (*path, key))]
    elif isinstance(tree, list):
        # All items of a long list look alike.
        nodes += [node for index, value in enumerate(tree[:8]) for node in _list_nodes(value, (*path, index))]
    return nodes


def _get(tree: Any, path: _Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _edit_once(tree: Any, random: Random, raw: dict[str, str]) -> tuple[Any, str]:
    """Apply one edit; `raw` receives the texts of placeholders."""
    nodes = _list_nodes(tree)
    path = random.choice(nodes)
    # Every second edit is of a field near the root.
    if random.random() < 0.5:
        path = random.choice([node for node in nodes if len(node) <= 2])
    where = "/".join(map(str, path)) or "the root"
    if path and random.random() < 0.15:
        parent = _get(tree, path[:-1])
        del parent[path[-1]]
        return tree, f"deleted {where}"
    new, what = _choose_value(_get(tree, path), random, raw, tree)
    if not path:
        return new, f"{what} at {where}"
    _get(tree, path[:-1])[path[-1]] = new
    return tree, f"{what} at {where}"


def _choose_value(old: Any, random: Random, raw: dict[str, str], tree: Any) -> tuple[Any, str]:
    choice = random.random()
    if choice < 0.12:
        placeholder = _RAW.format(len(raw))
        raw[placeholder] = random.choice(RAW_VALUES)
        return placeholder, f"raw {raw[placeholder][:12]}"
    if choice < 0.3:
        value = random.choice(OTHER_TYPES)
        return copy.deepcopy(value), f"{value!r:.20}"
    if isinstance(old, bool):
        return not old, "negation"
    if isinstance(old, (int, float)):
        numbers = (*NUMBERS, old + 1, -old, old * 2, old / 3 if old else 3, int(old) if abs(old) < 1e9 else 1)
        number = random.choice(numbers)
        return number, f"number {number!r:.20}"
    if isinstance(old, str):
        text = random.choice((*TEXTS, old + " ", old.upper(), old[:-1], old[::-1], old * 2))
        return text, f"text {text!r:.20}"
    if isinstance(old, list) and old:
        return _edit_list(old, random)
    if isinstance(old, dict) and old:
        return _edit_table(old, random)
    other = _get(tree, random.choice(_list_nodes(tree)))
    return copy.deepcopy(other), "another node"


def _edit_list(old: list[Any], random: Random) -> tuple[list[Any], str]:
    index = random.randrange(len(old))
    edits = {
        "reversed list": old[::-1],
        "repeated item": [*old, copy.deepcopy(old[index])],
        "shorter list": old[:index] + old[index + 1 :],
        "long list": (old * 2000)[:2000],
        "empty list": [],
        "nested list": [old],
    }
    what = random.choice(sorted(edits))
    return edits[what], what


def _edit_table(old: dict[str, Any], random: Random) -> tuple[dict[str, Any], str]:
    key = random.choice(sorted(old))
    renamed = {random.choice(TEXTS) if name == key else name: value for name, value in old.items()}
    edits = {
        f"renamed {key}": renamed,
        "unknown field": {**old, random.choice(TEXTS): random.choice(NUMBERS)},
        f"only {key}": {key: old[key]},
        "empty table": {},
    }
    what = random.choice(sorted(edits))
    return edits[what], what


def damage_json(path: Path, random: Random) -> str:
    """Apply structural edits to a JSON file."""
    text, what = edit_tree(json.loads(path.read_text(encoding="utf-8")), random)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return what


def damage_toml(path: Path, random: Random) -> str:
    """Apply structural edits to a TOML file."""
    text, what = edit_tree(tomllib.loads(path.read_text(encoding="utf-8")), random)
    path.write_text(_to_toml(text), encoding="utf-8", errors="surrogatepass")
    return what


def _to_toml(text: str) -> str:
    """Return TOML with the values of a JSON object, inline; invalid where TOML has no such value."""
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        # Raw values: a field with them after a valid beginning.
        return f'title = "Raw"\ntrials = {text}\n'
    if not isinstance(tree, dict):
        return f"title = {format_toml(tree)}\n"
    return "".join(f"{json.dumps(key)} = {format_toml(value)}\n" for key, value in tree.items())


def format_toml(value: Any) -> str:
    """Return a JSON value as TOML; null has no valid text."""
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(key)} = {format_toml(item)}" for key, item in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(format_toml, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)
