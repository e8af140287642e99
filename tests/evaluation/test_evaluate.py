from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from reidbench.errors import FeatureError
from reidbench.evaluation import Scores, evaluate

# A worked case: one query of person 5 in camera 1, and a gallery in the order of distance.
#   item       0    1    2    3    4    5    6
#   person     5   -1    0    5    7    5    9
#   camera     1    2    1    2    1    3    2
#   it is    junk junk wrong match wrong match wrong
# Without junk the matches stand at ranks 2 and 4 of 5.
GALLERY_PIDS = [5, -1, 0, 5, 7, 5, 9]
GALLERY_CAMIDS = [1, 2, 1, 2, 1, 3, 2]


def evaluate_example(**options: Any) -> Scores:
    return evaluate(
        np.zeros((1, 1)), np.arange(7.0)[:, None] + 1, [5], GALLERY_PIDS, [1], GALLERY_CAMIDS, **options
    )


def test_a_worked_case() -> None:
    scores = evaluate_example()
    assert (scores.queries, scores.queries_without_match, scores.gallery) == (1, 0, 6)
    assert scores.map == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert scores.map_trapezoid == pytest.approx(((1 / 2 + 0) / 2 + (2 / 4 + 1 / 3) / 2) / 2)
    assert scores.minp == pytest.approx(2 / 4)
    assert [scores.cmc(k) for k in (1, 2, 3, 7, 1000)] == [0, 1, 1, 1, 1]
    assert scores.chance_rank1 == pytest.approx(2 / 5)


def test_the_per_query_table_has_all_columns() -> None:
    expected = pd.DataFrame(
        {
            "pid": [5],
            "camid": [1],
            "ap": [0.5],
            "ap_trapezoid": [1 / 3],
            "inp": [0.5],
            "first_match_rank": [2],
            "matches": [2],
        }
    )
    pd.testing.assert_frame_equal(evaluate_example().per_query, expected)


def test_a_query_without_a_match_is_left_out_or_counted_as_a_failure() -> None:
    labels: list[Any] = [
        [1, 2, 3],
        [1, 2, 9],
        [0, 0, 0],
        [1, 0, 1],
        # 2 has its own camera only, 3 is nowhere.
    ]
    distances = [[1, 2, 3]] * 3
    left_out = evaluate(None, None, *labels, distances=distances)
    failed = evaluate(None, None, *labels, distances=distances, unmatched="miss")
    for scores, share in ((left_out, 1.0), (failed, 1 / 3)):
        assert (scores.queries, scores.queries_without_match) == (3, 2)
        assert [scores.cmc(1), scores.cmc(9), scores.map, scores.map_trapezoid, scores.minp] == [share] * 5
        assert scores.chance_rank1 == pytest.approx(share / 3)
        assert scores.per_query["ap"].isna().tolist() == [False, True, True]
        assert scores.per_query["first_match_rank"].tolist() == [1, 0, 0]


def test_figures_are_nan_where_no_query_counts() -> None:
    scores = evaluate(None, None, [1], [2], [0], [1], distances=[[1.0]])
    assert scores.queries_without_match == 1
    for value in (scores.cmc(1), scores.map, scores.map_trapezoid, scores.minp, scores.chance_rank1):
        assert np.isnan(value)


def test_a_gallery_of_nothing_but_junk_has_size_zero() -> None:
    for inputs in (
        {"distances": [[1.0, 2.0]]},
        {"query_features": [[1.0]], "gallery_features": [[1.0], [2.0]]},
    ):
        scores = evaluate(
            **inputs,
            query_pids=[1],
            gallery_pids=[-1, -1],
            query_camids=[0],
            gallery_camids=[1, 1],
            unmatched="miss",
        )
        assert (scores.gallery, scores.queries_without_match) == (0, 1)
        assert (scores.map, scores.cmc(1), scores.chance_rank1) == (0.0, 0.0, 0.0)


def test_a_distractor_never_matches_and_stays_in_the_query_camera() -> None:
    scores = evaluate(None, None, [3], [0, 0, 3], [1], [1, 2, 2], distances=[[1, 2, 3]])
    assert scores.per_query["first_match_rank"].tolist() == [3]


def test_chance_is_what_random_orders_give_on_average() -> None:
    labels: list[Any] = [[1, 2, 1], [1, 1, 2, -1, 0, 2, 1], [0, 1, 2], [1, 0, 1, 1, 1, 0, 2]]
    random = np.random.default_rng(0)
    drawn = [evaluate(None, None, *labels, distances=random.random((3, 7))).cmc(1) for _ in range(400)]
    expected = evaluate(None, None, *labels, distances=np.zeros((3, 7))).chance_rank1
    assert np.mean(drawn) == pytest.approx(expected, abs=4 * np.std(drawn) / 20)


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        torch.tensor,
        list,
        lambda x: np.asarray(x, dtype=">f8"),
        lambda x: np.asarray(x)[::-1][::-1],
    ],
    ids=["array", "tensor", "list", "big-endian", "view"],
)
def test_features_come_in_any_usual_form(convert: Any) -> None:
    query, gallery = [[0.0, 1.0], [2.0, 0.0]], [[2.0, 0.5], [0.0, 0.9], [5.0, 5.0]]
    scores = evaluate(convert(query), convert(gallery), [1, 2], [2, 1, 1], [0, 0], [1, 1, 1])
    assert scores.cmc(1) == 1.0
    assert scores.minp == pytest.approx((2 / 3 + 1) / 2)


def test_inputs_stay_as_they_were() -> None:
    random = np.random.default_rng(0)
    query, gallery, matrix = random.random((3, 2)), random.random((5, 2)), random.random((3, 5))
    before = query.copy(), gallery.copy(), matrix.copy()
    labels: list[Any] = [[1, 2, 3], [1, 2, 3, -1, 0], [0, 0, 0], [1, 1, 1, 1, 1]]
    for array in (query, gallery, matrix):
        array.flags.writeable = False
    evaluate(query, gallery, *labels)
    evaluate(None, None, *labels, distances=matrix)
    evaluate(None, None, *labels, distances=torch.from_numpy(matrix.copy()).requires_grad_())
    for array, copy in zip((query, gallery, matrix), before, strict=True):
        assert (array == copy).all()


GOOD: dict[str, Any] = {
    "query_features": np.ones((2, 3)),
    "gallery_features": np.ones((4, 3)),
    "query_pids": [1, 2],
    "gallery_pids": [1, 2, 0, -1],
    "query_camids": [0, 0],
    "gallery_camids": [1, 1, 1, 1],
}
MATRIX = {**GOOD, "query_features": None, "gallery_features": None, "distances": np.ones((2, 4))}


def set_value(array: Any, row: int, column: int, value: float) -> Any:
    copy = np.array(array, dtype=np.float64)
    copy[row, column] = value
    return copy


@pytest.mark.parametrize(
    ("base", "change", "message"),
    [
        (
            MATRIX,
            {"query_features": np.ones((2, 3))},
            "exactly one of .*, got 2 of them",
        ),
        (MATRIX, {"distances": None}, "exactly one of .*, got 0 of them"),
        (GOOD, {"gallery_features": None}, "gallery_features is missing"),
        (GOOD, {"query_features": None}, "query_features is missing"),
        (GOOD, {"query_pids": None}, "query_pids is missing"),
        (GOOD, {"gallery_camids": None}, "gallery_camids is missing"),
        (
            GOOD,
            {"query_features": np.ones((2, 4))},
            "query_features has 4 dimensions, gallery_features has 3",
        ),
        (
            GOOD,
            {"query_features": np.ones((2, 3, 1))},
            r"query_features must have the shape .*got \(2, 3, 1\)",
        ),
        (GOOD, {"gallery_features": np.ones((4, 0))}, r"gallery_features must have the shape .*got \(4, 0\)"),
        (GOOD, {"gallery_features": np.ones((5, 3))}, "gallery_features has 5 rows and gallery_pids has 4"),
        (GOOD, {"query_features": np.ones((0, 3))}, "query_features has no rows"),
        (GOOD, {"query_features": [["a"] * 3] * 2}, "query_features must be real numbers"),
        (GOOD, {"query_features": [[1, 2, 3], [1]]}, "query_features must be an array of numbers"),
        (GOOD, {"query_features": torch.ones(2, 3, dtype=torch.cfloat)}, "query_features must be dense real"),
        (
            GOOD,
            {"query_features": set_value(np.ones((2, 3)), 1, 2, np.nan)},
            "query_features: row 1, column 2 is nan",
        ),
        (
            GOOD,
            {"gallery_features": set_value(np.ones((4, 3)), 3, 0, np.inf)},
            "gallery_features: row 3, column 0 is inf",
        ),
        (
            MATRIX,
            {"distances": set_value(np.ones((2, 4)), 0, 3, -np.inf)},
            "distances: row 0, column 3 is -inf",
        ),
        (MATRIX, {"distances": np.ones((3, 4))}, "distances has 3 rows and query_pids has 2"),
        (MATRIX, {"distances": np.ones((2, 5))}, "distances has 5 columns and gallery_pids has 4"),
        (MATRIX, {"distances": np.ones(4)}, r"distances must have the shape \(queries, gallery\)"),
        (MATRIX, {"distances": np.ones((2, 0))}, "distances is empty"),
        (GOOD, {"query_camids": [0]}, "query_pids has 2 labels and query_camids has 1"),
        (GOOD, {"gallery_camids": [1] * 5}, "gallery_pids has 4 labels and gallery_camids has 5"),
        (GOOD, {"query_pids": []}, "query_pids is empty"),
        (GOOD, {"gallery_pids": []}, "gallery_pids is empty"),
        (GOOD, {"query_pids": [[1, 2]]}, "query_pids must have one dimension"),
        (GOOD, {"query_pids": ["a", "b"]}, "query_pids must be integers"),
        (GOOD, {"gallery_pids": [1.5, 2, 0, -1]}, "gallery_pids must be integers"),
        (
            GOOD,
            {"gallery_pids": [2.0**53 + 2, 2, 0, -1]},
            "gallery_pids must be at most 9,007,199,254,740,992 as fl",
        ),
        (
            GOOD,
            {"gallery_camids": [1e300, 2, 0, 1]},
            "gallery_camids must be at most 9,007,199,254,740,992 as float64",
        ),
        (
            GOOD,
            {"gallery_camids": np.array([2**25, 2, 0, 1], dtype=np.float32)},
            "at most 16,777,216 as float32",
        ),
        (
            GOOD,
            {"gallery_pids": np.array([1, 2, 0, 2**64 - 1], dtype=np.uint64)},
            "gallery_pids must be at most 9,223,372,036,854,775,807 as uint64, got 18446744073709551615 in row 3",
        ),
        (GOOD, {"gallery_pids": [float("nan"), 2, 0, -1]}, "gallery_pids must be integers"),
        (GOOD, {"query_pids": [1, 0]}, "query_pids: row 1 is 0, which is not allowed"),
        (GOOD, {"query_pids": [-1, 1]}, "query_pids: row 0 is -1, which is not allowed"),
        (GOOD, {"gallery_pids": [1, 2, -2, 0]}, "gallery_pids: row 2 is -2, which is not allowed"),
        (GOOD, {"unmatched": "ignore"}, "unmatched must be one of exclude, miss, got 'ignore'"),
    ],
)
def test_bad_input_is_refused_in_one_clear_line(base: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(FeatureError, match=message) as caught:
        evaluate(**{**base, **change})
    assert "\n" not in str(caught.value)


def test_the_cases_that_are_spoiled_are_good_themselves() -> None:
    assert evaluate(**GOOD).queries == evaluate(**MATRIX).queries == 2


def test_labels_may_be_whole_floats_as_matlab_files_have_them() -> None:
    scores = evaluate(None, None, np.array([1.0]), torch.tensor([1, 2]), [0.0], (1, 1), distances=[[1, 2]])
    assert scores.cmc(1) == 1.0
    assert scores.per_query["pid"].dtype == np.int64


def test_the_example_of_the_documentation_is_right() -> None:
    page = (Path(__file__).parents[2] / "docs/exact-ranking.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("```python\n")

    exec(rest.partition("```")[0], {})
