"""From decoded frames to what a network reads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def stack_clips(clips: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Return clips (T, H, W, C), uint8, as one batch (B, T, H', W', C); where sizes differ, all of them in `size`.

    Args:
        clips: one or more, of one length.
        size: height and width of the frames that the network reads.
    """
    if len({clip.shape for clip in clips}) == 1:
        return torch.stack(list(clips))
    return torch.stack([_resized(clip.movedim(-1, 1), size).movedim(1, -1) for clip in clips])


def _resized(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """Return frames (N, C, H, W) in another size; uint8 stays uint8."""
    if frames.shape[-2:] == size:
        return frames
    return F.interpolate(frames, size, mode="bilinear", antialias=True, align_corners=False)


def normalize_imagenet(frames: Tensor) -> Tensor:
    """Return frames (..., H, W, 3), uint8, as float32 (..., 3, H, W) of ImageNet's mean 0 and deviation 1."""
    mean = torch.tensor([0.485, 0.456, 0.406], device=frames.device)
    deviation = torch.tensor([0.229, 0.224, 0.225], device=frames.device)
    return frames.float().div_(255).sub_(mean).div_(deviation).movedim(-1, -3).contiguous()


def as_input(clips: Tensor, size: tuple[int, int]) -> Tensor:
    """Return clips (B, T, H, W, 3), uint8, as normalised float32 (B, T, 3, *size)."""
    frames = normalize_imagenet(clips)
    if frames.shape[-2:] == size:
        return frames
    resized = _resized(frames.flatten(0, 1), size)
    return resized.view(*clips.shape[:2], *resized.shape[1:])
