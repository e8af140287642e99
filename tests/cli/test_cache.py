"""`reidbench cache list | verify | prune`, and the entries of older versions."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reidbench.cache import Cache
from reidbench.entries import write_json_entry
from reidbench.runner.cache_contents import format_bytes
from tests.calls import Answer

Run = Callable[..., Answer]
KEY = "0123456789abcdef" * 2
LINE = "10 bytes of older versions, which are never read; `reidbench cache prune` deletes them"


@pytest.fixture
def cache() -> Cache:
    """The cache of the test, with two trials."""
    cache = Cache()
    for key in (KEY, KEY[::-1]):
        write_json_entry(cache.trial(key), {"rank1": 0.5})
    return cache


@pytest.fixture
def older() -> Path:
    """An entry of the first version, which had no version folder."""
    path = Cache().base / "trials" / f"{KEY}.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"a": 123}')
    return path


def rows(reidbench: Run, *command: str, code: int = 0) -> list[dict[str, Any]]:
    answer = reidbench("cache", *command, "--json")
    assert answer.code == code, answer.err
    listed: list[dict[str, Any]] = json.loads(answer.out)
    return listed


def test_list_of_an_empty_cache_is_empty(reidbench: Run) -> None:
    assert rows(reidbench, "list") == []
    assert rows(reidbench, "verify") == []
    assert rows(reidbench, "prune") == []


def test_list_has_a_row_per_version_and_kind(reidbench: Run, cache: Cache, older: Path) -> None:
    size = cache.trial(KEY).stat().st_size

    assert rows(reidbench, "list") == [
        {"version": 2, "contents": "trials", "entries": 2, "bytes": 2 * size},
        {"version": 1, "contents": "trials", "entries": 1, "bytes": 10},
    ]
    answer = reidbench("cache", "list")
    assert "trials" in answer.out
    assert "10 bytes" in answer.out
    assert answer.err.strip() == f"the cache at {cache.base} has {LINE}"


def test_verify_names_damaged_entries_and_exits_with_1(reidbench: Run, cache: Cache) -> None:
    assert rows(reidbench, "verify") == []
    damaged = cache.trial(KEY)
    damaged.write_text(damaged.read_text().replace("0.5", "1.0"))

    assert rows(reidbench, "verify", code=1) == [
        {"entry": str(damaged), "problem": "its contents do not match their digest"}
    ]
    assert damaged.exists()


def test_verify_covers_every_kind_of_entry(reidbench: Run, small_root: Path) -> None:
    run = (
        "run",
        "-m",
        "siamese-convgru",
        "--preset",
        "small",
        "--set",
        "epochs=0",
        "-p",
        "ilids",
        "--trials",
        "1",
    )
    assert reidbench(*run, "--data-root", str(small_root)).code == 0
    listed = {row["contents"] for row in rows(reidbench, "list")}
    assert {"fits", "features", "trials"} <= listed
    assert rows(reidbench, "verify") == []
    entries = [
        path for kind in ("fits", "features", "trials") for path in Cache().root.glob(f"{kind}/**/*.*")
    ]
    for entry in entries:
        entry.write_bytes(entry.read_bytes()[:-1])

    damaged = rows(reidbench, "verify", code=1)

    assert {row["entry"] for row in damaged} == set(map(str, entries))
    assert {row["contents"] for row in rows(reidbench, "prune")} == {"damaged"}
    assert rows(reidbench, "verify") == []


def test_verify_names_a_rendered_tree_with_a_changed_file(reidbench: Run) -> None:
    root = Cache().tree(KEY)
    answer = reidbench("data", "synthesize", "viper", "--people", "4", "--out", str(root))
    assert answer.code == 0, answer.err
    assert rows(reidbench, "verify") == []
    image = min(root.rglob("*.bmp"))
    contents = bytearray(image.read_bytes())
    contents[-1] ^= 1
    image.write_bytes(contents)

    assert rows(reidbench, "verify", code=1) == [
        {"entry": str(root / "viper"), "problem": "changed files: 1"}
    ]


def test_prune_deletes_what_no_run_reads(reidbench: Run, cache: Cache, older: Path) -> None:
    damaged, intact = cache.trial(KEY), cache.trial(KEY[::-1])
    damaged.write_text("{}")
    abandoned, current = (intact.with_name(f".{intact.name}.{name}.part") for name in ("old", "new"))
    for path in (abandoned, current):
        path.write_text("half")
    os.utime(abandoned, (0, time.time() - 7200))
    foreign = cache.base / "trials" / "notes.txt"
    foreign.write_text("a file of the user")
    expected = [
        {"version": 1, "contents": "older version", "entries": 1, "bytes": 10},
        {"version": 2, "contents": "temporary", "entries": 1, "bytes": 4},
        {"version": 2, "contents": "damaged", "entries": 1, "bytes": 2},
    ]

    assert rows(reidbench, "prune", "--dry-run") == expected
    assert older.exists()
    assert rows(reidbench, "prune") == expected

    kept = {path for path in cache.base.rglob("*") if path.is_file()}
    assert kept == {intact, current, foreign}


def test_prune_all_deletes_intact_entries_too(reidbench: Run, cache: Cache, older: Path) -> None:
    assert [row["contents"] for row in rows(reidbench, "prune", "--all")] == ["older version", "this version"]
    assert list(cache.base.rglob("*")) == []


def test_a_run_reports_older_entries_once_and_never_reads_them(
    reidbench: Run, older: Path, small_root: Path
) -> None:
    run = ("run", "-m", "color-lbp", "-p", "ilids", "--trials", "1", "--data-root", str(small_root))

    first, second = reidbench(*run), reidbench(*run)

    assert [line for line in first.err.splitlines() if "older versions" in line] == [
        f"WARNING: the cache at {Cache().base} has {LINE}"
    ]
    assert "older versions" not in second.err
    assert older.read_text() == '{"a": 123}'


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (25_300_000_000_000, "25.3 TB")]
)
def test_sizes_have_a_unit(size: int, text: str) -> None:
    assert format_bytes(size) == text
