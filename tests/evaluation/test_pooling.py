from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from reidbench.errors import ConfigError, FeatureError
from reidbench.evaluation import Scores, evaluate, pooling
from reidbench.evaluation.pooling import pool, pool_queries

from .golden_inputs import build, digest, is_here, load

EXACT = 1e-12

FRAMES = [[1.0, -8.0], [3.0, 2.0], [5.0, 0.0], [-1.0, 4.0]]
TRACKS = [7, 2, 7, 7]


def test_a_group_is_pooled_to_its_mean_in_the_order_of_the_group_numbers() -> None:
    assert pool(FRAMES, TRACKS).tolist() == [[3.0, 2.0], [5 / 3, -4 / 3]]


def test_the_maximum_is_taken_in_each_dimension() -> None:
    assert pool(FRAMES, TRACKS, how="max").tolist() == [[3.0, 2.0], [5.0, 4.0]]


def test_keys_say_which_groups_come_back_and_in_which_order() -> None:
    pooled = pool(FRAMES, TRACKS, keys=[7, 2, 7], how="max")

    assert pooled.tolist() == [[5.0, 4.0], [3.0, 2.0], [5.0, 4.0]]
    assert pool(FRAMES, TRACKS, keys=[2]).tolist() == [[3.0, 2.0]]


def test_a_normalized_feature_has_length_one_and_nothing_stays_nothing() -> None:
    pooled = pool([[3.0, 4.0], [1.0, 0.0], [-1.0, 0.0]], [1, 2, 2], normalize=True)

    assert pooled.numpy() == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]), abs=EXACT)


@pytest.mark.parametrize("how", ["mean", "max"])
def test_many_groups_agree_with_a_loop_however_they_are_cut(
    how: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(3)
    frames, tracks = random.normal(size=(300, 5)), random.integers(-20, 40, 300)
    keys = random.permutation(np.unique(tracks))
    expected = np.stack([getattr(np, how)(frames[tracks == key], axis=0) for key in keys])

    whole = pool(frames, tracks, keys=keys, how=how)
    assert whole.numpy() == pytest.approx(expected, abs=EXACT)
    for elements in (1, 37, 500):
        monkeypatch.setattr(pooling, "_CHUNK_ELEMENTS", elements)
        assert torch.equal(pool(frames, tracks, keys=keys, how=how), whole)


def test_the_result_does_not_depend_on_other_groups() -> None:
    random = np.random.default_rng(4)
    frames, tracks = random.normal(size=(200, 3)).astype(np.float32), random.integers(0, 20, 200)
    together = pool(frames, tracks)

    for track in range(20):
        assert torch.equal(pool(frames[tracks == track], tracks[tracks == track])[0], together[track])


def test_the_mean_of_narrow_numbers_is_summed_in_64_bits() -> None:
    frames = torch.tensor([[2.0**25], [1.0], [1.0], [1.0], [1.0]], dtype=torch.float32)

    pooled = pool(frames, [0] * 5)

    assert pooled.dtype == torch.float32
    assert pooled.item() == np.float32((2.0**25 + 4) / 5)


def test_whole_numbers_and_half_precision_come_back_as_evaluate_takes_them() -> None:
    assert pool([[1], [2]], [0, 0]).dtype == torch.float64
    assert pool(torch.ones(2, 2, dtype=torch.float16), [0, 0]).dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"groups": [1, 2]}, FeatureError, r"features has 4 rows and groups has 2"),
        ({"keys": [7, 9, 2]}, FeatureError, r"no feature is of group 9"),
        ({"how": "median"}, ConfigError, r"how must be one of mean, max, got 'median'"),
        ({"features": [[np.nan, 1.0]] * 4}, FeatureError, r"features: row 0, column 0 is nan"),
        ({"groups": []}, FeatureError, r"groups is empty"),
    ],
    ids=["another number of groups", "empty key", "unknown pooling", "not finite", "nothing"],
)
def test_pooling_errors_name_the_argument(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        pool(**{"features": FRAMES, "groups": TRACKS, **arguments})


def test_a_query_becomes_the_mean_of_the_boxes_of_its_person_in_its_camera() -> None:
    boxes = [[2.0], [4.0], [100.0], [6.0], [-1.0]]

    pooled = pool_queries(boxes, [1, 1, 1, 2, 9], [1, 1, 2, 1, 9], [2, 1, 1], [1, 1, 2])

    assert pooled.tolist() == [[6.0], [3.0], [100.0]]


def test_a_query_without_a_box_is_named() -> None:
    with pytest.raises(FeatureError, match=r"query 1 \(person 5, camera 2\) has no box"):
        pool_queries([[1.0], [2.0]], [5, 6], [1, 2], [5, 5], [1, 2])


def test_a_label_too_few_is_refused() -> None:
    with pytest.raises(FeatureError, match=r"box_pids has 2 rows and box_camids has 1"):
        pool_queries([[1.0], [2.0]], [5, 6], [1], [5], [1])
    with pytest.raises(FeatureError, match=r"boxes has 1 rows and box_pids has 2"):
        pool_queries([[1.0]], [5, 6], [1, 2], [5], [1])


@pytest.mark.skipif(not is_here("pooling_s1"), reason="needs the golden file pooling_s1")
def test_tracks_are_those_of_the_mars_code() -> None:
    file = load("pooling_s1")
    lengths = [last - first + 1 for first, last in file["track_ranges_1based_inclusive"]]
    tracks = np.repeat(np.arange(len(lengths)), lengths)

    pooled = pool(file["frame_features"], tracks, how="max", normalize=True)

    assert pooled.numpy() == pytest.approx(np.array(file["expected"]), abs=EXACT)


@pytest.mark.skipif(not is_here("multiquery_s1"), reason="needs the golden file multiquery_s1")
@pytest.mark.parametrize("how", ["single", "mean", "max"])
def test_multi_query_figures_are_those_of_the_official_code(how: Any) -> None:
    file = load("multiquery_s1")
    case, boxes, expected = build(file["recipe"]), file["multi_query_boxes"], file["results"][how]
    assert digest(boxes["features"]) == boxes["sha256"]["feat"]
    assert all(case.digest(name) == value for name, value in file["inputs"]["sha256"].items())
    query, gallery, *labels = case.inputs
    if how != "single":
        query = pool_queries(boxes["features"], boxes["pid"], boxes["cam"], case.q_pid, case.q_cam, how=how)

    scores: Scores = evaluate(query, gallery, *labels)

    table = scores.per_query
    assert scores.map_trapezoid == pytest.approx(expected["mAP"], abs=EXACT)
    assert [scores.cmc(k) for k in range(1, 51)] == pytest.approx(expected["cmc"], abs=EXACT)
    assert table["ap_trapezoid"].to_numpy() == pytest.approx(np.array(expected["official_ap"]), abs=EXACT)
    assert table["first_match_rank"].tolist() == expected["official_first_match_rank"]
