"""From decoded frames to what a network reads."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_LARGEST_SHRUNK = 128 * 64  # pixels of a usual pedestrian frame


def decoding_size(height: int, width: int) -> tuple[int, int] | None:
    """Return the size frames are decoded to for a network that reads height x width; None leaves them as they are.

    Small inputs are shrunk when they are decoded, which saves memory; large ones are enlarged on the device,
    since a frame of 64 x 128 pixels takes a sixth of the memory of its 224 x 224 enlargement.
    """
    return (height, width) if height * width <= _LARGEST_SHRUNK else None


def imagenet_normalised(frames: Tensor) -> Tensor:
    """Return frames (..., H, W, 3), uint8, as float32 (..., 3, H, W) of ImageNet's mean 0 and deviation 1."""
    mean = torch.tensor([0.485, 0.456, 0.406], device=frames.device)
    deviation = torch.tensor([0.229, 0.224, 0.225], device=frames.device)
    return frames.float().div_(255).sub_(mean).div_(deviation).movedim(-1, -3).contiguous()


def as_input(clips: Tensor, size: tuple[int, int]) -> Tensor:
    """Return clips (B, T, H, W, 3), uint8, as normalised float32 (B, T, 3, *size)."""
    frames = imagenet_normalised(clips)
    if frames.shape[-2:] == size:
        return frames
    resized = F.interpolate(frames.flatten(0, 1), size, mode="bilinear", antialias=True, align_corners=False)
    return resized.view(*clips.shape[:2], *resized.shape[1:])
