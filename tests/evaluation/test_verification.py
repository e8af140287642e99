from __future__ import annotations

import bisect
import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from reidbench.errors import ConfigError
from reidbench.evaluation import verification
from reidbench.evaluation.verification import tar_at_far

from .oracle import Labelled, random_labels, squared_distances
from .searches import search

FARS = (0.0, 0.05, 1 / 3, 0.5, 1.0)

# one query of person 1 in camera 1; matches at 2, 4 and 6; four impostors at 3, 4, 5 and 7; junk is nearest
LABELS = [1], [-1, 1, 1, 1, 1, 2, 2, 0, 3], [1], [2, 1, 2, 2, 2, 1, 2, 2, 2]
DISTANCES = [[0.0, 0.5, 2.0, 4.0, 6.0, 3.0, 4.0, 5.0, 7.0]]


def consult(distances: Any, labels: Labelled, far: float) -> float:
    """Count impostors for each genuine pair."""
    genuine: list[Any] = []
    impostors: list[Any] = []
    for row, pid, cam in zip(distances, labels.query_pids, labels.query_camids, strict=True):
        for distance, person, camera in zip(row, labels.gallery_pids, labels.gallery_camids, strict=True):
            if person == -1 or (person == pid and camera == cam):
                continue
            (genuine if person == pid else impostors).append(distance)
    if not genuine or not impostors:
        return math.nan
    impostors.sort()
    accepted = [bisect.bisect_right(impostors, distance) / len(impostors) <= far for distance in genuine]
    return sum(accepted) / len(accepted)


def test_a_case_worked_by_hand() -> None:
    rates = tar_at_far(search(None, None, *LABELS, distances=DISTANCES), fars=(0, 0.25, 0.49, 0.5, 0.75, 1))

    # no impostor is as near as 2, two of four as 4 (one of them a tie), three of four as 6
    assert rates == pytest.approx({0: 1 / 3, 0.25: 1 / 3, 0.49: 1 / 3, 0.5: 2 / 3, 0.75: 1.0, 1: 1.0})


def test_a_collapsed_embedding_accepts_nobody() -> None:
    rates = tar_at_far(search(np.ones((1, 3)), np.ones((9, 3)), *LABELS), fars=(0, 0.5, 0.99, 1))

    assert rates == {0: 0.0, 0.5: 0.0, 0.99: 0.0, 1: 1.0}


def test_small_cases_with_many_ties_agree_with_counting() -> None:
    random = np.random.default_rng(5)
    for _ in range(300):
        labels = random_labels(random)
        matrix = random.integers(-3, 4, (len(labels.query_pids), len(labels.gallery_pids))) / 2
        rates = tar_at_far(search(None, None, *labels, distances=matrix), fars=FARS)
        expected = {far: consult(matrix.tolist(), labels, far) for far in FARS}
        assert rates == pytest.approx(expected, abs=1e-15, nan_ok=True)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.int64], ids=str)
def test_features_agree_with_distances_in_exact_fractions(dtype: torch.dtype) -> None:
    random = np.random.default_rng(6)
    for _ in range(60):
        labels = random_labels(random)
        dimensions = int(random.integers(1, 6))
        query = torch.from_numpy(random.integers(0, 4, (len(labels.query_pids), dimensions))).to(dtype)
        gallery = torch.from_numpy(random.integers(0, 4, (len(labels.gallery_pids), dimensions))).to(dtype)
        exact = squared_distances(query.numpy(), gallery.numpy())
        rates = tar_at_far(search(query, gallery, *labels), fars=FARS)
        expected = {far: consult(exact, labels, far) for far in FARS}
        assert rates == pytest.approx(expected, abs=1e-15, nan_ok=True)


def test_distances_of_different_queries_are_compared() -> None:
    # each query ranks its match first, but the match of the second is farther than the impostor of the first
    labels = [1, 2], [1, 2], [1, 1], [2, 2]

    assert tar_at_far(search(None, None, *labels, distances=[[1, 5], [9, 6]]), fars=(0,)) == {0: 0.5}


@pytest.mark.parametrize(
    "gallery_pids",
    [[2, 3], [1, 1], [-1, -1]],
    ids=["no genuine pair", "no impostor", "junk only"],
)
def test_without_pairs_of_a_kind_there_is_no_rate(gallery_pids: list[int]) -> None:
    labels = [1], gallery_pids, [1], [2, 2]
    rates = tar_at_far(search(None, None, *labels, distances=[[1, 2]]), fars=(0.1, 1))

    assert list(rates) == [0.1, 1]
    assert all(math.isnan(rate) for rate in rates.values())


def large_case() -> tuple[Any, Any, Labelled]:
    random = np.random.default_rng(7)
    labels = Labelled(
        query_pids=random.integers(1, 9, 40).tolist(),
        gallery_pids=random.integers(-1, 9, 150).tolist(),
        query_camids=random.integers(0, 3, 40).tolist(),
        gallery_camids=random.integers(0, 3, 150).tolist(),
    )
    return random.normal(size=(40, 7)), random.normal(size=(150, 7)), labels


def test_blocks_and_the_order_of_the_gallery_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    query, gallery, labels = large_case()
    expected = tar_at_far(search(query, gallery, *labels))
    assert 0 < expected[0.001] < expected[0.01] < expected[0.1] < 1

    order = np.random.default_rng(8).permutation(150)
    pids, camids = np.array(labels.gallery_pids)[order], np.array(labels.gallery_camids)[order]
    monkeypatch.setattr(verification, "_BLOCK_ELEMENTS", 450)
    monkeypatch.setattr(verification, "_PENDING", 10)

    assert (
        tar_at_far(search(query, gallery[order], labels.query_pids, pids, labels.query_camids, camids))
        == expected
    )


def test_a_pair_scorer_and_a_ready_matrix_agree_with_the_features() -> None:
    query, gallery, labels = large_case()
    rows, items = torch.from_numpy(query), torch.from_numpy(gallery)

    def scorer(queries: slice, columns: slice) -> Tensor:
        return (rows[queries, None] - items[None, columns]).square().sum(dim=2)

    expected = tar_at_far(search(query, gallery, *labels))
    assert tar_at_far(search(None, None, *labels, scorer=scorer, block=(7, 11))) == pytest.approx(expected)
    matrix = scorer(slice(None), slice(None)).sqrt()
    assert tar_at_far(search(None, None, *labels, distances=matrix)) == pytest.approx(expected)


@pytest.mark.parametrize("levels", [2, 3, 1000], ids=["two levels", "three levels", "fine"])
def test_distances_near_a_threshold_are_compared_exactly_in_little_memory(
    levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(15)
    _, _, labels = large_case()
    query, gallery = (
        (random.integers(0, levels, (count, 5)) * 1.1 + 100).astype(np.float32) for count in (40, 150)
    )
    exact = squared_distances(query, gallery)
    order = {distance: index for index, distance in enumerate(sorted(set(itertools.chain(*exact))))}
    numbered = [[order[distance] for distance in row] for row in exact]
    kept = []
    drop_far_pairs = verification._Nearest._drop_far_pairs

    def watch(nearest: Any) -> None:
        drop_far_pairs(nearest)
        kept.append(len(nearest._low))

    monkeypatch.setattr(verification, "_BLOCK_ELEMENTS", 450)
    monkeypatch.setattr(verification, "_PENDING", 10)
    monkeypatch.setattr(verification._Nearest, "_drop_far_pairs", watch)
    for far in (0.001, 0.01, 0.1, 0.5):
        kept.clear()
        rates = tar_at_far(search(query, gallery, *labels), fars=(far,))
        assert rates == {far: pytest.approx(consult(numbered, labels, far), abs=1e-15)}
        assert max(kept) <= 2 * (far * 40 * 150 + 1) + 5


@pytest.mark.parametrize(
    ("far", "impostors", "count"), [(0.29, 100, 29), (0.1, 30, 3), (0.07, 100, 7), (1, 5, 5), (0, 5, 0)]
)
def test_decimal_rate_accepts_the_exact_number_of_impostors(far: float, impostors: int, count: int) -> None:
    assert verification._count_allowed(far, impostors) == count


@pytest.mark.parametrize(("fars", "got"), [((0.1, 1.5), "1.5"), ((math.nan,), "nan")])
def test_a_rate_outside_of_0_to_1_raises_config_error(fars: Any, got: str) -> None:
    with pytest.raises(ConfigError, match=rf"fars must be in \[0, 1\], got {got}"):
        tar_at_far(search(None, None, [1], [1, 2], [1], [2, 2], distances=[[1, 2]]), fars=fars)
