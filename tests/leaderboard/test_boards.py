from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reidbench.errors import RecordError
from reidbench.evaluation import Summary
from reidbench.leaderboard import group_records, rank_boards, render
from reidbench.records import read_record

from .board_records import record


def test_only_significant_differences_separate_ranks(tmp_path: Path) -> None:
    (board,) = rank_boards(
        [record(tmp_path, "low", 10), record(tmp_path, "high", 50), record(tmp_path, "other", 49, shift=2)]
    )

    assert [(entry.record.method, entry.rank_text) for entry in board] == [
        ("high", "1="),
        ("other", "1="),
        ("low", "3"),
    ]


def test_boards_have_one_protocol_fingerprint_and_no_partial_records(tmp_path: Path) -> None:
    ranked = rank_boards(
        [
            record(tmp_path, "a", 10),
            record(tmp_path, "b", 20, protocol="p2"),
            record(tmp_path, "c", 30, partial=True),
        ]
    )

    assert [[entry.record.method for entry in board] for board in ranked] == [["a"], ["b"]]


def test_audits_have_a_board_of_their_own_after_the_methods(tmp_path: Path) -> None:
    records = [
        record(tmp_path, name, hits) for name, hits in (("audit-border", 50), ("a", 20), ("audit-order", 5))
    ]

    boards = rank_boards(records)

    assert [[entry.record.method for entry in board] for board in boards] == [
        ["a"],
        ["audit-border", "audit-order"],
    ]
    assert [entry.rank for entry in boards[1]] == [1, 2]
    first, second = render(boards, "table").split("\n\n")
    assert "audits: trivial methods" not in first
    assert "audits: trivial methods" in second


def test_boards_do_not_depend_on_the_order_of_records(tmp_path: Path) -> None:
    records = [record(tmp_path, name, hits) for name, hits in (("a", 10), ("b", 30), ("c", 50))]
    records.append(record(tmp_path, "d", 20, protocol="p2"))

    assert rank_boards(records) == rank_boards(records[::-1])


def test_a_per_query_file_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path, written = record(inside, "a", 10)
    (inside / "a.per_query.csv").rename(tmp_path / "a.per_query.csv")
    assert written.per_query is not None
    written = replace(written, per_query=replace(written.per_query, file="../a.per_query.csv"))

    with pytest.raises(RecordError, match=r"cannot read per-query values .*a\.per_query\.csv"):
        rank_boards([(path, written)])


def test_undefined_figures_are_printed_as_a_dash(tmp_path: Path) -> None:
    _, written = record(tmp_path, "a", 10)
    undefined = Summary(mean=None, std=None, low=None, high=None)
    written = replace(written, figures=dict.fromkeys(written.figures, undefined))

    assert " -" in render(group_records([written]), "table")


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
def test_an_unreadable_record_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)

    with pytest.raises(RecordError, match=rf"cannot read record .*r\.json: .*{message}"):
        read_record(path)


def test_scores_follow_the_rule_of_the_record(tmp_path: Path) -> None:
    path, failures = record(tmp_path, "a", 6, matched=12, unmatched="miss")
    excluded = replace(failures, unmatched="exclude")

    assert failures.read_scores(path)[0][0].cmc(1) == pytest.approx(6 / 60)
    assert excluded.read_scores(path)[0][0].cmc(1) == pytest.approx(6 / 12)
    assert [entry.rank for entry in rank_boards([(path, failures)])[0]] == [1]
