from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reidbench.errors import RecordError
from reidbench.evaluation import Summary
from reidbench.leaderboard import boards, render, unplaced
from reidbench.records import (
    Chance,
    DataSource,
    Digests,
    FileDigest,
    Fingerprints,
    Record,
    TrialFigures,
    read_record,
)

QUERIES = 60


def record(
    folder: Path, name: str, hits: int, *, partial: bool = False, protocol: str = "p1", shift: int = 0
) -> tuple[Path, Record]:
    """A record of one trial in which `hits` of 60 queries, from `shift` on, find their match at once."""
    first = np.where((np.arange(QUERIES) - shift) % QUERIES < hits, 1, 5)
    table = pd.DataFrame(
        {
            "trial": 0,
            "pid": np.arange(1, QUERIES + 1),
            "camid": 1,
            "ap": 1 / first,
            "ap_trapezoid": 1 / first,
            "inp": 1 / first,
            "first_match_rank": first,
            "matches": 1,
        }
    )
    side = table.to_csv(index=False)
    (folder / f"{name}.per_query.csv").write_text(side)
    figure = Summary(mean=hits / QUERIES, std=None, low=None, high=None)
    trial = TrialFigures(
        trial=0,
        seed=0,
        rank1=hits / QUERIES,
        rank5=1.0,
        rank10=1.0,
        rank20=1.0,
        map=0.5,
        map_trapezoid=0.5,
        minp=0.5,
        queries=QUERIES,
        queries_without_match=0,
        gallery=QUERIES,
    )
    source = DataSource(dataset="d", digests=Digests(labels="l"), synthetic=True)
    return folder / f"{name}.json", Record(
        method=name,
        method_version="1",
        settings="",
        preset=None,
        config={},
        protocol="p",
        protocol_title="a protocol for tests",
        conventions={},
        unmatched="exclude",
        seed=0,
        seeds=(0,),
        synthetic=True,
        partial=partial,
        transductive=False,
        tested_on=source,
        trained_on=(source,),
        fingerprints=Fingerprints(run=name, protocol=protocol),
        figures=dict.fromkeys(("rank1", "rank5", "rank10", "rank20", "map"), figure),
        trials=(trial,),
        chance=Chance(rank1=1 / QUERIES),
        per_query=FileDigest(file=f"{name}.per_query.csv", sha256=hashlib.sha256(side.encode()).hexdigest()),
    )


def test_a_clear_difference_makes_two_places_and_none_a_shared_one(tmp_path: Path) -> None:
    (board,) = boards(
        [record(tmp_path, "low", 10), record(tmp_path, "high", 50), record(tmp_path, "other", 49, shift=2)]
    )

    assert [(placed.record.method, placed.place_text) for placed in board] == [
        ("high", "1="),
        ("other", "1="),
        ("low", "3"),
    ]


def test_protocol_fingerprints_never_share_a_board_and_partial_records_enter_none(tmp_path: Path) -> None:
    found = boards(
        [
            record(tmp_path, "a", 10),
            record(tmp_path, "b", 20, protocol="p2"),
            record(tmp_path, "c", 30, partial=True),
        ]
    )

    assert [[placed.record.method for placed in board] for board in found] == [["a"], ["b"]]


def test_the_order_of_records_does_not_matter(tmp_path: Path) -> None:
    records = [record(tmp_path, name, hits) for name, hits in (("a", 10), ("b", 30), ("c", 50))]

    assert boards(records) == boards(records[::-1])


def test_a_side_file_outside_the_records_folder_is_not_read(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path, made = record(inside, "a", 10)
    (inside / "a.per_query.csv").rename(tmp_path / "a.per_query.csv")
    assert made.per_query is not None
    made = replace(made, per_query=replace(made.per_query, file="../a.per_query.csv"))

    with pytest.raises(RecordError, match=r"cannot read per-query values .*a\.per_query\.csv"):
        boards([(path, made)])


def test_figures_that_are_not_defined_are_shown_as_a_dash(tmp_path: Path) -> None:
    _, made = record(tmp_path, "a", 10)
    undefined = Summary(mean=None, std=None, low=None, high=None)
    made = replace(made, figures=dict.fromkeys(made.figures, undefined))

    assert " -" in render(unplaced([made]), "table")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "JSON is malformed"),
        ("[]", "expected a JSON object, got list"),
        ('{"schema": 1}', "field 'fingerprints' is missing"),
        ('{"schema": 2}', "missing required field `method`"),
        ('{"schema": 3}', "reads schemas 1 and 2, got 3"),
    ],
    ids=["not-json", "a-list", "no-fields-1", "no-fields-2", "unknown-schema"],
)
def test_a_file_that_is_no_record_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)

    with pytest.raises(RecordError, match=rf"cannot read record .*r\.json: .*{message}"):
        read_record(path)
