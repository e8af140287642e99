"""From frames with flow to what the network reads: colours, normalisation and crops; McLaughlin et al. 2016."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reidbench.training import view_augmentations

from .config import ConvAttentionConfig, FrameNorm

# ITU-R BT.601: weights of red, green and blue in Y, and the scales of U and V
LUMA = (0.299, 0.587, 0.114)
SCALE_U, SCALE_V = 0.492, 0.877
FLAT = 1e-2 / 255  # a hundredth of a grey level; a channel that deviates less is constant and becomes 0
HORIZONTAL = 3  # the channel of motion to the right


@dataclass(frozen=True, kw_only=True)
class Crop:
    """Which part of all frames of a clip is read: its first row and column, and whether it is mirrored."""

    top: int
    left: int
    mirror: bool = False


def draw_crop(config: ConvAttentionConfig, rng: np.random.Generator) -> Crop:
    """Draw the crop of a training clip: uniform in each axis, every other clip mirrored.

    Of the S + 1 places in an axis where the crop is S pixels smaller than the frame the first is left out, as in
    McLaughlin et al. 2016, who draw one of 8 for S = 8.
    """
    slack = _slack(config)
    top, left = (int(rng.integers(min(1, room), room + 1)) for room in slack)
    return Crop(top=top, left=left, mirror=bool(rng.random() < 0.5))


def crops_at_test(config: ConvAttentionConfig) -> list[Crop]:
    """Return the conditions under which a test sequence is shown, the plain one first unless there are shifts."""
    plain = central_crop(config)
    return [
        Crop(top=plain.top + change.dy, left=plain.left + change.dx, mirror=change.mirror)
        for change in view_augmentations(config.test_aug)
    ]


def central_crop(config: ConvAttentionConfig) -> Crop:
    """Return the plain view."""
    top, left = (room // 2 for room in _slack(config))
    return Crop(top=top, left=left)


def normalize_frames(clips: Tensor, norm: FrameNorm) -> Tensor:
    """Return whole frames, each channel of each frame with mean 0 and divided by its deviation.

    Deviations are those of values in [0, 1]. A constant channel, such as the flow of a single frame, becomes 0.

    Args:
        clips: (..., H, W, C), uint8: red, green, blue and, if C is 5, flow images.
        norm: "std", or "sqrt_std" to divide by the square root of the deviation.

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
    """Cut what the network reads out of normalised frames, and subtract its mean over all channels and places.

    Args:
        frames: (..., C, H, W).
        crop: the same for all of them.
        config: says how large crops are, and what mirroring does to flow.

    Returns:
        (..., C, h, w).
    """
    height, width = config.crop_size
    part = frames[..., crop.top : crop.top + height, crop.left : crop.left + width]
    if crop.mirror:
        part = part.flip(-1)
        if config.use_flow and config.mirror_flow == "motion":
            signs = torch.ones(config.channels, 1, 1, device=part.device)
            signs[HORIZONTAL] = -1
            part = part * signs
    return part - part.mean((-3, -2, -1), keepdim=True)


def _slack(config: ConvAttentionConfig) -> tuple[int, int]:
    return config.frame_height - config.crop_height, config.frame_width - config.crop_width
