"""The descriptor `hist_lbp` of Xiong, Gou, Camps and Sznaier (ECCV 2014), averaged over the frames of a tracklet.

A frame has six horizontal stripes. A stripe has histograms of 16 bins of R, G, B, H, S, V, Y and Cb (128 numbers, each
histogram sums to 1) and histograms of uniform LBP with 8 neighbours at radius 1 and 16 at radius 2 (59 + 243 numbers).
The colour part and the LBP part of the descriptor are L2-normalised separately, as in the benchmark of Karanam et al.
(TPAMI 2018).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from skimage.color import rgb2hsv, rgb2ycbcr
from skimage.feature import local_binary_pattern

from reidbench.datasets import TrackletView, stream_frames
from reidbench.plugin import ConfigError, Embeddings, FixedMethod, check_settings, setting

Array = npt.NDArray[Any]
# The weights of MATLAB, which computed the published figures.
GRAY = np.array([0.2989, 0.5870, 0.1140])
# Neighbours, radius and number of uniform codes of each LBP.
PATTERNS = ((8, 1, 59), (16, 2, 243))


@dataclass(frozen=True, kw_only=True)
class ColorLbpConfig:
    """Settings of color-lbp; the defaults are those of Karanam et al. 2018."""

    stripes: int = setting(6, "number of horizontal stripes", stage="embed", ge=1, le=64)
    bins: int = setting(16, "bins per colour histogram", stage="embed", ge=2, le=256)
    lbp: bool = setting(True, "include LBP histograms; false: colour only", stage="embed")
    hellinger: bool = setting(False, "square root of the histograms before L2 normalisation", stage="embed")
    height: int = setting(128, "height of the resized frames, in pixels", stage="embed", ge=16, le=2048)
    width: int = setting(64, "width of the resized frames, in pixels", stage="embed", ge=16, le=2048)

    def __post_init__(self) -> None:
        check_settings(self)
        if self.stripes > self.height:
            raise ConfigError(f"stripes must be at most the height {self.height}, got {self.stripes}")


class ColorLbp(FixedMethod[ColorLbpConfig]):
    """Colour and texture histograms in stripes, without learning."""

    name = "color-lbp"
    version = "1"
    Config = ColorLbpConfig
    presets: ClassVar[dict[str, ColorLbpConfig]] = {
        "paper": ColorLbpConfig(),
        "hellinger": ColorLbpConfig(hellinger=True),
        "color": ColorLbpConfig(lbp=False),
    }

    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        """Return the mean descriptor of each tracklet, float32 (N, D); D = 2580 by default."""
        size = (self.config.height, self.config.width)
        # LBP codes are computed without the GIL.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = list(pool.map(self._mean_descriptor, stream_frames(tracklets, size)))
        return Embeddings(values=torch.from_numpy(np.stack(rows).astype(np.float32)))

    def _mean_descriptor(self, frames: Array) -> Array:
        return np.asarray(describe(frames, self.config).mean(0))


def describe(frames: Array, config: ColorLbpConfig) -> Array:
    """Return the descriptors (T, D) of frames (T, H, W, 3), RGB uint8."""
    stripe = stripe_indices(frames.shape[1], config.stripes)
    parts = [color_histograms(frames, stripe, config)]
    if config.lbp:
        parts.append(lbp_histograms(frames, stripe, config))
    if config.hellinger:
        parts = [np.sqrt(part) for part in parts]
    # As published: per stripe, colour before texture; each norm is over all stripes.
    normalised = [part / np.sqrt(np.square(part).sum((1, 2), keepdims=True)) for part in parts]
    return np.concatenate(normalised, axis=2).reshape(len(frames), -1)


def stripe_indices(height: int, stripes: int) -> Array:
    """Return the stripe index (H,) of every pixel row; stripe heights differ by at most one row."""
    return np.arange(height) * stripes // height


def color_histograms(frames: Array, stripe: Array, config: ColorLbpConfig) -> Array:
    """Return (T, stripes, 8 * bins): histograms of R G B H S V Y Cb that each sum to 1."""
    hsv = rgb2hsv(frames)
    luma = rgb2ycbcr(frames)
    unit = [*np.moveaxis(frames / 255.0, -1, 0), *np.moveaxis(hsv, -1, 0)]
    unit += [(luma[..., 0] - 16) / (235 - 16), (luma[..., 1] - 16) / (240 - 16)]
    codes = [np.clip((channel * config.bins).astype(np.int64), 0, config.bins - 1) for channel in unit]
    return np.concatenate([histograms(code, stripe, config.stripes, config.bins) for code in codes], axis=2)


def lbp_histograms(frames: Array, stripe: Array, config: ColorLbpConfig) -> Array:
    """Return (T, stripes, 302): histograms of both uniform LBPs, with codes computed on the complete image."""
    # Integers, because rounding errors of floats would change the codes of flat areas.
    gray = np.round(frames @ GRAY).astype(np.uint8)
    parts = []
    for neighbours, radius, codes in PATTERNS:
        patterns = np.stack([_lbp_codes(image, neighbours, radius) for image in gray])
        parts.append(histograms(patterns.astype(np.int64), stripe, config.stripes, codes))
    return np.concatenate(parts, axis=2)


def _lbp_codes(image: Array, neighbours: int, radius: int) -> Array:
    codes: Array = local_binary_pattern(image, neighbours, radius, "nri_uniform")  # type: ignore[no-untyped-call]
    return codes


def histograms(codes: Array, stripe: Array, stripes: int, bins: int) -> Array:
    """Return (T, stripes, bins): the relative frequencies of the codes (T, H, W) per stripe."""
    frame = np.arange(len(codes))[:, None, None]
    cell = (frame * stripes + stripe[None, :, None]) * bins + codes
    counts = np.bincount(cell.ravel(), minlength=len(codes) * stripes * bins).reshape(
        len(codes), stripes, bins
    )
    return np.asarray(counts / counts.sum(2, keepdims=True))
