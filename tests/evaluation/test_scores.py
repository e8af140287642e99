from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reidbench.errors import ConfigError, FeatureError
from reidbench.evaluation import FIGURES, Scores, evaluate


@pytest.fixture
def scores() -> Scores:
    random = np.random.default_rng(0)
    pids, camids = random.integers(-1, 9, 60), random.integers(0, 3, 60)
    labels: list[Any] = [random.integers(1, 12, 20), pids, random.integers(0, 3, 20), camids]
    return evaluate(None, None, *labels, distances=random.random((20, 60)))


@pytest.mark.parametrize("unmatched", ["exclude", "miss"])
def test_scores_are_rebuilt_from_a_table_that_went_through_a_csv_file(scores: Scores, unmatched: Any) -> None:
    original = Scores.from_per_query(
        scores.per_query, gallery=scores.gallery, chance_rank1=scores.chance_rank1, unmatched=unmatched
    )
    file = io.StringIO(scores.per_query.assign(tracklet="x").to_csv(index=False))
    rebuilt = Scores.from_per_query(
        pd.read_csv(file),
        gallery=scores.gallery,
        chance_rank1=scores.chance_rank1,
        unmatched=unmatched,
    )
    pd.testing.assert_frame_equal(rebuilt.per_query, scores.per_query, rtol=1e-14)
    for name in FIGURES:
        assert rebuilt.figure(name) == pytest.approx(original.figure(name), rel=1e-14)
    assert rebuilt.queries_without_match == scores.queries_without_match > 0


def test_figures_by_name_are_the_attributes(scores: Scores) -> None:
    assert scores.figure("map") == scores.map
    assert scores.figure("map_trapezoid") == scores.map_trapezoid
    assert scores.figure("minp") == scores.minp
    assert [scores.figure(f"rank{k}") for k in (1, 7, 20)] == [scores.cmc(k) for k in (1, 7, 20)]


def test_all_figures_are_plain_floats_between_zero_and_one(scores: Scores) -> None:
    for name in FIGURES:
        assert type(scores.figure(name)) is float
        assert 0 <= scores.figure(name) <= 1


def test_the_curve_rises_and_stays_at_its_last_value(scores: Scores) -> None:
    curve = [scores.cmc(k) for k in range(1, 70)]
    assert curve == sorted(curve)
    assert scores.cmc(scores.gallery) == scores.cmc(10**9) == 1.0


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_a_rank_that_does_not_exist_is_refused(scores: Scores, k: Any) -> None:
    with pytest.raises(ConfigError, match=f"cmc is defined for the ranks 1, 2, 3 and so on, got {k}"):
        scores.cmc(k)


@pytest.mark.parametrize("name", ["rank0", "rank", "rank-1", "mAP", "ap", "rank1 "])
def test_an_unknown_figure_is_refused(scores: Scores, name: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown figure '{name}'"):
        scores.figure(name)


def test_query_values_mark_what_does_not_count(scores: Scores) -> None:
    lost = (scores.per_query["matches"] == 0).to_numpy()
    for name in FIGURES:
        assert (np.isnan(scores.query_values(name)) == lost).all()
        failed = Scores(per_query=scores.per_query, gallery=1, chance_rank1=0.5, unmatched="miss")
        assert (failed.query_values(name)[lost] == 0).all()


def test_a_table_that_cannot_be_right_is_refused(scores: Scores) -> None:
    table = scores.per_query
    contradiction = table.assign(first_match_rank=0)
    for broken, message in (
        (table.drop(columns=["ap", "inp"]), "no column ap, inp"),
        (table.iloc[:0], "no rows"),
        (contradiction, r"contradicts itself in row \d+: \d+ matches, the first at rank 0"),
    ):
        with pytest.raises(FeatureError, match=message):
            Scores.from_per_query(broken, gallery=60, chance_rank1=0.1)
    with pytest.raises(FeatureError, match="unmatched must be one of"):
        Scores.from_per_query(table, gallery=60, chance_rank1=0.1, unmatched="ignore")  # type: ignore[arg-type]
