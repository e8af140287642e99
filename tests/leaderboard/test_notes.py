"""What boards state about dropped queries, training data and differences between boards, in every format."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reidbench.datasets import references
from reidbench.evaluation import Unmatched
from reidbench.leaderboard import group_records, list_marks, note_unmatched, rank_boards, render
from reidbench.leaderboard.notes import find_other_contents
from reidbench.leaderboard.render_text import TextFormat
from reidbench.records import DataSource, Digests, Record

from .board_records import QUERIES, record

LEFT_OUT = "10 of 60 queries have no match and are left out"


def table(records: Sequence[Record], form: TextFormat = "table") -> str:
    return render(group_records(records), form)


def with_training(written: Record, *sources: tuple[str, str, bool]) -> Record:
    data = tuple(
        DataSource(dataset=name, digests=Digests(labels=digest), synthetic=synthetic)
        for name, digest, synthetic in sources
    )
    return replace(written, trained_on=data)


def test_rows_made_with_another_renderer_are_marked(tmp_path: Path) -> None:
    old, new, real = (record(tmp_path, name, 5)[1] for name in ("old", "new", "real"))
    old = replace(old, tested_on=replace(old.tested_on, renderer=None))
    real = replace(real, synthetic=False, tested_on=replace(real.tested_on, synthetic=False, renderer=None))
    marks = {
        entry.record.method: list_marks(board)[index]
        for board in group_records([old, new, real])
        for index, entry in enumerate(board)
    }

    assert marks["new"] == marks["real"] == []
    assert marks["old"] == ["people rendered by version 1 of the renderer, now 2"]
    assert "version 1 of the renderer" in table([old, new])


@pytest.mark.parametrize(
    ("unmatched", "missing", "note"),
    [
        ("exclude", 10, LEFT_OUT),
        ("exclude", 1, "1 of 60 queries has no match and is left out"),
        ("miss", 10, "10 of 60 queries have no match and count as failures"),
        ("miss", 1, "1 of 60 queries has no match and counts as a failure"),
        ("exclude", 0, None),
    ],
)
def test_queries_without_a_match_are_noted(
    tmp_path: Path, unmatched: Unmatched, missing: int, note: str | None
) -> None:
    _, written = record(tmp_path, "a", 5, matched=QUERIES - missing, unmatched=unmatched)

    assert note_unmatched(written) == note
    assert (note or "no match") in table([written]) or note is None
    assert ("no match" in table([written])) == (note is not None)


def test_queries_of_several_trials_are_added_and_seeds_count_once(tmp_path: Path) -> None:
    _, written = record(tmp_path, "a", 5, matched=50)
    trials = [replace(written.trials[0], trial=trial, seed=seed) for seed in (3, 4) for trial in (0, 1)]

    note = note_unmatched(replace(written, trials=tuple(trials), seed=3, seeds=(3, 4)))

    assert note == "20 of 120 queries in 2 trials have no match and are left out"


def test_every_format_notes_queries_without_a_match(tmp_path: Path) -> None:
    boards = rank_boards([record(tmp_path, "a", 5, matched=50), record(tmp_path, "b", 6, matched=50)])

    for form in ("table", "github"):
        assert render(boards, form).count(LEFT_OUT) == 1
    rows = list(csv.DictReader(io.StringIO(render(boards, "csv"))))
    assert [row["note"] for row in rows] == [LEFT_OUT] * 2
    assert [(row["queries"], row["queries_without_match"], row["unmatched"]) for row in rows] == [
        ("60", "10", "exclude")
    ] * 2


def test_records_with_other_counts_are_noted_by_method(tmp_path: Path) -> None:
    _, first = record(tmp_path, "a", 5, matched=50)
    _, second = record(tmp_path, "b", 5)

    assert f"a: {LEFT_OUT}" in table([first, second])


def test_training_data_is_a_column(tmp_path: Path) -> None:
    _, written = record(tmp_path, "a", 5)
    real = replace(written, synthetic=False)
    records = [
        with_training(real, ("mars", "m", False)),
        with_training(real, ("demo", "d", True), ("mars", "m", False)),
        with_training(real),
    ]

    lines = table(records).splitlines()
    assert lines[1].split("  ")[0] == "method"
    assert "trained on" in lines[1]
    assert [line.split("  ")[2:] != [] for line in lines[3:]] == [True] * 3
    assert "mars" in lines[3]
    assert "demo (synthetic), mars" in lines[4]
    assert [row["trained_on"] for row in csv.DictReader(io.StringIO(table(records, "csv")))] == [
        "mars",
        "demo (synthetic), mars",
        "-",
    ]


def test_method_that_learns_nothing_has_no_training_data_on_boards(tmp_path: Path) -> None:
    _, written = record(tmp_path, "fixed", 10)
    unfitted = replace(written, fingerprints=replace(written.fingerprints, fits=()))

    rows = csv.DictReader(io.StringIO(table([written, unfitted], "csv")))

    assert [row["trained_on"] for row in rows] == ["d", "-"]


def test_training_data_of_one_name_is_distinguished_by_digest(tmp_path: Path) -> None:
    _, written = record(tmp_path, "a", 5)
    records = [with_training(written, ("d", digest, True)) for digest in ("1" * 64, "2" * 64)]

    text = table(records)
    assert "d 11111111 " in text
    assert "d 22222222 " in text


@pytest.mark.parametrize(
    ("change", "notes"),
    [
        (
            {"tested_on": DataSource(dataset="d", digests=Digests(labels="5" * 64), synthetic=True)},
            ["dataset digest: l", "dataset digest: 55555555"],
        ),
        (
            {"conventions": {"direction": "both"}},
            ["conventions: as in the protocol file", "conventions: direction=both"],
        ),
        (
            {"trained_on": (DataSource(dataset="mars", digests=Digests(labels="7" * 64), synthetic=True),)},
            ["trained on: d l", "trained on: mars 77777777"],
        ),
        (
            {"unmatched": "miss"},
            ["queries without a match: left out", "queries without a match: failures"],
        ),
        ({}, ["protocol fingerprint: p1", "protocol fingerprint: p2"]),
    ],
    ids=["dataset", "conventions", "training-data", "unmatched", "protocol-file"],
)
def test_boards_with_one_title_state_their_difference(
    tmp_path: Path, change: dict[str, object], notes: list[str]
) -> None:
    _, first = record(tmp_path, "a", 5)
    _, second = record(tmp_path, "b", 5, protocol="p2")

    boards = table([first, replace(second, **change)]).split("\n\n")  # type: ignore[arg-type]

    for board, note, other in zip(boards, notes, reversed(notes), strict=True):
        heading = board.splitlines()[0]
        assert note in heading
        assert other not in heading
        assert heading.count(": ") == 2


def test_boards_with_other_titles_state_no_difference(tmp_path: Path) -> None:
    _, first = record(tmp_path, "a", 5)
    _, second = record(tmp_path, "b", 5, protocol="p2")

    text = table([first, replace(second, protocol_title="another title", conventions={"direction": "both"})])
    assert "direction" not in text


def test_markdown_escapes_names_of_training_data(tmp_path: Path) -> None:
    _, written = record(tmp_path, "a", 5)

    text = table([with_training(written, ("<b>|x", "d", True))], "github")
    assert "&#60;b&#62;\\|x" in text


def with_contents(written: Record, contents: str | None, marker: str | None = None) -> Record:
    digests = Digests(labels="l", contents=contents, marker=marker)
    return replace(written, tested_on=replace(written.tested_on, digests=digests))


@pytest.mark.parametrize(
    ("contents", "others"),
    [
        (["a", "a", "b"], [None, None, "b"]),
        (["b", "a", "a"], ["b", None, None]),
        (["a", "b"], [None, "b"]),
        (["a", None, "a"], [None, None, None]),
        ([None, None], [None, None]),
    ],
)
def test_rows_whose_contents_differ_from_most_rows_are_marked(
    tmp_path: Path, contents: list[str | None], others: list[str | None]
) -> None:
    written = [record(tmp_path, f"m{row}", 5)[1] for row in range(len(contents))]
    records = [with_contents(one, value) for one, value in zip(written, contents, strict=True)]

    (board,) = group_records(records)

    assert find_other_contents(board) == others
    text = table(records)
    for other in others:
        assert (f"tested on other contents ({other})" in text) == (other is not None)


def test_shipped_reference_decides_which_contents_are_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "RENDERED", {"m": "shipped"})
    written = [record(tmp_path, f"m{row}", 5)[1] for row in range(3)]
    contents = ["mine", "mine", "shipped"]
    records = [with_contents(one, value, "m") for one, value in zip(written, contents, strict=True)]

    (board,) = group_records(records)

    assert find_other_contents(board) == ["mine", "mine", None]
