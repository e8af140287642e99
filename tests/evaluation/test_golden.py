"""Figures that published evaluation code printed, on the same inputs."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from reidbench.evaluation import Scores, evaluate, summarize
from reidbench.plugin.manager import Plugins
from reidbench.protocols import load_protocol

from .golden_inputs import SHARED, Case, build, load, mars_labels

needs_shared = pytest.mark.skipif(
    not (SHARED / "golden").is_dir(),
    reason="needs the shared golden files; REIDBENCH_GOLDEN names their folder",
)

TRAPEZOID_CODES = {"layumi_python", "triplet_reid_market_ap", "openreid_pr_curve_auc"}
FLOAT32_CMC_CODES = ("torchreid", "fastreid", "video_person_reid")

# MATLAB and Python codes that compute in float64.
EXACT = 1e-12
# CMC curves that were stored in float32.
FLOAT32_CMC = 1e-6
# Cython codes, which also compute in float32.
FLOAT32 = 5e-6

TINY = load("tiny_s1")["cases"]

# Ties of the tiny cases, which the published codes break by gallery order: ours count against the method.
TIED = {
    "tie between a wrong item (lower gallery index) and the good one: stable order puts the wrong one first": (
        # the wrong item stands first in any order of the gallery: rank 2
        {"ap": 1 / 2, "ap_trapezoid": 1 / 4, "inp": 1 / 2, "first_match_rank": 2}
    ),
    "tie between the good item (lower gallery index) and a wrong one: stable order puts the good one first": (
        # the same, although the match has the lower index: rank 2, not 1
        {"ap": 1 / 2, "ap_trapezoid": 1 / 4, "inp": 1 / 2, "first_match_rank": 2}
    ),
    "all distances equal; good items at gallery positions 2 and 5 (1-based)": (
        # both matches behind all four wrong items, at 5 and 6: the worst there is
        {
            "ap": (1 / 5 + 2 / 6) / 2,
            "ap_trapezoid": ((1 / 5 + 0) / 2 + (2 / 6 + 1 / 5) / 2) / 2,
            "inp": 2 / 6,
            "first_match_rank": 5,
        }
    ),
    "tie between junk, same-camera and good items": (
        # junk and the same camera do not exist; of the two items left, the wrong one stands first
        {"ap": 1 / 2, "ap_trapezoid": 1 / 4, "inp": 1 / 2, "first_match_rank": 2}
    ),
}


@functools.cache
def golden(name: str) -> tuple[dict[str, Any], Case]:
    file = load(name)
    return file, build(file["recipe"])


def curve(scores: Scores, length: int) -> list[float]:
    return [scores.cmc(k) for k in range(1, length + 1)]


def values(scores: Scores, column: str, *, valid_only: bool = False) -> Any:
    table = scores.per_query
    return table.loc[table["matches"] > 0, column].to_numpy() if valid_only else table[column].to_numpy()


def assert_code(code: str, printed: dict[str, Any], scores: Scores) -> None:
    """Compare what one published code printed with our figures, as closely as its arithmetic allows."""
    near = FLOAT32 if "cython" in code else EXACT
    mean = scores.map_trapezoid if code in TRAPEZOID_CODES else scores.map
    assert mean == pytest.approx(printed["mAP"], abs=near), code
    if "mINP" in printed:
        assert scores.minp == pytest.approx(printed["mINP"], abs=near), code
    cmc = printed.get("cmc_market1501", printed.get("cmc", []))
    near = max(near, FLOAT32_CMC if code.startswith(FLOAT32_CMC_CODES) else EXACT)
    assert curve(scores, len(cmc)) == pytest.approx(cmc, abs=near), code


def assert_official(file: dict[str, Any], scores: Scores) -> None:
    official, per_query = file["official"], file["per_query"]
    assert scores.map_trapezoid == pytest.approx(official["mAP"], abs=EXACT)
    assert curve(scores, len(official["cmc"])) == pytest.approx(official["cmc"], abs=EXACT)
    assert values(scores, "first_match_rank").tolist() == per_query["official_first_match_rank"]
    # A query without a match has 0 in these files.
    ap = np.nan_to_num(values(scores, "ap_trapezoid"))
    assert ap == pytest.approx(per_query["official_ap"], abs=EXACT)


@pytest.mark.parametrize("name", ["synth_nomatch_s1", "synth_ties_s1", "ilids_s1", "prid_s1"])
def test_the_inputs_are_those_of_the_published_runs(name: str) -> None:
    file, case = golden(name)
    for array, digest in file["inputs"]["sha256"].items():
        assert case.digest(array) == digest, array


@needs_shared
@pytest.mark.parametrize("name", ["mars_s1", "market_s1", "duke_s1", "cuhk03np_detected_s1"])
def test_the_inputs_on_official_labels_are_those_of_the_published_runs(name: str) -> None:
    file, case = golden(name)
    for array, digest in file["inputs"]["sha256"].items():
        assert case.digest(array) == digest, array


@pytest.mark.parametrize("case", TINY, ids=[case["note"][:60] for case in TINY])
def test_tiny_cases_follow_the_official_code_and_ties_count_against_the_method(case: dict[str, Any]) -> None:
    labels = case["q_pid"], case["g_pid"], case["q_cam"], case["g_cam"]
    scores = evaluate(None, None, *labels, distances=case["dist"])
    expected = TIED.get(case["note"])
    if expected is not None:
        for column, value in expected.items():
            assert values(scores, column).tolist() == [pytest.approx(value, abs=EXACT)], column
        return
    official, rectangle = case["official"], case["rectangle_junk_removed"]
    assert values(scores, "first_match_rank").tolist() == official["first_match_rank"]
    assert values(scores, "ap_trapezoid") == pytest.approx(
        np.array(official["ap_per_query"], dtype=np.float64), abs=EXACT, nan_ok=True
    )
    lost = evaluate(None, None, *labels, distances=case["dist"], unmatched="miss")
    assert lost.map_trapezoid == pytest.approx(official["mAP_nan_counted_as_zero"], abs=EXACT)
    assert curve(lost, len(official["cmc"])) == pytest.approx(official["cmc"], abs=EXACT)
    if "error" in rectangle:
        assert scores.queries_without_match == scores.queries
        return
    assert values(scores, "ap", valid_only=True) == pytest.approx(rectangle["ap_valid_queries"], abs=EXACT)
    assert values(scores, "inp", valid_only=True) == pytest.approx(rectangle["inp_valid_queries"], abs=EXACT)
    assert scores.map == pytest.approx(rectangle["mAP"], abs=EXACT)
    assert curve(scores, len(rectangle["cmc"])) == pytest.approx(rectangle["cmc"], abs=EXACT)


def test_every_tied_tiny_case_is_listed_here() -> None:
    assert TIED.keys() <= {case["note"] for case in TINY}
    assert {case["note"] for case in TINY if "tie" in case["note"] or "equal" in case["note"]} == TIED.keys()


def test_ties_give_the_figures_of_wrong_items_first() -> None:
    file, case = golden("synth_ties_s1")
    expected, scores = file["good_last"], case.scores()
    assert scores.map_trapezoid == pytest.approx(expected["mAP"], abs=EXACT)
    assert scores.map == pytest.approx(expected["rectangle_mAP"], abs=EXACT)
    assert scores.minp == pytest.approx(expected["mINP"], abs=EXACT)
    assert curve(scores, 50) == pytest.approx(expected["cmc"], abs=EXACT)
    assert curve(scores, 50) == pytest.approx(expected["rectangle_cmc"], abs=FLOAT32_CMC)
    assert values(scores, "first_match_rank").tolist() == expected["official_first_match_rank"]
    assert values(scores, "ap_trapezoid") == pytest.approx(expected["official_ap"], abs=EXACT)
    assert values(scores, "ap") == pytest.approx(expected["rectangle_ap"], abs=EXACT)


def test_queries_without_a_match_are_left_out_as_the_python_codes_do() -> None:
    file, case = golden("synth_nomatch_s1")
    scores, per_query = case.scores(), file["per_query"]
    assert scores.queries_without_match == 20
    assert np.flatnonzero(values(scores, "matches") == 0).tolist() == per_query["queries_without_match"]
    for code, printed in file["evaluators"]["junk_removed"].items():
        assert_code(code, printed, scores)
    for column, name in (("ap", "ap_rectangle"), ("inp", "inp")):
        expected = per_query[f"{name}_junk_removed_valid_only"]
        assert values(scores, column, valid_only=True) == pytest.approx(expected, abs=EXACT)


def test_queries_without_a_match_count_as_failures_as_the_matlab_code_does() -> None:
    file, case = golden("synth_nomatch_s1")
    scores, codes = case.scores(unmatched="miss"), file["evaluators"]["full_gallery"]
    assert_official(file, scores)
    assert_code("layumi_python", codes["layumi_python"], scores)
    # triplet-reid counts them in the curve and leaves them out of the mean
    assert curve(scores, 50) == pytest.approx(codes["triplet_reid_market_ap"]["cmc"], abs=EXACT)
    matched = case.scores()
    assert matched.map_trapezoid == pytest.approx(codes["triplet_reid_market_ap"]["mAP"], abs=EXACT)
    assert matched.map == pytest.approx(codes["triplet_reid_sklearn_ap"]["mAP"], abs=EXACT)


def relabel(case: Case, treatment: str) -> dict[str, Any]:
    """Return labels that treat junk (-1) and distractors (0) in another way."""
    pids = {
        "junk_kept_as_distractor": np.where(case.g_pid == -1, 0, case.g_pid),
        "junk_and_distractors_removed": np.where(case.g_pid == 0, -1, case.g_pid),
    }
    return {"g_pid": pids.get(treatment, case.g_pid)}


@pytest.mark.parametrize(
    "name", ["synth_nomatch_s1", pytest.param("market_s1", marks=needs_shared)], ids=["synthetic", "market"]
)
@pytest.mark.parametrize("treatment", ["junk_kept_as_distractor", "junk_and_distractors_removed"])
def test_other_treatments_of_junk_and_distractors_are_a_matter_of_labels(name: str, treatment: str) -> None:
    file, case = golden(name)
    scores = case.scores(**relabel(case, treatment))
    for code, printed in file["evaluators"][treatment].items():
        assert_code(code, printed, scores)


@needs_shared
@pytest.mark.parametrize("name", ["market_s1", "duke_s1", "cuhk03np_detected_s1"])
def test_image_datasets_agree_with_every_published_code(name: str) -> None:
    file, case = golden(name)
    scores = case.scores()
    assert_official(file, scores)
    assert values(scores, "ap") == pytest.approx(file["per_query"]["ap_rectangle_junk_removed"], abs=EXACT)
    assert values(scores, "inp") == pytest.approx(file["per_query"]["inp_junk_removed"], abs=EXACT)
    for treatment in ("full_gallery", "junk_removed"):
        for code, printed in file["evaluators"].get(treatment, {}).items():
            assert_code(code, printed, scores)


@needs_shared
def test_mars_agrees_in_the_official_gallery_and_in_the_merged_one() -> None:
    file, case = golden("mars_s1")
    official, merged = case.scores(), case.scores(gallery=case.g_pid != -1)
    assert (official.gallery, merged.gallery) == (11310, 11310)
    for scores in (official, merged):
        assert_official(file, scores)
        assert values(scores, "ap") == pytest.approx(
            file["per_query"]["merged_11310_ap_rectangle"], abs=EXACT
        )
        assert values(scores, "inp") == pytest.approx(file["per_query"]["merged_11310_inp"], abs=EXACT)
    for convention, scores in (("all_12180", official), ("merged_11310", merged)):
        for code, printed in file["evaluators"][convention].items():
            assert_code(code, printed, scores)


@needs_shared
def test_mars_agrees_where_the_queries_are_taken_out_of_the_gallery() -> None:
    file, case = golden("mars_s1")
    _, rows = mars_labels()
    keep = case.g_pid != -1
    keep[rows] = False
    scores = case.scores(gallery=keep)
    assert (scores.gallery, scores.queries_without_match) == (9330, 140)
    assert np.flatnonzero(values(scores, "matches") == 0).tolist() == file["split_9330_invalid_query_index"]
    for code, printed in file["evaluators"]["split_9330"].items():
        assert_code(code, printed, scores)


@needs_shared
@pytest.mark.parametrize("here", [4, 6])
def test_the_camera_pairs_of_mars_are_a_matter_of_labels(here: int) -> None:
    """Give every camera but one the label of the query's, so that their matches are junk and all else stays wrong.

    Unlike the figures of the whole gallery, the official camera pairs count junk (-1) as wrong.
    """
    file, case = golden("mars_s1")
    expected, (_, rows) = file["official"]["camera_pairs"], mars_labels()
    queries = case.q_cam == here
    for there in range(1, 7):
        cameras = np.where(case.g_cam == there, 100, here)
        # The query itself never is a match.
        cameras[rows[queries]] = here
        scores = case.scores(queries, g_cam=cameras, **relabel(case, "junk_kept_as_distractor"))
        assert scores.map_trapezoid == pytest.approx(expected["ap"][here - 1][there - 1], abs=EXACT), there
        assert scores.cmc(1) == pytest.approx(expected["rank1"][here - 1][there - 1], abs=EXACT), there


def official_splits(protocol: str) -> Any:
    """Positions of people in their sorted list, from the table that the protocol carries."""
    table = load_protocol(Plugins().protocol(protocol)).split_table
    assert table is not None
    rows = np.array(table.rows)
    # People's numbers have gaps, positions none.
    return np.searchsorted(np.sort(rows[0]), rows) + 1


@pytest.mark.parametrize("half_key", ["test_first_half", "test_second_half"])
@pytest.mark.parametrize("name", ["ilids", "prid"])
def test_ten_splits_agree_split_by_split_and_in_mean_and_spread(name: str, half_key: str) -> None:
    file, case = golden(f"{name}_s1")
    splits = official_splits({"ilids": "ilids", "prid": "prid2011"}[name])
    half = splits.shape[1] // 2
    expected = file[half_key]
    trials = []
    for people, printed in zip(splits, expected["per_split"], strict=True):
        test = np.sort(people[:half] if half_key == "test_first_half" else people[half:]) - 1
        scores = case.scores(test, test)
        assert curve(scores, len(printed["cmc"])) == pytest.approx(printed["cmc"], abs=EXACT)
        trials.append(scores)
    names = [f"rank{k + 1}" for k in range(len(expected["mean_cmc"]))]
    summary = summarize(trials, figures=[*names, "map", "map_trapezoid"], draws=10)
    assert [summary[key].mean for key in names] == pytest.approx(expected["mean_cmc"], abs=EXACT)
    assert [summary[key].std for key in names] == pytest.approx(expected["std_sample_cmc"], abs=EXACT)
    assert summary["map"].mean == pytest.approx(expected["mean_mAP_rectangle"], abs=EXACT)
    assert summary["map_trapezoid"].mean == pytest.approx(expected["mean_mAP_trapezoid_official"], abs=EXACT)
