from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from reidbench.evaluation import (
    Scores,
    SingleShotScores,
    concat_scores,
    evaluate,
    scores_from_table,
    single_shot_scores,
)

from .searches import search


def searches(seed: int, *, single: bool = False) -> tuple[Scores, dict[str, Any]]:
    random = np.random.default_rng(seed)
    given = {
        "query_features": random.normal(size=(6, 3)),
        "gallery_features": random.normal(size=(15, 3)),
        "query_pids": random.integers(1, 5, 6),
        "gallery_pids": random.integers(0, 4, 15),
        "query_camids": random.integers(1, 3, 6),
        "gallery_camids": random.integers(1, 3, 15),
    }
    return (single_shot_scores(search(**given)) if single else evaluate(**given)), given


@pytest.mark.parametrize("single", [False, True])
def test_a_stored_table_gives_the_same_figures(single: bool) -> None:
    scores, _ = searches(3, single=single)
    stored = pd.DataFrame(scores.per_query.to_dict("list"))

    found = scores_from_table(stored, gallery=scores.gallery, chance_rank1=scores.chance_rank1)
    assert type(found) is (SingleShotScores if single else Scores)
    for name in ("rank1", "rank5", "rank20", "map", "map_trapezoid", "minp"):
        assert found.figure(name) == pytest.approx(scores.figure(name), abs=1e-15)


@pytest.mark.parametrize("single", [False, True])
def test_joined_searches_count_all_queries_alike(single: bool) -> None:
    parts = [searches(seed, single=single)[0] for seed in (1, 2)]
    whole = concat_scores(parts)

    for name in ("rank1", "map", "minp"):
        values = np.concatenate([part.query_values(name) for part in parts])
        assert whole.figure(name) == pytest.approx(np.nanmean(values), abs=1e-15)
    assert whole.gallery == 30
    assert whole.queries == 12
    assert concat_scores(parts[:1]) is parts[0]


def test_chance_is_weighted_by_the_queries_that_count() -> None:
    one, _ = searches(1)
    unmatched = evaluate(
        distances=[[1.0]], query_pids=[7], gallery_pids=[0], query_camids=[1], gallery_camids=[1]
    )

    assert np.isnan(unmatched.chance_rank1)
    assert concat_scores([one, unmatched]).chance_rank1 == pytest.approx(one.chance_rank1)
    assert np.isnan(concat_scores([unmatched, unmatched]).chance_rank1)
