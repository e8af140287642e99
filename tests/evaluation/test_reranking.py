"""Re-ranking: against published code, against a dense oracle written from the equations, and its properties."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from reidbench.errors import ConfigError, FeatureError
from reidbench.evaluation import evaluate, evaluate_search, item_distances, reciprocal, reranking
from reidbench.evaluation.reranking import Reranked, RerankSettings, rerank, rerank_pairs

from .golden_inputs import SHARED, Case, build, load
from .searches import search

Floats = NDArray[np.float64]
Scorer = Callable[[slice, slice], torch.Tensor]

RUNS = load("rerank_s1")["runs"]
RUN_IDS = [f"k1={run['k1']}, k2={run['k2']}, lambda={run['lambda_value']}" for run in RUNS]
ARRAYS = SHARED / "golden" / "rerank_s1.npz"
needs_arrays = pytest.mark.skipif(
    not ARRAYS.exists(),
    reason="needs rerank_s1.npz of the shared golden files; REIDBENCH_GOLDEN names their folder",
)
EVERYTHING = slice(None), slice(None)
# Published codes compute in float32.
GOLDEN = 1e-6


@functools.cache
def golden_case() -> Case:
    return build(load("rerank_s1")["recipe"])


def settings_of(run: dict[str, Any]) -> RerankSettings:
    return RerankSettings(k1=run["k1"], k2=run["k2"], lambda_value=run["lambda_value"])


def squares_of(features: NDArray[Any]) -> Floats:
    """Squared distances (N, N), exact for whole numbers."""
    wide = features.astype(np.float64)
    squares: Floats = ((wide[:, None] - wide[None, :]) ** 2).sum(axis=2)
    return squares


def as_scorer(matrix: NDArray[Any]) -> Scorer:
    values = torch.from_numpy(matrix)
    return lambda rows, columns: values[rows, columns]


def rerank_golden(features: str, run: dict[str, Any]) -> Reranked:
    case, settings = golden_case(), settings_of(run)
    if features == "scores":
        distances = np.sqrt(squares_of(np.concatenate([case.q_feat, case.g_feat])))
        return rerank_pairs(as_scorer(distances), len(case.q_feat), len(case.g_feat), settings)
    return rerank(case.q_feat.astype(features), case.g_feat.astype(features), settings)


@needs_arrays
@pytest.mark.parametrize("features", ["float64", "float32", "scores"])
@pytest.mark.parametrize("run", RUNS, ids=RUN_IDS)
def test_distances_are_those_of_the_authors_python_code(run: dict[str, Any], features: str) -> None:
    with np.load(ARRAYS, allow_pickle=False) as arrays:
        expected = arrays[run["arrays"]["python_float32"]]

    distances = rerank_golden(features, run)(*EVERYTHING).numpy()

    assert np.abs(distances - expected).max() < GOLDEN


@needs_arrays
def test_scores_that_are_squares_are_squared_again_as_in_the_authors_code() -> None:
    case = golden_case()
    squares = squares_of(np.concatenate([case.q_feat, case.g_feat]))
    with np.load(ARRAYS, allow_pickle=False) as arrays:
        expected = arrays["torchreid_engine_input_0"]

    distances = rerank_pairs(as_scorer(squares), len(case.q_feat), len(case.g_feat))(*EVERYTHING).numpy()

    assert np.abs(distances - expected).max() < GOLDEN


@pytest.mark.parametrize("run", RUNS, ids=RUN_IDS)
def test_figures_after_re_ranking_are_those_of_the_authors_python_code(run: dict[str, Any]) -> None:
    case, expected = golden_case(), run["python_float32"]

    scores = evaluate_search(
        search(
            None, None, case.q_pid, case.g_pid, case.q_cam, case.g_cam, scorer=rerank_golden("float64", run)
        )
    )

    assert scores.map == pytest.approx(expected["mAP_rectangle_valid_queries"], abs=1e-12)
    assert scores.map_trapezoid == pytest.approx(expected["mAP_trapezoid_valid_queries"], abs=1e-12)
    curve = [scores.cmc(rank + 1) for rank in range(len(expected["cmc_valid_queries"]))]
    assert curve == pytest.approx(expected["cmc_valid_queries"], abs=1e-6)


def by_hand(squares: Floats, queries: int, settings: RerankSettings) -> Floats:
    """Write the paper's equations out with sets and dense rows; equals stand in the order of their indices."""
    items, k1, k2 = len(squares), settings.k1, settings.k2
    largest = squares.max(axis=1, keepdims=True)
    distances = squares / np.where(largest > 0, largest, 1)
    order = np.argsort(squares, axis=1, kind="stable")

    # eq. 3
    def reciprocal_sets(k: int) -> list[set[int]]:
        near = [set(row) for row in order[:, : k + 1].tolist()]
        return [{other for other in near[item] if item in near[other]} for item in range(items)]

    full, half = reciprocal_sets(k1), reciprocal_sets(int(np.around(k1 / 2)))
    encoding = np.zeros_like(squares)
    for item in range(items):
        mine = full[item]
        joined = set(mine)
        # eq. 5
        for other in mine:
            theirs = half[other]
            if len(theirs & mine) > 2 / 3 * len(theirs):
                joined |= theirs
        members = sorted(joined)
        # eq. 7
        weights = np.exp(-distances[item, members])
        encoding[item, members] = weights / weights.sum() if members else 0
    if k2 > 1:
        # eq. 11
        encoding = np.stack([encoding[order[item, :k2]].mean(axis=0) for item in range(items)])
    final = np.empty((queries, items - queries))
    for query in range(queries):
        shared = np.minimum(encoding[query], encoding[queries:]).sum(axis=1)
        # eq. 10, as in the code.
        jaccard = 1 - shared / (2 - shared)
        # eq. 12
        final[query] = (1 - settings.lambda_value) * jaccard
        final[query] += settings.lambda_value * distances[query, queries:]
    return final


def random_settings(random: np.random.Generator) -> RerankSettings:
    return RerankSettings(
        k1=int(random.integers(1, 50)),
        k2=int(random.choice([1, 2, 3, 6, 30])),
        lambda_value=float(random.choice([0, 0.3, 1, random.random()])),
    )


@pytest.mark.parametrize("seed", range(32))
def test_vectors_agree_with_the_equations_also_where_items_tie_or_are_copies(seed: int) -> None:
    random = np.random.default_rng(seed)
    items, settings = int(random.integers(2, 50)), random_settings(random)
    features = random.integers(-3, 4, (items, int(random.integers(1, 5))))
    queries = int(random.integers(1, items)) if seed % 4 else 1

    distances = rerank(features[:queries], features[queries:], settings)(*EVERYTHING)

    assert distances.dtype == torch.float64
    np.testing.assert_allclose(distances, by_hand(squares_of(features), queries, settings), atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_float32_vectors_agree_with_the_equations(seed: int) -> None:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(12, 64))
    features = (centres[random.integers(0, 12, 80)] + 0.8 * random.normal(size=(80, 64))).astype(np.float32)
    settings = random_settings(random)

    distances = rerank(features[:20], torch.from_numpy(features[20:]), settings)(*EVERYTHING)

    assert distances.dtype == torch.float32
    np.testing.assert_allclose(distances, by_hand(squares_of(features), 20, settings), atol=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_scorers_agree_with_the_equations_also_where_they_are_not_symmetric(seed: int) -> None:
    random = np.random.default_rng(seed)
    items, settings = int(random.integers(2, 40)), random_settings(random)
    matrix = random.integers(0, 12, (items, items)) / 2 if seed % 2 else random.random((items, items))
    queries = int(random.integers(1, items))

    reranked = rerank_pairs(as_scorer(matrix), queries, items - queries, settings, block=(7, 5))

    np.testing.assert_allclose(
        reranked(*EVERYTHING), by_hand(matrix**2, queries, settings), atol=1e-9, rtol=1e-9
    )


def test_a_case_worked_by_hand() -> None:
    # on a line: the query at 0, items at 1, 10 and 11; pairs (0, 1) and (10, 11) are reciprocal, nothing expands
    reranked = rerank([[0]], [[1], [10], [11]], RerankSettings(k1=1, k2=1, lambda_value=0.25))

    # Over the largest of 0 and of 1.
    of_query, of_item = math.exp(-1 / 121), math.exp(-1 / 100)
    shared = of_item / (1 + of_item) + of_query / (1 + of_query)
    expected = [0.75 * (1 - shared / (2 - shared)) + 0.25 / 121, 0.75 + 0.25 * 100 / 121, 1]
    assert reranked(*EVERYTHING).tolist()[0] == pytest.approx(expected, abs=1e-11)


def sample(*, items: int = 90, dimensions: int = 24, dtype: type = np.float32) -> NDArray[Any]:
    random = np.random.default_rng(5)
    centres = random.normal(size=(9, dimensions))[random.integers(0, 9, items)]
    features: NDArray[Any] = (centres + 0.7 * random.normal(size=(items, dimensions))).astype(dtype)
    return features


def test_blocks_of_any_size_and_order_give_the_same_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    features = sample()
    settings = RerankSettings(k1=8, k2=3)
    expected = rerank(features[:20], features[20:], settings)(*EVERYTHING)
    for module in (reranking, reciprocal):
        monkeypatch.setattr(module, "_BLOCK_ELEMENTS", 2000)
    monkeypatch.setattr(reranking, "_KEPT_ELEMENTS", 7 * 70)
    monkeypatch.setattr(item_distances, "_BOUNDS", 11 * 90)

    reranked = rerank(features[:20], features[20:], settings)

    slices = [slice(15, 20), slice(0, 9), slice(3, 5), slice(4, 11), slice(8, 9), slice(None), slice(4, 4)]
    for queries in slices:
        for gallery in (slice(0, 33), slice(33, 70), slice(None), slice(-1, None), slice(5, 5)):
            block = reranked(queries, gallery)
            assert block.shape == expected[queries, gallery].shape
            torch.testing.assert_close(block, expected[queries, gallery], rtol=0, atol=1e-6)


def test_blocks_that_a_caller_overwrites_stay_right_when_asked_again() -> None:
    features = sample()
    reranked = rerank(features[:20], features[20:])
    expected = reranked(slice(0, 4), slice(None)).clone()

    reranked(slice(0, 4), slice(None)).fill_(torch.inf)

    assert torch.equal(reranked(slice(0, 4), slice(None)), expected)


def test_the_order_of_gallery_and_queries_does_not_matter() -> None:
    features, random = sample(dtype=np.float64), np.random.default_rng(0)
    queries, gallery = random.permutation(20), random.permutation(70)
    expected = rerank(features[:20], features[20:])(*EVERYTHING)[queries][:, gallery]

    distances = rerank(features[:20][queries], features[20:][gallery])(*EVERYTHING)

    torch.testing.assert_close(distances, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e30])
def test_the_unit_of_features_does_not_matter(scale: float) -> None:
    features = sample(dtype=np.float64)
    expected = rerank(features[:20], features[20:])(*EVERYTHING)

    scaled = (features * scale).astype(np.float32)
    distances = rerank(scaled[:20], scaled[20:])(*EVERYTHING)

    torch.testing.assert_close(distances.double(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("lambda_value", [0.3, 1])
def test_copies_of_an_item_are_a_tie_to_the_last_bit(lambda_value: float) -> None:
    features = sample(items=100, dimensions=300)
    features[60:] = features[20:60]
    settings = RerankSettings(k1=99, k2=2, lambda_value=lambda_value)

    distances = rerank(features[:20], features[20:], settings)(*EVERYTHING)

    assert torch.equal(distances[:, 40:], distances[:, :40])


def test_with_a_lambda_of_one_the_original_ranking_comes_back() -> None:
    features, random = sample(dtype=np.float64), np.random.default_rng(1)
    pids, cams = random.integers(1, 9, 90), random.integers(0, 3, 90)
    labels = pids[:20], pids[20:], cams[:20], cams[20:]

    scores = evaluate_search(
        search(
            None,
            None,
            *labels,
            scorer=rerank(features[:20], features[20:], RerankSettings(lambda_value=1)),
            block=(3, 8),
        )
    )

    pd.testing.assert_frame_equal(scores.per_query, evaluate(features[:20], features[20:], *labels).per_query)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0])
def test_a_constant_embedding_gives_one_distance(value: float) -> None:
    features = np.full((600, 8), value, np.float32)

    distances = rerank(features[:50], features[50:])(*EVERYTHING)

    assert distances.min() == distances.max() == 0


def test_neighbourhoods_larger_than_all_items_hold_all_items() -> None:
    features = sample(items=12)
    # From 22 on, half of k1 is all items, too.
    sizes = [RerankSettings(k1=k, k2=12) for k in (22, 500)]

    left, right = (rerank(features[:3], features[3:], size)(*EVERYTHING) for size in sizes)

    assert torch.equal(left, right)


def test_a_scorer_is_called_in_blocks_and_no_more_often_than_promised() -> None:
    matrix = torch.from_numpy(np.sqrt(squares_of(sample())))
    calls = torch.zeros(90, 90)

    def scorer(rows: slice, columns: slice) -> torch.Tensor:
        calls[rows, columns] += 1
        assert rows.stop - rows.start <= 16
        assert columns.stop - columns.start <= 32
        return matrix[rows, columns].requires_grad_()

    reranked = rerank_pairs(scorer, 20, 70, block=(16, 32))
    assert (calls == 2).all()
    for start in range(0, 70, 10):
        assert not reranked(slice(0, 20), slice(start, start + 10)).requires_grad
    assert (calls[:20] == 3).all()
    assert (calls[20:] == 2).all()


def test_features_track_no_gradients() -> None:
    features = torch.from_numpy(sample()).requires_grad_()

    assert not rerank(features[:20], features[20:])(*EVERYTHING).requires_grad


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_agrees_with_the_cpu() -> None:
    features = sample(items=900, dimensions=128)
    expected = rerank(features[:200], features[200:])(*EVERYTHING)

    distances = rerank(features[:200], features[200:], device="cuda")(*EVERYTHING)
    assert distances.device.type == "cuda"
    torch.testing.assert_close(distances.cpu(), expected, rtol=0, atol=1e-6)

    scorer = as_scorer(np.sqrt(squares_of(features)))
    distances = rerank_pairs(scorer, 200, 700, device="cuda")(*EVERYTHING)
    torch.testing.assert_close(distances.cpu().float(), expected, rtol=0, atol=1e-6)


def test_rounding_may_take_a_score_just_below_zero() -> None:
    distances = np.sqrt(squares_of(sample(dtype=np.float64)))
    expected = rerank_pairs(as_scorer(distances), 20, 70)(*EVERYTHING)

    reranked = rerank_pairs(as_scorer(distances - 1e-9 * np.eye(90)), 20, 70)

    torch.testing.assert_close(reranked(*EVERYTHING), expected, rtol=0, atol=1e-12)


def test_bad_scores_are_refused_by_name() -> None:
    matrix = np.sqrt(squares_of(sample()))
    negative, broken = matrix.copy(), matrix.copy()
    negative[70, 3], broken[70, 3] = -0.5, np.nan

    with pytest.raises(
        FeatureError, match=r"pair scores of item 70 go down to -0\.5; .* they must be at least 0"
    ):
        rerank_pairs(as_scorer(negative), 20, 70)
    with pytest.raises(FeatureError, match="pair scores: row 70, column 3 is nan"):
        rerank_pairs(as_scorer(broken), 20, 70)
    with pytest.raises(FeatureError, match=r"the scorer must return the shape \(64, 90\), got \(5, 5\)"):
        rerank_pairs(lambda rows, columns: torch.zeros(5, 5), 20, 70)


def test_bad_sides_are_refused_by_name() -> None:
    features = sample()
    with pytest.raises(FeatureError, match="query_features has 23 dimensions, gallery_features has 24"):
        rerank(features[:20, 1:], features[20:])
    with pytest.raises(FeatureError, match="gallery_features has no rows"):
        rerank(features[:20], features[90:])
    with pytest.raises(FeatureError, match="query_features: row 3, column 1 is inf"):
        rerank(np.where(np.arange(480).reshape(20, 24) == 73, np.inf, features[:20]), features[20:])
    with pytest.raises(FeatureError, match="needs queries and a gallery, got 0 queries and 70 items"):
        rerank_pairs(as_scorer(features), 0, 70)
    with pytest.raises(FeatureError, match="blocks must have the step 1"):
        rerank(features[:20], features[20:])(slice(None, None, 2), slice(None))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"k1": 0}, "k1 must be a whole number of 1 or more, got 0"),
        ({"k2": 2.5}, r"k2 must be a whole number of 1 or more, got 2\.5"),
        ({"lambda_value": 1.5}, r"lambda_value must be in \[0, 1\], got 1\.5"),
        ({"lambda_value": math.nan}, r"lambda_value must be in \[0, 1\], got nan"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RerankSettings(**values)
