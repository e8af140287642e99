from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reidbench.datasets.tracklets import COLUMNS, DatasetContents, TrackletTable
from reidbench.errors import ProtocolError
from reidbench.plugin import Plugins
from reidbench.protocols import load_protocol
from reidbench.protocols.schema import parsed
from reidbench.protocols.trials import draw_trials

ILIDS = tomllib.loads((files("reidbench_protocols") / "ilids.toml").read_text(encoding="utf-8"))


def contents(people: int, *, splits: Any = None, synthetic: bool = False) -> DatasetContents:
    numbers = [3 * position + 1 for position in range(people)]  # folder numbers, not positions
    rows = [(pid, camera, f"cam{camera}", ()) for camera in (1, 2) for pid in numbers]
    table = TrackletTable(Path("nowhere"), pd.DataFrame(rows, columns=list(COLUMNS)))
    marker: dict[str, object] | None = {"digest": "d"} if synthetic else None
    return DatasetContents(table, tuple(numbers), splits, marker)


def with_change(path: str, value: Any) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(
        (files("reidbench_protocols") / "ilids.toml").read_text(encoding="utf-8")
    )
    *parents, last = path.split(".")
    place = table
    for parent in parents:
        place = place.setdefault(parent, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return table


def test_ilids_is_ten_trials_of_150_against_150_from_camera_1_to_camera_2() -> None:
    split = np.stack([np.random.default_rng(n).permutation(300) for n in range(10)])
    trials = draw_trials(parsed("ilids", ILIDS), contents(300, splits=split))

    table = contents(300).table
    assert len(trials) == 10
    for trial, row in zip(trials, split, strict=True):
        assert sorted(table.pids[trial.query]) == sorted(3 * row[:150] + 1)
        assert sorted(table.pids[trial.gallery]) == sorted(3 * row[:150] + 1)
        assert set(table.camids[trial.query]) == {1}
        assert set(table.camids[trial.gallery]) == {2}
        assert sorted(table.pids[trial.train]) == sorted(np.repeat(3 * row[150:] + 1, 2))


def test_the_second_half_is_tested_where_the_protocol_says_so() -> None:
    split = np.stack([np.arange(300)] * 10)
    trial = draw_trials(
        parsed("x", with_change("trials.tested_half", "second")), contents(300, splits=split)
    )[0]

    assert contents(300).table.pids[trial.query].tolist() == [
        3 * position + 1 for position in range(150, 300)
    ]


def test_without_official_splits_divisions_are_drawn_the_same_every_time() -> None:
    first, second = (draw_trials(parsed("ilids", ILIDS), contents(300)) for _ in range(2))

    assert [trial.query.tolist() for trial in first] == [trial.query.tolist() for trial in second]
    assert len({tuple(trial.query) for trial in first}) == 10


def test_a_rendered_tree_may_be_smaller_and_keeps_the_share_of_tested_people() -> None:
    trials = draw_trials(parsed("ilids", ILIDS), contents(9, synthetic=True))

    assert all((len(t.query), len(t.gallery), len(t.train)) == (4, 4, 10) for t in trials)


@pytest.mark.parametrize("people", [299, 301])
def test_a_real_tree_with_another_number_of_people_is_refused(people: int) -> None:
    with pytest.raises(ProtocolError, match=rf"divides 300 people, nowhere has {people}"):
        draw_trials(parsed("ilids", ILIDS), contents(people))


def test_a_split_file_with_too_few_rows_is_refused() -> None:
    with pytest.raises(ProtocolError, match="has 10 trials, the split file below nowhere has 1"):
        draw_trials(parsed("ilids", ILIDS), contents(300, splits=np.arange(300)[None]))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("trials.count", 0, "trials.count must be at least 1, got 0"),
        ("trials.count", "ten", "trials.count must be of type int, got 'ten'"),
        ("trials.count", True, "trials.count must be of type int, got True"),
        ("trials.count", None, "key 'trials.count' is missing"),
        ("trials.test_people", 300, r"trials.test_people must be in 1\.\.299, got 300"),
        ("trials.tested_half", "third", "trials.tested_half must be one of 'first', 'second', got 'third'"),
        ("trials.trails", 3, "unknown key 'trials.trails'; the keys are count"),
        ("dataset", None, "key 'dataset' is missing"),
        ("query", 1, r"\[query\] must be a table, got 1"),
        ("frames.limit", 0, "frames.limit must be at least 1, got 0"),
        ("frames.limit", None, "frames.limit must be given"),
        ("unmatched", "forget", "unmatched must be one of 'exclude', 'miss', got 'forget'"),
    ],
)
def test_a_file_that_breaks_the_schema_is_refused_with_key_and_value(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(ProtocolError, match=f"protocol 'x': {message}"):
        parsed("x", with_change(path, value))


def test_the_fingerprint_follows_the_rules_and_not_the_prose() -> None:
    def fingerprint(path: str, value: Any) -> str:
        return parsed("ilids", with_change(path, value)).fingerprint(dataset="d", evaluator="1")

    unchanged = fingerprint("version", 1)
    assert fingerprint("title", "other words") == unchanged
    assert fingerprint("sources", {"a": "b"}) == unchanged
    assert len({unchanged, fingerprint("trials.tested_half", "second"), fingerprint("frames.limit", 64)}) == 3
    assert parsed("ilids", ILIDS).fingerprint(dataset="e", evaluator="1") != unchanged
    assert parsed("ilids", ILIDS).fingerprint(dataset="d", evaluator="2") != unchanged


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("title = ")

    with pytest.raises(ProtocolError, match=r"protocol 'broken' .*cannot be read"):
        load_protocol(tmp_path / "broken.toml")


@pytest.mark.parametrize("name", sorted(Plugins().protocols))
def test_every_protocol_says_where_its_numbers_come_from(name: str) -> None:
    protocol = load_protocol(Plugins().protocol(name))

    stated = {source.split(".")[0] for source in protocol.sources}
    assert {"trials", "query"} <= stated
    assert all(protocol.sources.values())
