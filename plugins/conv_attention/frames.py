"""The network's input: colours, normalisation and crops, as in McLaughlin et al. 2016."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reidbench.training import view_augmentations

from .config import ConvAttentionConfig, FrameNorm

# ITU-R BT.601: weights of red, green and blue in Y, and the scales of U and V.
LUMA = (0.299, 0.587, 0.114)
SCALE_U, SCALE_V = 0.492, 0.877
# A hundredth of a grey level: a channel with a smaller deviation counts as constant and becomes 0.
FLAT = 1e-2 / 255
# The channel of motion to the right.
HORIZONTAL = 3


@dataclass(frozen=True, kw_only=True)
class Crop:
    """The crop of all frames of a clip: first row, first column, and mirroring."""

    top: int
    left: int
    mirror: bool = False


def draw_crop(config: ConvAttentionConfig, rng: np.random.Generator) -> Crop:
    """Draw the crop of a training clip: uniform per axis, mirrored with probability 1/2.

    For a crop S pixels smaller than the frame, the first of the S + 1 positions is left out, as in McLaughlin et al.
    2016, who draw one of 8 for S = 8.
    """
    slack = _slack(config)
    top, left = (int(rng.integers(min(1, last), last + 1)) for last in slack)
    return Crop(top=top, left=left, mirror=bool(rng.random() < 0.5))


def view_crops(config: ConvAttentionConfig) -> list[Crop]:
    """Return the crops of the test-time views; without shifts, the plain view is first."""
    plain = central_crop(config)
    return [
        Crop(top=plain.top + view.dy, left=plain.left + view.dx, mirror=view.mirror)
        for view in view_augmentations(config.test_aug)
    ]


def central_crop(config: ConvAttentionConfig) -> Crop:
    """Return the crop of the plain view."""
    top, left = (slack // 2 for slack in _slack(config))
    return Crop(top=top, left=left)


def normalize_frames(clips: Tensor, norm: FrameNorm) -> Tensor:
    """Normalise complete frames: every channel of a frame gets mean 0 and is divided by its standard deviation.

    Deviations are those of values in [0, 1]. A constant channel, such as the flow of a single frame, becomes 0.

    Args:
        clips: (..., H, W, C), uint8: red, green, blue and, if C is 5, flow images.
        norm: "std", or "sqrt_std" to divide by the square root of the standard deviation.

    Returns:
        (..., C, H, W), float32: Y, U, V and flow.
    """
    scaled = (clips.float() / 255).movedim(-1, -3)
    red, green, blue = scaled[..., :3, :, :].unbind(-3)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    colours = torch.stack([luma, SCALE_U * (blue - luma), SCALE_V * (red - luma)], -3)
    channels = torch.cat([colours, scaled[..., 3:, :, :]], -3)
    centred = channels - channels.mean((-2, -1), keepdim=True)
    deviation = centred.square().mean((-2, -1), keepdim=True).sqrt().clamp(min=FLAT)
    return centred / (deviation if norm == "std" else deviation.sqrt())


def crop_frames(frames: Tensor, crop: Crop, config: ConvAttentionConfig) -> Tensor:
    """Crop normalised frames, and subtract the mean over all channels and pixels.

    Args:
        frames: (..., C, H, W).
        crop: position and mirroring, the same for all frames.
        config: settings of the crop size and of the flow of mirrored clips.

    Returns:
        (..., C, h, w).
    """
    height, width = config.crop_size
    cropped = frames[..., crop.top : crop.top + height, crop.left : crop.left + width]
    if crop.mirror:
        cropped = cropped.flip(-1)
        if config.use_flow and config.mirror_flow == "motion":
            signs = torch.ones(config.channels, 1, 1, device=cropped.device)
            signs[HORIZONTAL] = -1
            cropped = cropped * signs
    return cropped - cropped.mean((-3, -2, -1), keepdim=True)


def _slack(config: ConvAttentionConfig) -> tuple[int, int]:
    return config.frame_height - config.crop_height, config.frame_width - config.crop_width
