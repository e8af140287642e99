from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reidbench.attention.shares import (
    OCCLUDED_WEIGHT,
    SHARES,
    TrackletAttention,
    cell_shares,
    summarize_attention,
    tracklet_attention,
)
from reidbench.errors import FeatureError
from reidbench.plugin import Attention

# The left half of (4, 8).
LEFT_PERSON = np.repeat([[1, 0]], 4, axis=0).repeat(4, axis=1).astype(np.uint8)
OCCLUDED = np.array(LEFT_PERSON)
# An occluder covers the lower half of the person: 50 %.
OCCLUDED[2:] *= 2
BARELY = np.ones((10, 10), np.uint8)
# 9 % is neither occluded nor clear.
BARELY[0, :9] = 2


def maps(*rows: list[list[float]]) -> torch.Tensor:
    """Return one map per frame, (F, 1, h, w)."""
    return torch.tensor(rows)[:, None]


def shares(attention: Attention, masks: list[Any]) -> dict[str, float]:
    result = tracklet_attention(attention, masks, pid=1).shares
    assert result is not None
    return dict(zip(SHARES, result, strict=True))


def item(pid: int, person: float, weights: tuple[float, float] | None = None) -> TrackletAttention:
    rest = (0.0, 1 - person, 0.4, 0.0, 0.6)
    return TrackletAttention(pid=pid, frames=2, occluded=1, clear=1, shares=(person, *rest), weights=weights)


def test_attention_on_the_person_alone_has_share_1() -> None:
    result = shares(Attention(frames=torch.tensor([0]), spatial=maps([[1.0, 0.0]])), [LEFT_PERSON])

    assert result["person"] == pytest.approx(1)
    assert (result["in_front"], result["background"]) == pytest.approx((0, 0))
    assert result["person_area"] == result["background_area"] == pytest.approx(0.5)


def test_a_cell_counts_for_each_class_by_area() -> None:
    """The attention of the left column is half on the person and half on the occluder."""
    result = shares(Attention(frames=torch.tensor([0]), spatial=maps([[0.8, 0.2]])), [OCCLUDED])

    assert (result["person"], result["in_front"], result["background"]) == pytest.approx((0.4, 0.4, 0.2))
    assert (result["person_area"], result["in_front_area"]) == pytest.approx((0.25, 0.25))


@given(
    mask=st.integers(0, 2**32 - 1),
    grid=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    extent=st.tuples(*[st.floats(0, 0.45)] * 2, *[st.floats(0.55, 1)] * 2),
)
def test_equal_weights_have_the_shares_of_the_area(
    mask: int, grid: tuple[int, int], extent: tuple[float, float, float, float]
) -> None:
    masks = [np.random.default_rng(mask).integers(0, 3, (11, 7)).astype(np.uint8)]
    height, width = grid
    even = torch.full((1, 2, height, width), 1 / (height * width), dtype=torch.float64)

    result = shares(Attention(frames=torch.tensor([0]), spatial=even, extent=extent), masks)

    for name in ("person", "in_front", "background"):
        assert result[name] == pytest.approx(result[f"{name}_area"])
    assert sum(result.values()) == pytest.approx(2)


def test_cells_aligned_with_pixels_are_means_of_pixels() -> None:
    mask = np.random.default_rng(0).integers(0, 3, (8, 6)).astype(np.uint8)

    cells = cell_shares(mask, (4, 2))

    blocks = mask.reshape(4, 2, 2, 3)
    expected = [[(blocks[y, :, x] == 1).mean() for x in range(2)] for y in range(4)]
    np.testing.assert_allclose(cells[1], expected)
    np.testing.assert_allclose(cells.sum(0), 1)


def test_cells_that_cut_pixels_count_them_by_area() -> None:
    """Two cells on three pixels: the first covers the first pixel and half of the second."""
    cells = cell_shares(np.array([[1, 0, 2]], np.uint8), (1, 2))

    np.testing.assert_allclose(cells[:, 0], [[1 / 3, 1 / 3], [2 / 3, 0], [0, 2 / 3]])


def test_maps_of_a_part_of_the_frame_are_measured_on_that_part() -> None:
    upper = Attention(frames=torch.tensor([0]), spatial=maps([[1.0]]), extent=(0, 0, 0.5, 0.5))

    result = shares(upper, [OCCLUDED])

    assert (result["person"], result["person_area"], result["in_front_area"]) == pytest.approx((1, 1, 0))


def test_shares_are_means_over_maps_and_frames() -> None:
    # Shares of the person: 1 and 0 in the first frame, 1 and 1 in the second.
    spatial = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]], [[[1.0, 0.0]], [[1.0, 0.0]]]])
    result = shares(Attention(frames=torch.tensor([0, 1]), spatial=spatial), [LEFT_PERSON] * 2)

    assert result["person"] == pytest.approx(0.75)


def test_weights_are_means_over_occluded_and_clear_frames() -> None:
    temporal = torch.tensor([[0.1, 0.5, 0.4], [0.3, 0.3, 0.4]])
    both = Attention(frames=torch.arange(3), temporal=temporal)

    result = tracklet_attention(both, [OCCLUDED, LEFT_PERSON, BARELY], pid=7)

    assert (result.pid, result.frames, result.occluded, result.clear) == (7, 3, 1, 1)
    assert result.weights == pytest.approx((3 * 0.2, 3 * 0.4))
    assert result.shares is None
    for masks in ([OCCLUDED] * 3, [LEFT_PERSON] * 3, [LEFT_PERSON, BARELY, BARELY]):
        assert tracklet_attention(both, masks, pid=7).weights is None


def test_equal_weights_of_frames_are_1() -> None:
    even = Attention(frames=torch.arange(4), temporal=torch.full((1, 4), 0.25))

    assert tracklet_attention(even, [OCCLUDED, *[LEFT_PERSON] * 3], pid=1).weights == pytest.approx((1, 1))


def test_a_frame_without_a_person_is_clear() -> None:
    empty = np.zeros((4, 4), np.uint8)
    result = tracklet_attention(Attention(frames=torch.arange(1), temporal=torch.ones(1, 1)), [empty], pid=1)

    assert (result.occluded, result.clear) == (0, 1)


def test_summary_has_mean_std_and_interval_over_trials_and_people() -> None:
    trials = [
        [item(1, 0.2, (0.5, 1.0)), item(1, 0.4), item(2, 0.6, (0.25, 0.5))],
        [item(1, 0.8, (1.0, 1.0)), item(2, 0.8, (1.0, 1.0))],
    ]

    result = summarize_attention([trials])

    assert list(result) == [*SHARES, OCCLUDED_WEIGHT]
    assert result["person"].mean == pytest.approx((0.4 + 0.8) / 2)
    assert result["person"].std == pytest.approx(0.4 / np.sqrt(2))
    assert result["person_area"].mean == pytest.approx(0.4)
    assert (result["person_area"].low, result["person_area"].high) == pytest.approx((0.4, 0.4))
    assert result[OCCLUDED_WEIGHT].mean == pytest.approx((0.5 + 1) / 2)
    assert result[OCCLUDED_WEIGHT].low == pytest.approx(0.5)
    assert result[OCCLUDED_WEIGHT].high == pytest.approx(1)


def test_interval_resamples_people_not_tracklets() -> None:
    random = np.random.default_rng(1)
    values = random.random(30)
    means = [values[random.integers(30, size=30)].mean() for _ in range(20_000)]

    each_once = [item(pid, value) for pid, value in enumerate(values)]
    for trial in (each_once, each_once * 5):
        result = summarize_attention([[trial]], draws=20_000)["person"]
        assert (result.low, result.high) == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.005)
        assert result.std is None


@pytest.mark.parametrize("weights", [None, (1.0, 0.0)], ids=["no-weights", "clear-frames-have-weight-0"])
def test_an_undefined_ratio_is_none(weights: tuple[float, float] | None) -> None:
    result = summarize_attention([[[item(1, 0.5, weights), item(2, 0.5, weights)]]])[OCCLUDED_WEIGHT]

    assert (result.mean, result.std, result.low, result.high) == (None, None, None, None)


def test_shares_without_maps_are_undefined() -> None:
    bare = TrackletAttention(pid=1, frames=2, occluded=1, clear=1, shares=None, weights=(0.5, 1.0))

    result = summarize_attention([[[bare]]])

    assert result["person"].mean is None
    assert result[OCCLUDED_WEIGHT].mean == pytest.approx(0.5)
    # One person has no interval.
    assert result[OCCLUDED_WEIGHT].low is None


def test_a_summary_of_no_trials_raises_feature_error() -> None:
    with pytest.raises(FeatureError, match="no trials to summarize"):
        summarize_attention([])
