"""What must not change the figures: order, copies, units, blocks, settings of the machine."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from reidbench.evaluation import Scores, evaluate
from reidbench.evaluation.exact import distances, pairs, ranking, tally

# Not a multiple of what any matrix product works in.
LENGTH = 300


class Case:
    """Features with junk, distractors and unmatched queries, on which a method would do middling well."""

    def __init__(self, seed: int = 0, dtype: Any = np.float32) -> None:
        random = np.random.default_rng(seed)
        self.pids, self.camids = random.integers(-1, 30, LENGTH), random.integers(0, 4, LENGTH)
        self.query_pids, self.query_camids = random.integers(1, 32, 37), random.integers(0, 4, 37)
        looks = random.normal(size=(33, 21))
        self.query = (looks[self.query_pids] + random.normal(size=(37, 21))).astype(dtype)
        self.gallery = (looks[self.pids] + random.normal(size=(LENGTH, 21))).astype(dtype)

    def scores(self, order: Any = slice(None), **options: Any) -> Scores:
        return evaluate(
            options.pop("query", self.query),
            options.pop("gallery", self.gallery)[order],
            self.query_pids,
            self.pids[order],
            self.query_camids,
            self.camids[order],
            **options,
        )


def tree_sum(terms: Any) -> Any:
    """Add up the last axis in halves, filled up with zeros to a power of two."""
    width = 1 << (terms.shape[-1] - 1).bit_length()
    terms = np.pad(terms, [(0, 0)] * (terms.ndim - 1) + [(0, width - terms.shape[-1])])
    while terms.shape[-1] > 1:
        half = terms.shape[-1] // 2
        terms = terms[..., :half] + terms[..., half:]
    return terms[..., 0]


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(dtype=request.param)


def assert_same(one: Scores, other: Scores) -> None:
    pd.testing.assert_frame_equal(one.per_query, other.per_query, check_exact=True)
    assert (one.gallery, one.chance_rank1) == (other.gallery, other.chance_rank1)


def test_gallery_order_does_not_change_ranks(case: Case) -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        assert_same(case.scores(), case.scores(random.permutation(LENGTH)))


def test_gallery_order_does_not_change_ranks_of_near_ties() -> None:
    case = Case()
    # All within the rounding of float32.
    case.gallery = case.gallery[:1] + 1e-6 * case.gallery
    random = np.random.default_rng(1)
    for _ in range(20):
        assert_same(case.scores(), case.scores(random.permutation(LENGTH)))


@pytest.fixture
def uneven_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let matrix products round by place, as far as their bound allows: the farther right, the larger."""
    product = distances._multiply

    def uneven(query: torch.Tensor, items: torch.Tensor, *, out: torch.Tensor) -> None:
        product(query, items, out=out)
        unit = query.shape[1] * 2.0**-24 * query.norm(dim=1, keepdim=True) * items.norm(dim=1)
        out += 0.9 * unit * torch.linspace(-1, 1, len(items))

    monkeypatch.setattr(distances, "_multiply", uneven)


def test_gallery_order_does_not_change_ranks_even_if_products_round_by_place(
    case: Case, uneven_products: None
) -> None:
    random = np.random.default_rng(1)
    for _ in range(5):
        assert_same(case.scores(), case.scores(random.permutation(LENGTH)))


def test_copies_are_equally_near_even_if_products_round_by_place(uneven_products: None) -> None:
    # Each of five items four times.
    gallery = np.tile(np.random.default_rng(0).normal(size=(5, 3)), (4, 1))
    pids, camids = np.repeat([1, 2, 2, 2], 5), np.ones(20, np.int64)
    for pid in (pids, pids[::-1]):
        scores = evaluate(gallery[:5], gallery, np.ones(5, np.int64), pid, np.zeros(5, np.int64), camids)
        # Its three wrong copies precede it.
        assert (scores.per_query["first_match_rank"] % 4 == 0).all()


def test_junk_does_not_change_ranks(case: Case) -> None:
    without = case.scores(case.pids != -1)
    assert_same(case.scores(), without)


def test_copies_of_an_item_are_equally_near_wherever_they_stand(case: Case) -> None:
    random = np.random.default_rng(2)
    for count in (1, 10, 500):
        query_pids, camids = [1], np.ones(count + 200, np.int64)
        match, others = case.gallery[:1], case.gallery[1:200]
        gallery = np.concatenate([match, others, np.repeat(match, count, axis=0)])
        pids = np.array([1] + [2] * (len(gallery) - 1))
        order = random.permutation(len(gallery))
        scores = evaluate(match, gallery[order], query_pids, pids[order], [0], camids[order])
        # The match behind all its copies.
        assert scores.per_query["first_match_rank"].tolist() == [1 + count]


def test_zero_and_minus_zero_are_copies() -> None:
    gallery = np.array([[0.0, 1.0], [-0.0, 1.0], [5.0, 5.0]], np.float32)
    scores = evaluate(np.ones((1, 2), np.float32), gallery, [1], [1, 2, 2], [0], [1, 1, 1])
    assert scores.per_query["first_match_rank"].tolist() == [2]


def test_a_constant_embedding_of_some_size_is_no_work() -> None:
    random = np.random.default_rng(5)
    labels = [random.integers(1, 100, 2000), random.integers(0, 100, 5000)]
    labels += [random.integers(0, 6, 2000), random.integers(0, 6, 5000)]
    flat = np.full((5000, 64), 0.3, np.float32)
    started = time.process_time()
    scores = evaluate(flat[:2000], flat, *labels)
    assert time.process_time() - started < 20
    table = scores.per_query
    assert (table["inp"] < 0.05).all()


@pytest.mark.parametrize("kind", ["collapsed", "few points", "one outlier", "huge offset"])
def test_degenerate_embeddings_are_ranked_as_by_their_exact_distances(kind: str) -> None:
    case, random = Case(seed=3), np.random.default_rng(6)
    # A grid of the last bits of a number.
    if kind == "collapsed":
        case.query, case.gallery = (1 + 1e-7 * side.round() for side in (case.query, case.gallery))
    elif kind == "few points":
        case.query, case.gallery = (
            np.tile(random.integers(0, 2, (len(side), 1)), 21) for side in (case.query, case.gallery)
        )
    elif kind == "one outlier":
        case.gallery[7] = 1e6
    else:
        case.query, case.gallery = case.query + 1e6, case.gallery + 1e6
    case.query, case.gallery = case.query.astype(np.float32), case.gallery.astype(np.float32)
    difference = case.query.astype(np.float64)[:, None] - case.gallery.astype(np.float64)
    labels = case.query_pids, case.pids, case.query_camids, case.camids
    expected = evaluate(None, None, *labels, distances=tree_sum(difference**2))
    for share in (slice(None), random.permutation(LENGTH)):
        assert_same(expected, case.scores(share))


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e30, -3.3])
def test_a_constant_embedding_gets_the_worst_value(case: Case, constant: float) -> None:
    flat = case.scores(query=np.full_like(case.query, constant), gallery=np.full_like(case.gallery, constant))
    worst = case.scores(gallery=case.gallery)
    table = flat.per_query[flat.per_query["matches"] > 0]
    for row in table.itertuples():
        admissible = (case.pids != -1) & ~((case.pids == row.pid) & (case.camids == row.camid))
        assert row.first_match_rank == admissible.sum() - row.matches + 1
        assert row.inp == row.matches / admissible.sum()
    assert flat.map < worst.map


@pytest.mark.parametrize("factor", [2.0, 2.0**-40, 2.0**70])
def test_the_unit_of_the_features_does_not_matter(case: Case, factor: float) -> None:
    scale = case.query.dtype.type(factor)
    assert_same(case.scores(), case.scores(query=case.query * scale, gallery=case.gallery * scale))


@pytest.mark.parametrize("largest", [1e-300, 1e-40, 1e38, 1e300])
def test_features_at_the_ends_of_the_number_range_are_ranked(largest: float) -> None:
    dtype = np.float64 if largest in (1e-300, 1e300) else np.float32
    query = np.array([[largest, 0.0]], dtype)
    gallery = (np.array([[0.9, 0.1], [0.5, 0.5], [-1.0, 0.0]]) * largest).astype(dtype)
    scores = evaluate(query, gallery, [1], [2, 1, 2], [0], [1, 1, 1])
    assert scores.per_query["first_match_rank"].tolist() == [2]


def test_a_shift_of_all_features_costs_no_precision() -> None:
    case = Case(dtype=np.float64)
    shift = 1000.0
    query, gallery = (case.query + shift).astype(np.float32), (case.gallery + shift).astype(np.float32)
    expected = case.scores(query=query.astype(np.float64), gallery=gallery.astype(np.float64))
    assert_same(expected, case.scores(query=query, gallery=gallery))


@pytest.fixture(params=[0.0, 0.15, 1.0], ids=["sorted", "mixed", "searched"])
def tiny_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every loop over blocks take many turns, and count in one way or the other."""
    monkeypatch.setattr(distances, "_QUERIES", 5)
    monkeypatch.setattr(distances, "_PART_ELEMENTS", 100)
    monkeypatch.setattr(distances, "_DEPTH", 3)
    monkeypatch.setattr(distances, "_ITEMS", 8)
    monkeypatch.setattr(distances, "_KEPT_BYTES", 0)
    monkeypatch.setattr(pairs, "_BLOCK_BYTES", 8 * LENGTH * 5)
    monkeypatch.setattr(pairs.MatrixRows, "height", 7)
    monkeypatch.setattr(ranking, "_BLOCK_ELEMENTS", 3 * 64)
    monkeypatch.setattr(ranking, "_BLOCK_QUERIES", 3)
    monkeypatch.setattr(ranking, "PAIR_LIMIT", 50)
    monkeypatch.setattr(tally, "PAIR_LIMIT", 50)
    monkeypatch.setattr(tally, "_SPARSE_SHARE", request.param)


@pytest.mark.parametrize("elements", [1, 40, 333, 5000, 1 << 21])
@pytest.mark.parametrize("share", [0.0, 0.15, 1.0])
def test_blocks_of_any_size_give_the_same_bits(
    case: Case, elements: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = case.scores()
    monkeypatch.setattr(ranking, "_BLOCK_ELEMENTS", elements)
    monkeypatch.setattr(tally, "_SPARSE_SHARE", share)
    assert_same(expected, case.scores())


def whole_numbers() -> Case:
    case = Case(dtype=np.float64)
    case.query, case.gallery = np.rint(100 * case.query), np.rint(100 * case.gallery)
    case.gallery[100:200] = case.gallery[:100]
    return case


@pytest.fixture
def in_one_block() -> Scores:
    return whole_numbers().scores()


def test_items_inside_the_bounds_of_a_match_are_decided_exactly() -> None:
    random = np.random.default_rng(7)
    for _ in range(20):
        query = random.normal(size=(1, 33)).astype(np.float32)
        direction = random.normal(size=(200, 33))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        radius = 3 * (
            1 + random.integers(-3, 4, (200, 1)) * 1e-7
            # Far below the resolution of a float32 product.
        )
        gallery = (query + radius * direction).astype(np.float32)
        exact = tree_sum((query.astype(np.float64) - gallery.astype(np.float64)) ** 2)
        pids, camids = random.integers(0, 3, 200), np.ones(200, np.int64)
        expected = evaluate(None, None, [1], pids, [0], camids, distances=exact[None])
        assert_same(expected, evaluate(query, gallery, [1], pids, [0], camids))


def adversarial(kind: str, dimensions: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(8)
    query, gallery = (torch.randn(50, dimensions, generator=generator) for _ in range(2))
    # Rounding in a sum of equal terms goes one way.
    if kind == "constants":
        query, gallery = (side[:, :1].expand(50, dimensions).contiguous() for side in (query, gallery))
    elif kind == "wide range":
        query, gallery = (side.sign() * 10 ** (3 * side) for side in (query, gallery))
    elif kind == "cancelling":
        query[:, 1::2], gallery[:, 1::2] = query[:, ::2], -gallery[:, ::2]
    elif kind == "large offset":
        query, gallery = query + 1e4, gallery + 1e4
    return query, gallery


def largest_square(query: torch.Tensor, gallery: torch.Tensor) -> float:
    return max(float(side.double().square().sum(dim=1).max()) for side in (query, gallery))


@pytest.mark.parametrize("kind", ["noise", "constants", "wide range", "cancelling", "large offset"])
@pytest.mark.parametrize("dimensions", [2, 500, 4000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_bounds_hold(kind: str, dimensions: int, dtype: torch.dtype) -> None:
    query, gallery = (side.to(dtype) for side in adversarial(kind, dimensions))
    rows = distances.FeatureRows(query, gallery, torch.arange(50), device=torch.device("cpu"))
    block, every = rows.read(slice(0, 50), slice(0, 50)), torch.arange(50)
    exact = rows.exact(every.repeat_interleave(50), every.repeat(50)).view(50, 50)
    assert exact.numpy() == pytest.approx(
        rows.scale**2 * tree_sum((query.double()[:, None] - gallery.double()).numpy() ** 2), rel=0, abs=0
    )
    close, slack = rows.close(every.repeat_interleave(50), every.repeat(50))
    assert ((close - exact.view(-1)).abs() <= slack).all()
    # The bound is no more than 4 (D + 64) times the unit roundoff of float64.
    assert (slack <= (dimensions + 64) * 2.0**-49 * (rows.scale**2) * largest_square(query, gallery)).all()
    keys, low = (
        exact - rows.offsets(slice(0, 50))[:, None],
        block.values.double() - block.query_slack[:, None],
    )
    assert (low <= keys).all()
    assert (keys <= low + 2 * block.query_slack[:, None] + block.item_slack).all()
    assert (rows.whole(slice(0, 50)).double() - keys).abs().max() <= (
        block.query_slack.max() + block.item_slack.max()
    )


def test_threads_of_an_evaluation_leave_the_number_of_threads(tiny_blocks: None) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        whole_numbers().scores()
        with ThreadPoolExecutor(1) as pool:
            assert (torch.get_num_threads(), pool.submit(torch.get_num_threads).result()) == (3, 3)
    finally:
        torch.set_num_threads(before)


def test_blocks_over_both_axes_give_the_same(in_one_block: Scores, tiny_blocks: None) -> None:
    assert_same(in_one_block, whole_numbers().scores())


def test_blocks_over_both_axes_give_the_same_for_matrices(in_one_block: Scores, tiny_blocks: None) -> None:
    case = whole_numbers()
    matrix = torch.cdist(torch.tensor(case.query), torch.tensor(case.gallery)).square().round()
    labels = case.query_pids, case.pids, case.query_camids, case.camids
    assert_same(in_one_block, evaluate(None, None, *labels, distances=matrix))


def test_the_number_of_threads_does_not_matter() -> None:
    case, threads = whole_numbers(), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone = case.scores()
    finally:
        torch.set_num_threads(threads)
    assert_same(alone, case.scores())


def test_permission_for_imprecise_products_is_suspended_and_given_back(case: Case) -> None:
    expected, before = case.scores(), torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert_same(expected, case.scores())
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_autocast_does_not_reach_the_distances(case: Case) -> None:
    expected = case.scores()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_same(expected, case.scores())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", ["float32", "float64", "near ties", "whole numbers"])
def test_a_gpu_gives_the_same_bits(kind: str) -> None:
    case = (
        whole_numbers()
        if kind == "whole numbers"
        else Case(dtype="float64" if kind == "float64" else "float32")
    )
    if kind == "near ties":
        case.gallery = case.gallery[:1] + np.float32(1e-6) * case.gallery
    assert_same(case.scores(), case.scores(device="cuda"))
    on_device = torch.tensor(case.query).cuda(), torch.tensor(case.gallery).cuda()
    assert_same(case.scores(), case.scores(query=on_device[0], gallery=on_device[1]))
