"""Attention measured against masks: shares per class of pixel, and the weight of occluded frames.

Per tracklet: the share of the spatial attention on the person, on occluders in front of the person, and on the
background, each with the share that equal weights would have; and the temporal weight of occluded frames relative to
clear ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reidbench.datasets.masks import MASK_BACKGROUND, MASK_CLASSES, MASK_IN_FRONT, MASK_PERSON
from reidbench.evaluation.statistics import IdentitySums, Summary, summarize_ratios
from reidbench.plugin import Attention

CLASSES = {"person": MASK_PERSON, "in_front": MASK_IN_FRONT, "background": MASK_BACKGROUND}
SHARES = (*CLASSES, *(f"{name}_area" for name in CLASSES))
"""Shares of the attention by class, then shares of the area that the maps cover, as equal weights would have."""

OCCLUDED_WEIGHT = "occluded_weight"
OCCLUDED = 0.2
"""Minimum share of occluder pixels, among those of occluder and person, of an occluded frame."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TrackletAttention:
    """The measured attention of a method on one tracklet.

    Attributes:
        pid: person.
        frames: number of frames that were read.
        occluded: number of occluded frames.
        clear: number of frames without an occluder.
        shares: in the order of SHARES; the shares of attention sum to 1, those of area too; None without maps.
        weights: mean temporal weight of the occluded and of the clear frames, times the number of frames, so that
            equal weights are 1; None without temporal weights or without frames of both kinds.
    """

    pid: int
    frames: int
    occluded: int
    clear: int
    shares: tuple[float, ...] | None
    weights: tuple[float, float] | None


def tracklet_attention(
    attention: Attention, masks: Sequence[NDArray[np.uint8]], *, pid: int
) -> TrackletAttention:
    """Measure the attention on a tracklet with the masks of its frames.

    Shares are means over the maps of a frame, then over frames. Weights are means over the K rows of temporal weights.

    Args:
        attention: on F frames.
        masks: F masks (H, W), in the order in which the frames were read.
        pid: person.
    """
    occlusions = [_occlusion(mask) for mask in masks]
    occluded = np.array([share >= OCCLUDED for share in occlusions], dtype=bool)
    clear = np.array([share == 0 for share in occlusions], dtype=bool)
    shares = weights = None
    if attention.spatial is not None:
        maps = attention.spatial.detach().cpu().double().numpy()
        shares = _shares(maps, masks, attention.extent)
    if attention.temporal is not None and occluded.any() and clear.any():
        relative = attention.temporal.detach().cpu().double().numpy() * len(masks)
        weights = (float(relative[:, occluded].mean()), float(relative[:, clear].mean()))
    return TrackletAttention(
        pid=pid,
        frames=len(masks),
        occluded=int(occluded.sum()),
        clear=int(clear.sum()),
        shares=shares,
        weights=weights,
    )


def cell_shares(
    mask: NDArray[np.uint8],
    grid: tuple[int, int],
    extent: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
) -> Floats:
    """Return the share (3, h, w) of each class of a mask in each cell of a map, by area.

    Args:
        mask: (H, W), values MASK_BACKGROUND, MASK_PERSON or MASK_IN_FRONT.
        grid: height and width of the map, in cells of equal size.
        extent: top, left, bottom and right of the map as fractions of the mask's height and width.
    """
    top, left, bottom, right = extent
    rows = _overlaps(mask.shape[0], grid[0], top, bottom)
    columns = _overlaps(mask.shape[1], grid[1], left, right)
    return np.stack([rows @ (mask == value).astype(np.float64) @ columns.T for value in range(MASK_CLASSES)])


def summarize_attention(
    seeds: Sequence[Sequence[Sequence[TrackletAttention]]], *, draws: int = 1000, seed: int = 0
) -> dict[str, Summary]:
    """Return the mean, standard deviation and interval of each attention figure, as `summarize_seeds` does for scores.

    The shares are means over tracklets. `occluded_weight` is the mean weight of occluded frames divided by that of
    clear frames, over the tracklets that have both; under 1, occluded frames count less.

    Args:
        seeds: the tracklets of the trials of each training seed.
        draws: number of bootstrap draws.
        seed: seed of the bootstrap draws.

    Raises:
        FeatureError: there is no trial.
        ConfigError: draws is under 1.
    """
    shares = [[_share_sums(trial) for trial in trials] for trials in seeds]
    weights = [[_weight_sums(trial) for trial in trials] for trials in seeds]
    return summarize_ratios(SHARES, shares, draws=draws, seed=seed) | summarize_ratios(
        [OCCLUDED_WEIGHT], weights, draws=draws, seed=seed
    )


def _share_sums(trial: Sequence[TrackletAttention]) -> IdentitySums:
    rows = [(item.pid, item.shares) for item in trial if item.shares is not None]
    values = np.array([shares for _, shares in rows], dtype=np.float64).reshape(-1, len(SHARES))
    return IdentitySums.of([pid for pid, _ in rows], values, np.ones((len(rows), 1)))


def _weight_sums(trial: Sequence[TrackletAttention]) -> IdentitySums:
    rows = [(item.pid, item.weights) for item in trial if item.weights is not None]
    pairs = np.array([weights for _, weights in rows], dtype=np.float64).reshape(-1, 2)
    return IdentitySums.of([pid for pid, _ in rows], pairs[:, :1], pairs[:, 1:])


def _shares(
    maps: Floats, masks: Sequence[NDArray[np.uint8]], extent: tuple[float, float, float, float]
) -> tuple[float, ...]:
    """Return SHARES of maps (F, K, h, w)."""
    height, width = maps.shape[2:]
    cells = np.stack([cell_shares(mask, (height, width), extent) for mask in masks])  # (F, 3, h, w)
    attended = np.einsum("fkhw,fchw->c", maps, cells) / (maps.shape[0] * maps.shape[1])
    area = cells.mean(axis=(0, 2, 3))
    classes = list(CLASSES.values())
    return tuple(float(share) for share in (*attended[classes], *area[classes]))


def _occlusion(mask: NDArray[np.uint8]) -> float:
    """Return the share of occluder pixels among those of occluder and person; 0 without either."""
    in_front, person = int((mask == MASK_IN_FRONT).sum()), int((mask == MASK_PERSON).sum())
    return in_front / max(in_front + person, 1)


def _overlaps(pixels: int, cells: int, start: float, end: float) -> Floats:
    """Return the share of each cell (rows) that each pixel (columns) of one axis covers; rows sum to 1."""
    edges = np.linspace(start * pixels, end * pixels, cells + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(pixels)[None]
    covered: Floats = np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None)
    return covered / (high - low)
