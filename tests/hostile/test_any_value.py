from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reidbench.datasets.marker import MARKER_NAME, read_marker
from reidbench.errors import ReidbenchError
from reidbench.protocols import load_protocol
from reidbench.records import Record
from tests.hostile.structures import format_toml

NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([2**63, 10**400, -(10**30)]))
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=20))
KEYS = st.one_of(
    st.sampled_from(
        ["schema", "figures", "trials", "title", "dataset", "query", "digest", "files", "count", "synthetic"]
    ),
    st.text(max_size=8),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=20,
)


def read_as_record(folder: Path, value: Any) -> object:
    return Record.from_json(json.dumps(value).encode(), origin="record")


def read_as_marker(folder: Path, value: Any) -> object:
    (folder / MARKER_NAME).write_text(json.dumps(value), encoding="utf-8", errors="surrogatepass")
    return read_marker(folder)


def read_as_protocol(folder: Path, value: Any) -> object:
    table = value if isinstance(value, dict) else {"title": value}
    text = "".join(f"{json.dumps(key)} = {format_toml(item)}\n" for key, item in table.items())
    (folder / "any.toml").write_text(text, encoding="utf-8", errors="surrogatepass")
    return load_protocol(folder / "any.toml")


def find_message(read: Callable[[Path, Any], object], folder: Path, value: Any) -> str:
    """Return the message of a refusal, or an empty text."""
    try:
        read(folder, value)
    except ReidbenchError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("read", [read_as_record, read_as_marker, read_as_protocol])
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=VALUES)
def test_any_value_is_read_or_refused_in_one_line(
    read: Callable[[Path, Any], object], value: Any, tmp_path: Path
) -> None:
    message = find_message(read, tmp_path, value)

    assert message.isprintable()
