from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reidbench.errors import RecordError
from reidbench.leaderboard import boards, render, unplaced
from reidbench.leaderboard.read import read_record

QUERIES = 60


def record(
    folder: Path, name: str, hits: int, *, partial: bool = False, protocol: str = "p1", shift: int = 0
) -> Any:
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
    figure = {"mean": hits / QUERIES, "std": None, "low": None, "high": None}
    return folder / f"{name}.json", {
        "method": name,
        "protocol": "made-up",
        "synthetic": True,
        "partial": partial,
        "transductive": False,
        "seed": 0,
        "figures": dict.fromkeys(("rank1", "rank5", "rank10", "rank20", "map"), figure),
        "trials": [{"gallery": QUERIES}],
        "chance": {"rank1": 1 / QUERIES},
        "seconds": {"total": 1.0},
        "fingerprints": {"protocol": protocol, "run": name},
        "per_query": {"file": f"{name}.per_query.csv", "sha256": hashlib.sha256(side.encode()).hexdigest()},
    }


def test_a_clear_difference_makes_two_places_and_none_a_shared_one(tmp_path: Path) -> None:
    (board,) = boards(
        [record(tmp_path, "low", 10), record(tmp_path, "high", 50), record(tmp_path, "other", 49, shift=2)]
    )

    assert [(placed.record["method"], placed.place_text) for placed in board] == [
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

    assert [[placed.record["method"] for placed in board] for board in found] == [["a"], ["b"]]


def test_the_order_of_records_does_not_matter(tmp_path: Path) -> None:
    records = [record(tmp_path, name, hits) for name, hits in (("a", 10), ("b", 30), ("c", 50))]

    assert boards(records) == boards(records[::-1])


def test_a_side_file_outside_the_records_folder_is_not_read(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path, made = record(inside, "a", 10)
    (inside / "a.per_query.csv").rename(tmp_path / "a.per_query.csv")
    made["per_query"]["file"] = "../a.per_query.csv"

    with pytest.raises(RecordError, match=r"a\.per_query\.csv cannot be read"):
        boards([(path, made)])


def test_figures_that_are_not_defined_are_shown_as_a_dash(tmp_path: Path) -> None:
    _, made = record(tmp_path, "a", 10)
    made["figures"] = dict.fromkeys(made["figures"], dict.fromkeys(("mean", "std", "low", "high")))

    assert " -" in render(unplaced([made]), "table")


@pytest.mark.parametrize(
    ("text", "message"),
    [("not json", "cannot be read"), ("[]", "lacks"), ('{"schema": 1}', "lacks 'method'")],
    ids=["not-json", "a-list", "no-fields"],
)
def test_a_file_that_is_no_record_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)

    with pytest.raises(RecordError, match=rf"r\.json {message}"):
        read_record(path)
