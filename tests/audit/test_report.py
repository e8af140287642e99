"""Verdicts, comparisons and sentences of a report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reidbench.audit.duplicates import DuplicateCounts
from reidbench.audit.picture import draw_report
from reidbench.audit.report import AuditReport, AuditRow, compare_audits
from reidbench.evaluation import Scores, Summary

COUNTS = DuplicateCounts(queries=40, with_same_person=1, with_other_person=2, tested=80, in_training=3)


def make_row(audit: str, low: float, high: float, *, chance: float = 0.1) -> AuditRow:
    figure = Summary(mean=(low + high) / 2, std=None, low=low, high=high)
    return AuditRow(audit=audit, looks_at="noise", rank1=figure, map=figure, chance=chance)


def make_report(*rows: AuditRow) -> AuditReport:
    return AuditReport(
        protocol="p",
        dataset="d",
        synthetic=True,
        trials=1,
        queries=40,
        rows=rows,
        comparisons=(),
        left_out={"silhouette": "the frames have no masks"},
        duplicates=COUNTS,
    )


def make_scores(hits: int) -> list[Scores]:
    """Return the scores of one trial of 40 queries of 40 people."""
    first = np.where(np.arange(40) < hits, 1, 5)
    table = pd.DataFrame({"pid": np.arange(1, 41), "camid": 1, "ap": 1 / first, "first_match_rank": first})
    table = table.assign(ap_trapezoid=table["ap"], inp=table["ap"], matches=1)
    return [Scores.from_per_query(table, gallery=40, chance_rank1=1 / 40)]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.5, 0.7, "solves"),
        (0.49, 0.9, "helps"),
        (0.11, 0.3, "helps"),
        (0.1, 0.3, "no effect"),
        (0.0, 0.0, "no effect"),
    ],
)
def test_verdict_follows_from_the_lower_end_of_the_interval(low: float, high: float, verdict: str) -> None:
    assert make_row("a", low, high).verdict == verdict


def test_row_without_an_interval_has_no_effect() -> None:
    figure = Summary(mean=1.0, std=None, low=None, high=None)

    assert replace(make_row("a", 0.5, 0.6), rank1=figure).verdict == "no effect"


def test_chance_of_one_half_is_not_solved_by_chance() -> None:
    assert make_row("a", 0.5, 0.6, chance=0.5).verdict == "no effect"


def test_conclusions_name_what_solves_helps_and_does_not_matter() -> None:
    report = make_report(
        make_row("names", 0.8, 1.0), make_row("border", 0.2, 0.4), make_row("order", 0.0, 0.2)
    )

    assert report.list_sentences() == [
        "These alone solve this set: names (90.0 %, 9.0 times chance).",
        "These help, but do not solve it: border (30.0 %, 3.0 times chance).",
        "These are not above chance: order.",
        "Near-duplicate frames in trial 1: 1 of 40 queries have one in the gallery from another camera of their "
        "person, 2 one of another person.",
        "3 of 80 tested tracklets have a near-duplicate frame among the training people.",
        "Left out: silhouette: the frames have no masks.",
    ]


def test_conclusions_state_that_no_audit_solves_the_set() -> None:
    assert make_report(make_row("border", 0.2, 0.4)).conclude()[0] == "No audit solves this set."


@pytest.mark.parametrize(
    ("several", "one", "certain"), [(30, 5, True), (30, 29, False), (5, 30, True)], ids=str
)
def test_comparison_of_frames_is_certain_if_they_differ(several: int, one: int, certain: bool) -> None:
    (found,) = compare_audits({"grey-template": make_scores(several), "grey-single-frame": make_scores(one)})

    assert found.difference == pytest.approx((several - one) / 40)
    assert found.is_certain == certain


def test_best_audit_of_structure_is_compared_with_the_best_of_colour() -> None:
    hits = {
        "grey-template": 10,
        "row-profile": 20,
        "six-colours": 5,
        "colour-boxes": 8,
        "colour-histogram": 2,
    }

    (found,) = compare_audits({name: make_scores(count) for name, count in hits.items()})

    assert (found.first, found.second) == ("row-profile", "colour-boxes")


def test_picture_shows_every_audit(tmp_path: Path) -> None:
    out = tmp_path / "audit.svg"

    draw_report(make_report(make_row("names", 0.8, 1.0), make_row("border", 0.0, 0.4)), out)

    drawn = out.read_text(encoding="utf-8")
    assert all(f"<!-- {text} -->" in drawn for text in ("names", "border", "chance, 10.00 %"))
