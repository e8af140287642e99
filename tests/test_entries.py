"""Cache entries: what is written is read back, and everything else is named, removed and not read."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from reidbench.entries import find_damage, read_entry, read_json_entry, write_entry, write_json_entry
from reidbench.errors import CacheError

FIELDS = {"rank1": 0.05, "name": "é", "rows": [[0, {"loss": 1.5}]], "nothing": None}


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    path = tmp_path / "trials" / "0123.json"
    write_json_entry(path, FIELDS)
    return path


def test_fields_are_read_back(entry: Path) -> None:
    assert read_json_entry(entry, dict) == FIELDS
    assert find_damage(entry) is None


def test_a_json_entry_is_a_json_object_with_a_digest(entry: Path) -> None:
    fields = json.loads(entry.read_text(encoding="utf-8"))

    assert len(fields.pop("digest")) == 64
    assert fields == FIELDS


def test_a_missing_entry_is_none(tmp_path: Path) -> None:
    assert read_json_entry(tmp_path / "none.json", dict) is None
    assert find_damage(tmp_path / "none.json") is None


def test_every_changed_byte_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "entry"
    write_entry(path, b"payload")
    contents = path.read_bytes()

    for index in range(len(contents)):
        damaged = bytearray(contents)
        damaged[index] ^= 1
        path.write_bytes(damaged)
        assert read_entry(path, bytes) is None, index
        assert not path.exists()


@pytest.mark.parametrize(
    "change", ["truncate", "empty", "append", "prepend", "other-json", "copy", "move-folder"]
)
def test_a_damaged_entry_is_named_in_one_line_and_removed(
    entry: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    contents = entry.read_bytes()
    if change == "copy":
        # An intact entry under the name of another one.
        entry = entry.with_name("4567.json")
    elif change == "move-folder":
        entry = entry.parent.parent / "attention" / entry.name
        entry.parent.mkdir()
    entry.write_bytes(
        {
            "truncate": contents[:-1],
            "empty": b"",
            "append": contents + b"\n",
            "prepend": b" " + contents,
            "other-json": json.dumps({**json.loads(contents), "rank1": 1.0}).encode(),
        }.get(change, contents)
    )
    damage = find_damage(entry)

    with caplog.at_level(logging.WARNING):
        fields = read_json_entry(entry, dict)

    assert fields is None
    assert not entry.exists()
    (line,) = caplog.messages
    assert line == f"removed damaged cache entry {entry}: {damage}; it is computed again"


def test_an_entry_that_cannot_be_parsed_is_damaged(entry: Path) -> None:
    assert read_json_entry(entry, lambda fields: fields["missing"]) is None
    assert not entry.exists()


def test_an_entry_that_cannot_be_written_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "trials").write_text("a file")

    with pytest.raises(CacheError, match=r"cannot write cache entry .*0123\.json: .*REIDBENCH_CACHE"):
        write_json_entry(tmp_path / "trials" / "0123.json", FIELDS)


def test_an_unreadable_entry_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "0123.json").mkdir()

    with pytest.raises(CacheError, match=r"cannot read cache entry .*0123\.json"):
        read_json_entry(tmp_path / "0123.json", dict)
