from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import pytest

from reidbench.errors import FeatureError
from reidbench.evaluation import evaluate
from reidbench.evaluation.conventions import Convention, conventions

from .golden_inputs import SHARED, Case, build, is_here, load, mars_labels
from .oracle import random_labels
from .searches import search

# Codes that compute in float64.
EXACT = 1e-12
# CMC curves that were stored in float32.
FLOAT32_CMC = 1e-6
# Cython codes, which also compute in float32.
FLOAT32 = 5e-6
FLOAT32_CMC_CODES = ("torchreid", "fastreid", "video_person_reid")

# What the golden files call a gallery and a code, and what the table calls them.
GALLERIES = {
    "all_12180": "given",
    "merged_11310": "given",
    "split_9330": "queries-removed",
    "full_gallery": "given",
    "junk_removed": "given",
    "junk_kept_as_distractor": "junk-kept",
    "junk_and_distractors_removed": "distractors-dropped",
}
CODES = {
    "torchreid_python": "torchreid",
    "torchreid_cython_float32_on_ranks": "torchreid",
    "torchreid_cython_float32_on_distances": "torchreid",
    "fastreid_python": "fast-reid",
    "fastreid_cython_float32_on_ranks": "fast-reid",
    "video_person_reid_python": "Video-Person-ReID",
    "ap3d_python": "AP3D",
    "openreid_sklearn_1.9": "open-reid (scikit-learn >= 0.19)",
    "openreid_pr_curve_auc": "open-reid (scikit-learn <= 0.18)",
    "triplet_reid_market_ap": "triplet-reid (market switch)",
    "triplet_reid_sklearn_ap": "triplet-reid (scikit-learn >= 0.19)",
    "layumi_python": "layumi",
}
# The others were printed by the code of the re-ranking paper.
OFFICIAL = {"mars_s1": "MARS MATLAB"}

NAMES = ["mars_s1", "market_s1", "duke_s1", "cuhk03np_detected_s1", "synth_nomatch_s1"]


def skip_without_shared(name: str) -> Any:
    needed = not name.startswith("synth")
    reason = "needs the shared golden files; REIDBENCH_GOLDEN names their folder"
    is_missing = not is_here(name) or (needed and not (SHARED / "data").is_dir())
    return pytest.param(name, marks=pytest.mark.skipif(is_missing, reason=reason))


golden_cases = pytest.mark.parametrize("name", [skip_without_shared(name) for name in NAMES])


@functools.cache
def golden(name: str) -> tuple[dict[str, Any], Case, list[Convention]]:
    file = load(name)
    case = build(file["recipe"])
    rows = mars_labels()[1] if name == "mars_s1" else None
    return file, case, conventions(search(*case.inputs), query_rows=rows)


def pick(table: list[Convention], gallery: str, code: str, cmc: str = "market") -> Convention:
    """Return the one row that a toolbox names."""
    (found,) = [row for row in table if row.gallery == gallery and code in row.used_by and row.cmc == cmc]
    return found


def assert_printed(table: list[Convention], gallery: str, code: str, printed: dict[str, Any]) -> None:
    """Compare what a published code printed with the row that names it, as closely as its arithmetic allows."""
    row = pick(table, gallery, CODES[code])
    near = FLOAT32 if "cython" in code else EXACT
    assert row.map == pytest.approx(printed["mAP"], abs=near), (gallery, code)
    assert row.minp == pytest.approx(printed.get("mINP", row.minp), abs=near), (gallery, code)
    assert row.queries_in_map == printed.get("n_ap", row.queries_in_map)
    assert row.queries_without_match == printed.get("queries_without_match", row.queries_without_match)
    cmc = printed.get("cmc_market1501", printed.get("cmc", []))
    near = max(near, FLOAT32_CMC if code.startswith(FLOAT32_CMC_CODES) else EXACT)
    assert row.curve[: len(cmc)] == pytest.approx(cmc, abs=near), (gallery, code)
    if "cmc_allshots" in printed:
        row = pick(table, gallery, CODES[code], "allshots")
        assert row.curve == pytest.approx(printed["cmc_allshots"], abs=EXACT), (gallery, code)
        assert row.map == pytest.approx(printed["mAP"], abs=EXACT)


@golden_cases
def test_every_published_code_finds_its_figures_in_the_row_that_names_it(name: str) -> None:
    file, _, table = golden(name)
    for gallery, codes in file["evaluators"].items():
        for code, printed in codes.items():
            assert_printed(table, GALLERIES[gallery], code, printed)


@golden_cases
def test_the_official_figures_are_in_the_row_of_the_official_code(name: str) -> None:
    file, case, table = golden(name)
    row = pick(table, "given", OFFICIAL.get(name, "re-ranking MATLAB"))
    assert row.map == pytest.approx(file["official"]["mAP"], abs=EXACT)
    assert row.curve == pytest.approx(file["official"]["cmc"][:50], abs=EXACT)
    assert row.queries == file["official"].get("queries_counted", len(case.q_pid))
    assert row.queries - row.queries_without_match == file["official"]["valid_queries"]
    # Null means NaN.
    if "mAP_of_the_mars_variant" in file["official"]:
        assert math.isnan(pick(table, "given", "MARS MATLAB").map)


@pytest.mark.parametrize("name", [skip_without_shared("mars_s1")])
def test_junk_that_was_dropped_before_gives_the_same_figures(name: str) -> None:
    file, case, table = golden(name)
    keep = case.g_pid != -1
    query, gallery, q_pid, g_pid, q_cam, g_cam = case.inputs
    merged = conventions(search(query, gallery[keep], q_pid, g_pid[keep], q_cam, g_cam[keep]))

    assert {row.gallery for row in merged} == {"given", "distractors-dropped"}
    for code, printed in file["evaluators"]["merged_11310"].items():
        assert_printed(merged, "given", code, printed)
    official = pick(table, "given", "MARS MATLAB")
    assert pick(merged, "given", "MARS MATLAB") == official
    assert official.gallery_size == 11310
    assert pick(table, "queries-removed", "torchreid").gallery_size == 9330
    assert pick(table, "queries-removed", "torchreid").queries_without_match == 140


def hand_case(**others: Any) -> list[Convention]:
    # the first query has matches at ranks 2 and 4 behind a distractor, and junk is nearest; the second has no match
    labels = [1, 8], [-1, 0, 1, 2, 1], [1, 1], [2, 2, 2, 2, 2]
    return conventions(search(None, None, *labels, distances=[[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]), **others)


def test_a_case_worked_by_hand() -> None:
    rows = {row.name: row for row in hand_case()}
    plain, trapezoid = (1 / 2 + 2 / 4) / 2, ((1 / 2 + 0) / 2 + (2 / 4 + 1 / 3) / 2) / 2

    def figures(name: str) -> Any:
        row = rows[name]
        return [row.queries, row.queries_in_map, *row.curve[:4], row.map, row.minp]

    # the matches of `allshots` stand at 2 and, without the better match, at 3
    expected = {
        "given/non-interpolated/exclude/market": [1, 1, 0, 1, 1, 1, plain, 1 / 2],
        "given/trapezoid/miss/market": [2, 2, 0, 1 / 2, 1 / 2, 1 / 2, trapezoid / 2, 1 / 4],
        "given/trapezoid/curve-only/market": [2, 1, 0, 1 / 2, 1 / 2, 1 / 2, trapezoid, 1 / 2],
        "given/trapezoid/undefined/market": [2, 2, 0, 1 / 2, 1 / 2, 1 / 2, math.nan, math.nan],
        "given/non-interpolated/exclude/allshots": [1, 1, 0, 1 / 2, 1, 1, plain, 1 / 2],
        "junk-kept/non-interpolated/exclude/market": [1, 1, 0, 0, 1, 1, (1 / 3 + 2 / 5) / 2, 2 / 5],
        "distractors-dropped/non-interpolated/exclude/market": [1, 1, 1, 1, 1, 1, (1 + 2 / 3) / 2, 2 / 3],
    }
    for name, values in expected.items():
        assert figures(name) == pytest.approx(values, abs=EXACT, nan_ok=True), name


def test_every_combination_has_one_row_and_its_points_are_those_of_its_curve() -> None:
    table = hand_case()
    assert len({row.name for row in table}) == len(table) == 30
    for row in table:
        assert row.name.startswith(f"{row.gallery}/")
        assert len(row.curve) == 50
        assert (row.rank1, row.rank5, row.rank10, row.rank20) == tuple(
            row.curve[k - 1] for k in (1, 5, 10, 20)
        )
    named = [(row.gallery, row.cmc, code) for row in table for code in row.used_by]
    # No toolbox is in two rows of one gallery and kind of curve.
    assert len(set(named)) == len(named)


def test_small_cases_agree_with_evaluate_on_other_labels() -> None:
    random = np.random.default_rng(14)
    unmatched: Any
    for _ in range(30):
        labels = random_labels(random)
        matrix = random.integers(0, 9, (len(labels.query_pids), len(labels.gallery_pids)))
        pids = np.array(labels.gallery_pids)
        treated = {
            "given": pids,
            "junk-kept": np.where(pids == -1, 0, pids),
            "distractors-dropped": np.where(pids == 0, -1, pids),
        }
        rows = {row.name: row for row in conventions(search(None, None, *labels, distances=matrix))}
        for gallery, unmatched in itertools.product(
            {row.gallery for row in rows.values()}, ("exclude", "miss")
        ):
            ruled = labels.query_pids, treated[gallery], labels.query_camids, labels.gallery_camids
            scores = evaluate(None, None, *ruled, distances=matrix, unmatched=unmatched)
            curve = [scores.cmc(k) for k in (1, 2, 3, 5, 10, 50)]
            for average_precision, mean in (
                ("non-interpolated", scores.map),
                ("trapezoid", scores.map_trapezoid),
            ):
                row = rows[f"{gallery}/{average_precision}/{unmatched}/market"]
                found = [row.map, row.minp, *(row.curve[k - 1] for k in (1, 2, 3, 5, 10, 50))]
                np.testing.assert_allclose(found, [mean, scores.minp, *curve], rtol=0, atol=EXACT)
                assert row.queries_without_match == scores.queries_without_match


def test_a_gallery_that_cannot_differ_is_left_out() -> None:
    table = conventions(search(None, None, [1], [1, 2], [1], [2, 2], distances=[[1, 2]]), query_rows=[-1])

    assert {row.gallery for row in table} == {"given"}


def test_queries_leave_the_gallery_also_for_each_other() -> None:
    # Each query is the only match of the other.
    labels = [1, 1], [1, 1, 2], [1, 2], [1, 2, 3]
    table = conventions(search([[0.0], [1.0]], [[0.0], [1.0], [5.0]], *labels), query_rows=[0, 1])

    given, removed = (pick(table, gallery, "torchreid") for gallery in ("given", "queries-removed"))
    assert (given.rank1, given.queries, given.gallery_size) == (1, 2, 3)
    assert (removed.queries, removed.queries_without_match, removed.gallery_size) == (0, 2, 1)
    assert math.isnan(removed.rank1)
    assert math.isnan(removed.map)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([1], "query_rows has 1 rows for 2 queries"),
        ([0, 5], "rows of the gallery, 0 to 4, or -1, got 5"),
        ([-2, 0], "got -2"),
        ([-1, 2], "query 1 is not row 2 of the gallery, which is person 1 in camera 2"),
    ],
)
def test_query_rows_that_cannot_be_are_refused(rows: list[int], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        hand_case(query_rows=rows)
