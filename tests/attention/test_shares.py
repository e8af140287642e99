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

LEFT_PERSON = np.repeat([[1, 0]], 4, axis=0).repeat(4, axis=1).astype(np.uint8)  # (4, 8): the left half
OCCLUDED = np.array(LEFT_PERSON)
OCCLUDED[2:] *= 2  # the lower half of the person is behind something: 50 %
BARELY = np.ones((10, 10), np.uint8)
BARELY[0, :9] = 2  # 9 % is neither occluded nor clear


def maps(*rows: list[list[float]]) -> torch.Tensor:
    """One map in each frame, (F, 1, h, w)."""
    return torch.tensor(rows)[:, None]


def shares(attention: Attention, masks: list[Any]) -> dict[str, float]:
    found = tracklet_attention(attention, masks, pid=1).shares
    assert found is not None
    return dict(zip(SHARES, found, strict=True))


def item(pid: int, person: float, weights: tuple[float, float] | None = None) -> TrackletAttention:
    rest = (0.0, 1 - person, 0.4, 0.0, 0.6)
    return TrackletAttention(pid=pid, frames=2, occluded=1, clear=1, shares=(person, *rest), weights=weights)


def test_all_mass_on_the_person_is_1_whatever_the_area() -> None:
    found = shares(Attention(frames=torch.tensor([0]), spatial=maps([[1.0, 0.0]])), [LEFT_PERSON])

    assert found["person"] == pytest.approx(1)
    assert (found["in_front"], found["background"]) == pytest.approx((0, 0))
    assert found["person_area"] == found["background_area"] == pytest.approx(0.5)


def test_a_cell_that_is_covered_in_parts_counts_in_parts() -> None:
    """The mass of the left column lies on the person above and on the occluder below."""
    found = shares(Attention(frames=torch.tensor([0]), spatial=maps([[0.8, 0.2]])), [OCCLUDED])

    assert (found["person"], found["in_front"], found["background"]) == pytest.approx((0.4, 0.4, 0.2))
    assert (found["person_area"], found["in_front_area"]) == pytest.approx((0.25, 0.25))


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

    found = shares(Attention(frames=torch.tensor([0]), spatial=even, extent=extent), masks)

    for name in ("person", "in_front", "background"):
        assert found[name] == pytest.approx(found[f"{name}_area"])
    assert sum(found.values()) == pytest.approx(2)


def test_the_cells_are_the_means_of_their_pixels_where_both_grids_agree() -> None:
    mask = np.random.default_rng(0).integers(0, 3, (8, 6)).astype(np.uint8)

    cells = cell_shares(mask, (4, 2))

    blocks = mask.reshape(4, 2, 2, 3)
    expected = [[(blocks[y, :, x] == 1).mean() for x in range(2)] for y in range(4)]
    np.testing.assert_allclose(cells[1], expected)
    np.testing.assert_allclose(cells.sum(0), 1)


def test_cells_between_the_pixels_take_of_each_what_they_cover() -> None:
    """Two cells on three pixels: the first covers the first pixel and half of the second."""
    cells = cell_shares(np.array([[1, 0, 2]], np.uint8), (1, 2))

    np.testing.assert_allclose(cells[:, 0], [[1 / 3, 1 / 3], [2 / 3, 0], [0, 2 / 3]])


def test_maps_of_a_part_of_the_frame_are_compared_with_that_part() -> None:
    upper = Attention(frames=torch.tensor([0]), spatial=maps([[1.0]]), extent=(0, 0, 0.5, 0.5))

    found = shares(upper, [OCCLUDED])

    assert (found["person"], found["person_area"], found["in_front_area"]) == pytest.approx((1, 1, 0))


def test_shares_are_means_over_maps_and_frames() -> None:
    spatial = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]], [[[1.0, 0.0]], [[1.0, 0.0]]]])  # person: 1, 0; 1, 1
    found = shares(Attention(frames=torch.tensor([0, 1]), spatial=spatial), [LEFT_PERSON] * 2)

    assert found["person"] == pytest.approx(0.75)


def test_weights_are_compared_within_tracklets_that_have_both_kinds_of_frames() -> None:
    temporal = torch.tensor([[0.1, 0.5, 0.4], [0.3, 0.3, 0.4]])
    both = Attention(frames=torch.arange(3), temporal=temporal)

    found = tracklet_attention(both, [OCCLUDED, LEFT_PERSON, BARELY], pid=7)

    assert (found.pid, found.frames, found.occluded, found.clear) == (7, 3, 1, 1)
    assert found.weights == pytest.approx((3 * 0.2, 3 * 0.4))
    assert found.shares is None
    for masks in ([OCCLUDED] * 3, [LEFT_PERSON] * 3, [LEFT_PERSON, BARELY, BARELY]):
        assert tracklet_attention(both, masks, pid=7).weights is None


def test_equal_weights_of_frames_are_1() -> None:
    even = Attention(frames=torch.arange(4), temporal=torch.full((1, 4), 0.25))

    assert tracklet_attention(even, [OCCLUDED, *[LEFT_PERSON] * 3], pid=1).weights == pytest.approx((1, 1))


def test_a_frame_without_anybody_is_clear() -> None:
    empty = np.zeros((4, 4), np.uint8)
    found = tracklet_attention(Attention(frames=torch.arange(1), temporal=torch.ones(1, 1)), [empty], pid=1)

    assert (found.occluded, found.clear) == (0, 1)


def test_the_summary_has_mean_spread_and_interval_over_trials_and_people() -> None:
    trials = [
        [item(1, 0.2, (0.5, 1.0)), item(1, 0.4), item(2, 0.6, (0.25, 0.5))],
        [item(1, 0.8, (1.0, 1.0)), item(2, 0.8, (1.0, 1.0))],
    ]

    found = summarize_attention([trials])

    assert list(found) == [*SHARES, OCCLUDED_WEIGHT]
    assert found["person"].mean == pytest.approx((0.4 + 0.8) / 2)
    assert found["person"].std == pytest.approx(0.4 / np.sqrt(2))
    assert found["person_area"].mean == pytest.approx(0.4)
    assert (found["person_area"].low, found["person_area"].high) == pytest.approx((0.4, 0.4))
    assert found[OCCLUDED_WEIGHT].mean == pytest.approx((0.5 + 1) / 2)
    assert found[OCCLUDED_WEIGHT].low == pytest.approx(0.5)
    assert found[OCCLUDED_WEIGHT].high == pytest.approx(1)


def test_the_interval_draws_people_and_not_tracklets() -> None:
    random = np.random.default_rng(1)
    values = random.random(30)
    drawn = [values[random.integers(30, size=30)].mean() for _ in range(20_000)]

    each_once = [item(pid, value) for pid, value in enumerate(values)]
    for trial in (each_once, each_once * 5):
        found = summarize_attention([[trial]], draws=20_000)["person"]
        assert (found.low, found.high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.005)
        assert found.std is None


@pytest.mark.parametrize("weights", [None, (1.0, 0.0)], ids=["no such frames", "clear frames weigh nothing"])
def test_a_ratio_that_is_not_defined_is_none(weights: tuple[float, float] | None) -> None:
    found = summarize_attention([[[item(1, 0.5, weights), item(2, 0.5, weights)]]])[OCCLUDED_WEIGHT]

    assert (found.mean, found.std, found.low, found.high) == (None, None, None, None)


def test_without_maps_no_share_is_defined() -> None:
    bare = TrackletAttention(pid=1, frames=2, occluded=1, clear=1, shares=None, weights=(0.5, 1.0))

    found = summarize_attention([[[bare]]])

    assert found["person"].mean is None
    assert found[OCCLUDED_WEIGHT].mean == pytest.approx(0.5)
    assert found[OCCLUDED_WEIGHT].low is None  # one person has no interval


def test_no_trial_is_refused() -> None:
    with pytest.raises(FeatureError, match="no trials to summarize"):
        summarize_attention([])
