from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from reidbench.evaluation import Scores, evaluate, evaluate_search
from reidbench.evaluation.exact import tally

from .oracle import Labelled, Opinion, consult, mean, random_labels, squared_distances
from .searches import search

NEAR = 1e-13


def assert_agrees(scores: Scores, opinions: list[Opinion], *, miss: bool) -> None:
    table = scores.per_query
    assert table["first_match_rank"].tolist() == [opinion.first_match_rank for opinion in opinions]
    assert table["matches"].tolist() == [opinion.matches for opinion in opinions]
    for column in ("ap", "ap_trapezoid", "inp"):
        expected = [getattr(opinion, column) for opinion in opinions]
        assert table[column].to_numpy() == pytest.approx(
            np.array(expected, dtype=np.float64), abs=NEAR, nan_ok=True
        )
    means = {"ap": scores.map, "ap_trapezoid": scores.map_trapezoid, "inp": scores.minp}
    for column, value in means.items():
        expected = mean([getattr(opinion, column) for opinion in opinions], miss=miss)
        assert value == pytest.approx(expected, abs=NEAR, nan_ok=True)
    for k in (1, 4):
        hits = [Fraction(o.first_match_rank <= k) if o.matches else None for o in opinions]
        assert scores.cmc(k) == pytest.approx(mean(hits, miss=miss), abs=NEAR, nan_ok=True)
    chance = [Fraction(o.matches, o.admissible) if o.matches else None for o in opinions]
    assert scores.chance_rank1 == pytest.approx(mean(chance, miss=miss), abs=NEAR, nan_ok=True)
    assert scores.queries_without_match == sum(opinion.matches == 0 for opinion in opinions)


def choose_unmatched(case: int) -> Any:
    return ("exclude", "miss")[case % 2]


def test_two_thousand_queries_with_ties_agree() -> None:
    random = np.random.default_rng(1)
    for case in range(300):
        labels = random_labels(random)
        shape = len(labels.query_pids), len(labels.gallery_pids)
        # Few values, so many ties; a distance may be negative.
        matrix = random.integers(-3, 4, shape) / 2
        scores = evaluate(None, None, *labels, distances=matrix, unmatched=choose_unmatched(case))
        assert_agrees(scores, consult(matrix.tolist(), labels), miss=case % 2 == 1)


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8], ids=str
)
def test_hundreds_of_queries_by_features_with_ties_agree(dtype: torch.dtype) -> None:
    random = np.random.default_rng(2)
    for case in range(60):
        labels = random_labels(random)
        dimensions = int(random.integers(1, 5))
        query = random.integers(0, 4, (len(labels.query_pids), dimensions))
        gallery = random.integers(0, 4, (len(labels.gallery_pids), dimensions))
        inputs = torch.tensor(query).to(dtype), torch.tensor(gallery).to(dtype)
        scores = evaluate(*inputs, *labels, unmatched=choose_unmatched(case))
        assert_agrees(scores, consult(squared_distances(query, gallery), labels), miss=case % 2 == 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("share", [0.0, 0.15, 1.0])
def test_thousands_of_queries_with_ties_and_near_ties_agree(
    dtype: Any, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "_SPARSE_SHARE", share)
    random = np.random.default_rng(6)
    for case in range(120):
        labels = random_labels(random)
        # Differences down to the last bits of float32.
        step = 2.0 ** -random.integers(0, 22)
        query, gallery = (
            (1 + step * random.integers(0, 3, (len(side), 3))).astype(dtype)
            for side in (labels.query_pids, labels.gallery_pids)
        )
        opinions = consult(squared_distances(query, gallery), labels)
        assert_agrees(
            evaluate(query, gallery, *labels, unmatched=choose_unmatched(case)), opinions, miss=case % 2 == 1
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hundreds_of_queries_by_real_features_agree(dtype: Any) -> None:
    random = np.random.default_rng(3)
    for _ in range(40):
        labels = random_labels(random)
        query = random.normal(3.0, 1.0, (len(labels.query_pids), 4)).astype(dtype)
        gallery = random.normal(3.0, 1.0, (len(labels.gallery_pids), 4)).astype(dtype)
        opinions = consult(squared_distances(query, gallery), labels)
        assert_agrees(evaluate(query, gallery, *labels), opinions, miss=False)


@pytest.mark.parametrize("block", [(1, 1), (2, 3), (3, 5), (64, 256)], ids=str)
def test_hundreds_of_queries_by_pair_scorers_agree_whatever_the_blocks(block: tuple[int, int]) -> None:
    random = np.random.default_rng(4)
    for case in range(40):
        labels = random_labels(random)
        matrix = torch.tensor(random.integers(0, 4, (len(labels.query_pids), len(labels.gallery_pids))))
        scores = evaluate_search(
            search(
                None,
                None,
                *labels,
                scorer=lambda query, gallery, matrix=matrix: matrix[query, gallery],
                block=block,
            ),
            unmatched=choose_unmatched(case),
        )
        assert_agrees(scores, consult(matrix.tolist(), labels), miss=case % 2 == 1)


def test_large_whole_numbers_are_exact_where_float32_would_mix_them_up() -> None:
    random = np.random.default_rng(5)
    labels = Labelled(
        query_pids=[1] * 8,
        gallery_pids=([1] + [2] * 9) * 10,
        query_camids=[0] * 8,
        gallery_camids=[1] * 100,
    )
    far = random.integers(10**6, 10**7, (1, 8))
    query = far + random.integers(0, 4, (8, 8))
    gallery = far + random.integers(0, 4, (100, 8)) + 10**6 * random.integers(0, 2, (100, 1))
    opinions = consult(squared_distances(query, gallery), labels)
    assert_agrees(evaluate(query, gallery, *labels), opinions, miss=False)
    assert_agrees(
        evaluate(query.astype(np.float64), gallery.astype(np.float64), *labels), opinions, miss=False
    )
