"""Records compared with their per-query values, and damaged records."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reidbench.errors import RecordError
from reidbench.records import check_record, read_record, read_records

from .test_record import ALL, V1, V2, copy_sample

NAMES = [f"{path.parent.name}/{path.name[:24]}" for path in ALL]


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


def copy(path: Path, output: Path) -> Path:
    return copy_sample(path, output / "records" / "demo")


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_untouched_record_has_no_differences(path: Path) -> None:
    differences, _ = check_record(read_record(path), path)

    assert differences == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda r: r["figures"]["rank1"].update(mean=0.99), "figures.rank1.mean"),
        (lambda r: r["figures"]["rank1"].update(mean=r["figures"]["rank1"]["mean"] + 2e-9), "figures.rank1.mean"),
        (lambda r: r["figures"]["map"].update(std=0.001), "figures.map.std"),
        (lambda r: r["figures"]["map"].update(low=0.9), "figures.map.low"),
        (lambda r: r["figures"]["rank5"].update(high=None), "figures.rank5.high"),
        (lambda r: r["figures"]["rank1"].update(std_seeds=0.0), "figures.rank1.std_seeds"),
        (lambda r: r["figures"].pop("rank10"), "figures.rank10"),
        (lambda r: r["figures"].update(rank2=r["figures"]["rank1"]), "figures.rank2"),
        (lambda r: r["trials"][1].update(rank1=0.99), "trials[1].rank1"),
        (lambda r: r["trials"][0].update(queries=6), "trials[0].queries"),
        (lambda r: r["cmc"].__setitem__(0, 0.9), "cmc[0]"),
        (lambda r: r["cmc"].pop(), "length of cmc"),
        (lambda r: r["chance"].update(rank1=1e-6), "chance.rank1"),
        (lambda r: r.update(synthetic=False), "synthetic"),
        (lambda r: r.update(seeds=[0]), "seeds"),
        (lambda r: r.update(seed=7), "seed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_edited_value_is_named(tmp_path: Path, change: Callable[[dict[str, Any]], object], name: str) -> None:
    path = copy(V2[0], tmp_path)
    edit(path, change)

    differences, _ = check_record(read_record(path), path)

    assert name in [difference.name for difference in differences]


def test_edited_record_is_left_out_with_one_warning_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = copy(V1[0], tmp_path)
    path = copy(V2[0], tmp_path)
    edit(path, lambda record: record["figures"]["rank1"].update(mean=0.99))

    assert [found for found, _ in read_records(tmp_path)] == [kept]
    (line,) = caplog.messages
    assert str(path) in line
    assert "figures.rank1.mean is 0.99, but must be 0.25" in line


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0,3,1,0.25,", "0,3,1,nan,", "table of numbers"),
        ("0,3,1,0.25,", "0,3,1,,", r"row 0: ap must be in \(0, 1\]"),
        ("0,3,1,0.25,", "0,3,1,1.5,", r"row 0: ap must be in \(0, 1\]"),
        ("0,3,1,0.25,", "0,3,1,0.75,", "row 0: ap must be 1 / first_match_rank for one match"),
        ("0,3,1,0.25,", "0,-3,1,0.25,", "row 0: pid must be at least 1"),
        ("0,3,1,0.25,", "0,3.5,1,0.25,", "table of numbers"),
        ("0,3,1,0.25,", "0,99999999999999999999,1,0.25,", "table of numbers"),
        (",0.25,4,1,0\n", ",0.25,6,1,0\n", "row 0: first_match_rank must be a rank that leaves room"),
        (",0.25,4,1,0\n", ",0.25,4,0,0\n", "row 0: first_match_rank must be 0"),
        ("trial,pid", "trial,person", "unknown column 'person'"),
        (",inp,", ",ap,", "missing columns inp"),
        ("trial,pid", "pid,trial,pid", "a column occurs twice"),
    ],
)
def test_impossible_per_query_value_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = copy(V2[0], tmp_path)
    side = path.with_suffix(".per_query.csv")
    text = side.read_text()
    assert old in text
    side.write_text(text.replace(old, new, 1))
    edit(path, lambda r: r["per_query"].update(sha256=hashlib.sha256(side.read_bytes()).hexdigest()))

    with pytest.raises(RecordError, match=message):
        check_record(read_record(path), path)


DEEP = "[" * 200_000
HOSTILE = {
    "brackets without an end": f'{{"schema": 2, "config": {DEEP}',
    "nested too deeply": f'{{"schema": 2, "config": {{"a": {"[" * 900}{"]" * 900}}}}}',
    "nested schema": '{"schema": [[[[[[2]]]]]]}',
    "huge integer": '{"schema": 1' + "0" * 5000 + "}",
    "huge float": '{"schema": 1e999999}',
    "not text": b"\xff\xfe{}",
    "empty": "",
    "null bytes": b"\x00" * 1000,
    "only null": "null",
    "unfinished escape": '{"schema": "\\ud800"}',
}


@pytest.mark.parametrize("contents", HOSTILE.values(), ids=HOSTILE)
def test_hostile_record_is_left_out_with_one_warning_line(
    tmp_path: Path, contents: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy(V1[0], tmp_path).with_name("hostile.json")
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())

    assert len(read_records(tmp_path)) == 1
    assert len(caplog.messages) == 1
    assert len(caplog.messages[0]) < 1000
    assert str(path) in caplog.messages[0]


def test_record_that_is_a_folder_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "records" / "demo" / "folder.json").mkdir(parents=True)

    assert read_records(tmp_path) == []
    assert "folder.json" in caplog.text


@pytest.mark.parametrize("is_side_file", [False, True], ids=["record", "per-query file"])
def test_pipe_and_endless_file_are_left_out(
    tmp_path: Path, is_side_file: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy(V1[0], tmp_path)
    path = path.with_suffix(".per_query.csv") if is_side_file else path
    for replacement in (lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero")):
        path.unlink()
        replacement()
        assert read_records(tmp_path) == []
    assert ["is not a file" in line for line in caplog.messages] == [True, True]


def list_values(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(inner for key, part in items for inner in list_values(part, (*path, key)))]


REPLACEMENTS: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1e308, "", "x" * 100_000, "\x1b[31m", [], {}, [[]], [{}], {"a": {}}, "../../x", 0.5,
)  # fmt: skip


@pytest.mark.parametrize("sample", [V1[0], V2[0]], ids=["schema-1", "schema-2"])
def test_mutated_record_never_raises_another_error(tmp_path: Path, sample: Path) -> None:
    generator = random.Random(0)
    path = copy(sample, tmp_path)
    original = json.loads(path.read_text())
    text = path.read_bytes()
    paths_of_values = list_values(original)[1:]
    for number in range(300):
        if number % 3 == 0:
            mutated = bytearray(text)
            for _ in range(generator.randint(1, 5)):
                mutated[generator.randrange(len(mutated))] ^= 1 << generator.randrange(8)
            path.write_bytes(mutated)
        elif number % 30 == 1:
            path.write_bytes(text[: generator.randrange(len(text))])
        else:
            *parents, last = generator.choice(paths_of_values)
            changed = json.loads(json.dumps(original))
            parent = changed
            for key in parents:
                parent = parent[key]
            parent[last] = generator.choice(REPLACEMENTS)
            path.write_text(json.dumps(changed))
        for _, record in read_records(tmp_path):
            record.to_json()
