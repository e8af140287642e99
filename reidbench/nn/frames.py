"""Batching, resizing and normalisation of decoded frames."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def stack_clips(clips: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Stack clips (T, H, W, C), uint8, to a batch (B, T, H', W', C); clips of different sizes are resized to `size`.

    Args:
        clips: one or more clips of the same length.
        size: height and width of the network's input.
    """
    if len({clip.shape for clip in clips}) == 1:
        return torch.stack(list(clips))
    return torch.stack([_resize(clip.movedim(-1, 1), size).movedim(1, -1) for clip in clips])


def _resize(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize frames (N, C, H, W); uint8 stays uint8."""
    if frames.shape[-2:] == size:
        return frames
    return F.interpolate(frames, size, mode="bilinear", antialias=True, align_corners=False)


def normalize_imagenet(frames: Tensor) -> Tensor:
    """Normalise uint8 frames (..., H, W, 3) with ImageNet's mean and deviation to float32 (..., 3, H, W)."""
    mean = torch.tensor([0.485, 0.456, 0.406], device=frames.device)
    deviation = torch.tensor([0.229, 0.224, 0.225], device=frames.device)
    return frames.float().div_(255).sub_(mean).div_(deviation).movedim(-1, -3).contiguous()


def normalize_clips(clips: Tensor, size: tuple[int, int]) -> Tensor:
    """Normalise uint8 clips (B, T, H, W, 3) for ImageNet and resize them: float32 (B, T, 3, *size)."""
    frames = normalize_imagenet(clips)
    if frames.shape[-2:] == size:
        return frames
    resized = _resize(frames.flatten(0, 1), size)
    return resized.view(*clips.shape[:2], *resized.shape[1:])
