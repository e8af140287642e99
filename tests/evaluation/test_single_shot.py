from __future__ import annotations

import io
import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from reidbench.errors import ConfigError, FeatureError
from reidbench.evaluation import evaluate, single_shot, summarize, trial_figures
from reidbench.evaluation.single_shot import SingleShotScores, single_shot_scores

from .golden_inputs import build, is_here, load
from .oracle import Labelled, random_labels, squared_distances
from .searches import search

EXACT = 1e-12
KINDS: Any = ("other", "all")


def draws(
    row: list[Any], pid: int, cam: int, labels: Labelled, pool: str
) -> tuple[list[Any], list[list[Any]]]:
    """Return the distances of the true images, and those of each other person of the pool."""
    people: dict[Any, list[Any]] = {}
    true = []
    for index, (distance, person, camera) in enumerate(
        zip(row, labels.gallery_pids, labels.gallery_camids, strict=True)
    ):
        if person == -1 or (person == pid and camera == cam) or (pool == "other" and camera == cam):
            continue
        if person == pid:
            true.append(distance)
        else:
            people.setdefault(("distractor", index) if person == 0 else person, []).append(distance)
    return true, list(people.values())


def consult(distances: Any, labels: Labelled, pool: str, ranks: int) -> list[list[Fraction] | None]:
    """Write out every draw of every query."""
    opinions: list[list[Fraction] | None] = []
    for row, pid, cam in zip(distances, labels.query_pids, labels.query_camids, strict=True):
        true, others = draws(list(row), pid, cam, labels, pool)
        hits, total = [0] * ranks, 0
        for chosen, *wrong in itertools.product(true, *others):
            rank = 1 + sum(distance <= chosen for distance in wrong)
            hits = [count + (rank <= k) for k, count in enumerate(hits, start=1)]
            total += 1
        opinions.append([Fraction(count, total) for count in hits] if total else None)
    return opinions


def list_hits(scores: SingleShotScores) -> Any:
    return scores.per_query[[f"rank{k}" for k in range(1, scores.ranks + 1)]].to_numpy()


@pytest.mark.parametrize("pool", KINDS)
def test_small_cases_agree_with_every_draw_written_out(pool: Any) -> None:
    random = np.random.default_rng(11)
    for case in range(150):
        labels, ranks = random_labels(random), int(random.integers(1, 8))
        matrix = random.integers(-3, 4, (len(labels.query_pids), len(labels.gallery_pids))) / 2
        scores = single_shot_scores(search(None, None, *labels, distances=matrix), pool=pool, ranks=ranks)
        opinions = consult(matrix.tolist(), labels, pool, ranks)
        expected: Any = np.array(
            [[math.nan] * ranks if hits is None else hits for hits in opinions], dtype=np.float64
        )
        assert list_hits(scores) == pytest.approx(expected, abs=EXACT, nan_ok=True), case
        counted = [hits for hits in opinions if hits]
        for k in range(1, ranks + 1):
            mean = float(sum(hits[k - 1] for hits in counted) / len(counted)) if counted else math.nan
            assert scores.cmc(k) == pytest.approx(mean, abs=EXACT, nan_ok=True)


@pytest.mark.parametrize("pool", KINDS)
def test_chance_is_the_expectation_over_all_orders_of_the_gallery(pool: Any) -> None:
    orders = np.repeat(list(itertools.permutations(range(6))), 3, axis=0)
    queries, cameras = np.tile([1, 2, 9], len(orders) // 3), np.ones(len(orders), np.int64)
    labels = queries, [1, 1, 2, 2, 0, 3], cameras, [1, 2, 2, 1, 2, 1]

    scores = single_shot_scores(search(None, None, *labels, distances=orders), pool=pool)
    missed = single_shot_scores(search(None, None, *labels, distances=orders), pool=pool, unmatched="miss")

    assert scores.cmc(1) == pytest.approx(scores.chance_rank1, abs=EXACT)
    assert missed.chance_rank1 == pytest.approx(scores.chance_rank1 * 2 / 3, abs=EXACT)


def test_a_case_worked_by_hand() -> None:
    # the true image at 3; person 2 at 1 and 5, person 3 at 4, and a tie with one of the three images of person 4
    labels = [1], [1, 2, 2, 3, 4, 4, 4], [1], [2] * 7
    scores = single_shot_scores(search(None, None, *labels, distances=[[3, 1, 5, 4, 3, 6, 7]]), ranks=4)

    # First: 1/2 * 2/3; at most second: 1 - 1/2 * 1/3.
    assert list_hits(scores)[0] == pytest.approx([1 / 3, 5 / 6, 1, 1], abs=EXACT)
    assert scores.chance_rank1 == pytest.approx(1 / 4)
    assert scores.per_query["first_match_rank"].tolist() == [3]


def test_each_distractor_is_a_person_and_junk_is_nobody() -> None:
    labels = [1], [1, 0, 0, -1, -1], [1], [2, 2, 2, 2, 2]
    scores = single_shot_scores(search(None, None, *labels, distances=[[3, 1, 2, 1, 1]]), ranks=3)

    assert list_hits(scores).tolist() == [[0, 0, 1]]
    assert scores.chance_rank1 == pytest.approx(1 / 3)


def test_the_pools_differ_by_the_images_of_the_query_camera() -> None:
    labels = [1], [1, 2, 2, 3], [1], [2, 1, 2, 1]
    distances = [[2, 1, 3, 1]]

    other = single_shot_scores(search(None, None, *labels, distances=distances), pool="other", ranks=2)
    everyone = single_shot_scores(search(None, None, *labels, distances=distances), pool="all", ranks=2)

    # Person 2 by its far image, person 3 not at all.
    assert list_hits(other).tolist() == [[1, 1]]
    # Person 3 always, person 2 half of the time.
    assert list_hits(everyone).tolist() == [[0, 0.5]]
    assert (other.map, everyone.map) == (1, 1 / 3)
    assert (other.chance_rank1, everyone.chance_rank1) == (1 / 2, 1 / 3)


def random_case(images: int) -> tuple[Any, Any, tuple[Any, ...]]:
    random = np.random.default_rng(images)
    pids = np.repeat(np.arange(1, 31), images)
    return (
        random.normal(size=(30, 4)),
        random.normal(size=(len(pids), 4)),
        (np.arange(1, 31), pids, np.ones(30, np.int64), np.full(len(pids), 2)),
    )


@pytest.mark.parametrize("pool", KINDS)
def test_one_image_a_person_gives_the_ordinary_curve(pool: Any) -> None:
    query, gallery, labels = random_case(1)
    scores, plain = (
        single_shot_scores(search(query, gallery, *labels), pool=pool),
        evaluate(query, gallery, *labels),
    )

    assert trial_figures(scores) == pytest.approx(trial_figures(plain), abs=EXACT)
    assert scores.chance_rank1 == pytest.approx(plain.chance_rank1)


def test_the_other_figures_are_those_of_the_whole_pool() -> None:
    random = np.random.default_rng(12)
    for _ in range(40):
        labels = random_labels(random)
        matrix = random.integers(0, 9, (len(labels.query_pids), len(labels.gallery_pids)))
        everyone = single_shot_scores(search(None, None, *labels, distances=matrix), pool="all")
        plain = evaluate(None, None, *labels, distances=matrix).per_query
        pd.testing.assert_frame_equal(everyone.per_query[list(plain.columns)], plain)
        other = single_shot_scores(search(None, None, *labels, distances=matrix), pool="other").per_query
        for camera in set(labels.query_camids):
            here = np.array(labels.query_camids) == camera
            pids = np.where(np.array(labels.gallery_camids) == camera, -1, labels.gallery_pids)
            ruled = (
                np.array(labels.query_pids)[here],
                pids,
                np.array(labels.query_camids)[here],
                labels.gallery_camids,
            )
            plain = evaluate(None, None, *ruled, distances=matrix[here]).per_query
            found = other.loc[here, list(plain.columns)].reset_index(drop=True)
            pd.testing.assert_frame_equal(found, plain)


def test_neither_blocks_nor_the_order_of_the_gallery_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    query, gallery, (q_pids, pids, q_cams, cams) = random_case(5)
    cams = cams - (np.arange(len(cams)) % 3 == 0)
    whole = single_shot_scores(search(query, gallery, q_pids, pids, q_cams, cams), pool="all")
    order = np.random.default_rng(13).permutation(len(pids))
    monkeypatch.setattr(single_shot, "_CHUNK_ELEMENTS", 2 * len(pids))

    moved = single_shot_scores(
        search(query, gallery[order], q_pids, pids[order], q_cams, cams[order]), pool="all"
    )

    pd.testing.assert_frame_equal(moved.per_query, whole.per_query, atol=EXACT, rtol=0)


@pytest.mark.parametrize("pool", KINDS)
def test_features_that_nearly_tie_are_told_apart_as_exact_distances_are(pool: Any) -> None:
    random = np.random.default_rng(16)
    for levels in (2, 3, 1000):
        query, gallery, (q_pids, pids, q_cams, cams) = random_case(4)
        cams = cams - (np.arange(len(cams)) % 3 == 0)
        labels = q_pids, pids, q_cams, cams
        query, gallery = (
            (random.integers(0, levels, side.shape) * 1.1 + 100).astype(np.float32)
            for side in (query, gallery)
        )
        exact = squared_distances(query, gallery)
        order = {distance: index for index, distance in enumerate(sorted(set(itertools.chain(*exact))))}
        numbered = [[order[distance] for distance in row] for row in exact]
        found = single_shot_scores(search(query, gallery, *labels), pool=pool)
        expected = single_shot_scores(search(None, None, *labels, distances=numbered), pool=pool)
        pd.testing.assert_frame_equal(found.per_query, expected.per_query)


def test_a_pair_scorer_agrees_with_its_matrix() -> None:
    query, gallery, labels = random_case(3)
    matrix = torch.cdist(torch.from_numpy(query), torch.from_numpy(gallery))

    scored = single_shot_scores(
        search(None, None, *labels, scorer=lambda rows, items: matrix[rows, items], block=(7, 11))
    )

    expected = single_shot_scores(search(None, None, *labels, distances=matrix))
    pd.testing.assert_frame_equal(scored.per_query, expected.per_query)


def test_a_collapsed_embedding_is_never_right() -> None:
    _, _, labels = random_case(3)
    scores = single_shot_scores(search(torch.ones(30, 2), torch.ones(90, 2), *labels), ranks=29)

    assert (scores.cmc(1), scores.cmc(29)) == (0, 0)


def test_hundreds_of_persons_keep_their_probabilities() -> None:
    share = torch.full((2, 600), 0.01, dtype=torch.float64)
    hits = single_shot._hits(share, torch.tensor([0, 5]), 50)
    exact = [math.comb(600, n) * Fraction(1, 100) ** n * Fraction(99, 100) ** (600 - n) for n in range(50)]

    assert hits[0].tolist() == pytest.approx([float(sum(exact[: k + 1])) for k in range(50)], abs=EXACT)
    assert hits[1].tolist() == [0] * 5 + hits[0, :45].tolist()


def score_unmatched(**others: Any) -> SingleShotScores:
    labels = [1, 5], [1, 1, 2, 3], [1, 1], [2, 2, 2, 2]
    distances = [[1, 3, 2, 4], [1, 2, 3, 4]]
    return single_shot_scores(search(None, None, *labels, distances=distances), ranks=3, **others)


def test_a_query_without_a_match_is_left_out_or_missed() -> None:
    assert (score_unmatched().cmc(1), score_unmatched().cmc(2)) == (0.5, 1)
    assert (score_unmatched(unmatched="miss").cmc(1), score_unmatched(unmatched="miss").cmc(2)) == (0.25, 0.5)
    assert score_unmatched().queries_without_match == 1


@pytest.mark.parametrize("unmatched", ["exclude", "miss"])
def test_a_stored_table_gives_the_same_figures(unmatched: Any) -> None:
    scores = score_unmatched(unmatched=unmatched)
    stored = pd.read_csv(io.StringIO(scores.per_query.to_csv(index=False)))

    again = SingleShotScores.from_per_query(
        stored, gallery=scores.gallery, chance_rank1=scores.chance_rank1, unmatched=unmatched
    )

    pd.testing.assert_frame_equal(again.per_query, scores.per_query)
    names = ("rank1", "rank2", "rank3", "map", "map_trapezoid", "minp")
    assert trial_figures(again, names) == trial_figures(scores, names)


def test_a_stored_table_that_contradicts_itself_is_refused() -> None:
    def rebuild(table: pd.DataFrame) -> SingleShotScores:
        return SingleShotScores.from_per_query(table, gallery=4, chance_rank1=0.1)

    table = score_unmatched().per_query
    with pytest.raises(FeatureError, match=r"without a gap, got \['rank1', 'rank3'\]"):
        rebuild(table.drop(columns="rank2"))
    with pytest.raises(FeatureError, match=r"without a gap, got \[\]"):
        rebuild(table.drop(columns=["rank1", "rank2", "rank3"]))
    with pytest.raises(FeatureError, match=r"row 0: rank1, rank2, .* must be probabilities that grow"):
        rebuild(table.assign(rank2=[0.4, np.nan]))
    with pytest.raises(FeatureError, match="row 1: "):
        rebuild(table.assign(rank2=[0.6, 0.1]))
    with pytest.raises(FeatureError, match="no column matches"):
        rebuild(table.drop(columns="matches"))


def test_trials_are_summarized_like_any_other() -> None:
    trials = []
    for images in (2, 3):
        query, gallery, labels = random_case(images)
        trials.append(single_shot_scores(search(query, gallery, *labels)))

    summary = summarize(trials, draws=50)

    assert summary["rank5"].mean == pytest.approx((trials[0].cmc(5) + trials[1].cmc(5)) / 2)
    assert summary["rank5"].low is not None


def test_a_rank_that_was_not_computed_is_refused() -> None:
    with pytest.raises(ConfigError, match="the single-shot curve ends at rank3"):
        score_unmatched().cmc(4)
    with pytest.raises(ConfigError, match="got 0"):
        score_unmatched().cmc(0)
    with pytest.raises(ConfigError, match="unknown figure 'rank0'"):
        score_unmatched().figure("rank0")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"pool": "some"}, ConfigError, "pool must be one of other, all, got 'some'"),
        ({"ranks": 0}, ConfigError, "ranks must be at least 1, got 0"),
        ({"unmatched": "drop"}, FeatureError, "unmatched must be one of exclude, miss"),
    ],
)
def test_invalid_single_shot_options_raise(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        single_shot_scores(search(None, None, [1], [1], [1], [2], distances=[[1]]), **options)


@pytest.mark.parametrize("pids", [[-1, -1], [0, 0], [1, 1]], ids=["junk", "distractors", "one's own"])
@pytest.mark.parametrize("pool", KINDS)
def test_a_pool_without_a_match_gives_no_figure(pids: list[int], pool: Any) -> None:
    scores = single_shot_scores(search(None, None, [1], pids, [1], [1, 1], distances=[[1, 2]]), pool=pool)

    assert math.isnan(scores.cmc(1))
    assert math.isnan(scores.chance_rank1)


needs_golden = pytest.mark.skipif(
    not is_here("single_shot_s1"), reason="needs the golden file single_shot_s1"
)


@needs_golden
@pytest.mark.parametrize(("pool", "name"), [("all", "pool_all_cameras"), ("other", "pool_other_camera")])
def test_the_published_expectation_is_met(pool: Any, name: str) -> None:
    file = load("single_shot_s1")
    case = build(file["recipe"])
    assert all(case.digest(key) == value for key, value in file["inputs"]["sha256"].items())

    scores = single_shot_scores(search(*case.inputs), pool=pool)

    curve = [scores.cmc(k) for k in range(1, 21)]
    assert curve == pytest.approx(file[name]["expected_cmc"], abs=EXACT)
    for code in ("torchreid_python", "torchreid_cython", "openreid"):
        sampled = file[name].get(code)
        if sampled is not None:
            error = np.array(sampled["standard_error"])
            assert np.all(np.abs(np.array(sampled["mean_cmc"]) - curve) <= 5 * error), code
    if pool == "all":
        market = file["market_style"]["mAP_returned_in_single_shot_mode"]
        assert scores.map == pytest.approx(market, abs=EXACT)


@needs_golden
@pytest.mark.parametrize("camera", [1, 2])
def test_the_published_expectation_is_met_in_each_direction(camera: int) -> None:
    file = load("single_shot_s1")
    query, gallery, q_pid, g_pid, q_cam, g_cam = build(file["recipe"]).inputs
    here = q_cam == camera
    printed = file["pool_other_camera"]["by_direction"][f"camera_{camera}_to_{3 - camera}"]

    scores = single_shot_scores(
        search(query[here], gallery, q_pid[here], g_pid, q_cam[here], g_cam), pool="other"
    )

    assert scores.queries - scores.queries_without_match == printed["queries"]
    assert [scores.cmc(k) for k in range(1, 21)] == pytest.approx(printed["expected_cmc"], abs=EXACT)
