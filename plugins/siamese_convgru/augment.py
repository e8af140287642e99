"""What is done to frames before the network sees them; one change for all frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .config import PadMode, SiameseConfig, WindowSide

# Sequences of fewer frames are shown under several conditions at test; Wu et al. 2018, evaluation section.
SHORT_SEQUENCE = 128


@dataclass(frozen=True, kw_only=True)
class ClipChange:
    """What happens to all frames of a clip: pixel (y, x) shows what was at (y + dy, x + dx), then mirrored."""

    dy: int = 0
    dx: int = 0
    mirror: bool = False


def draw_change(height: int, width: int, translation: float, rng: np.random.Generator) -> ClipChange:
    """Draw a shift, uniform in +- `translation` of each side, in whole pixels, and mirror every other clip."""
    dy, dx = rng.uniform(-translation, translation, size=2) * (height, width)
    return ClipChange(dy=round(dy), dx=round(dx), mirror=bool(rng.random() < 0.5))


def change_clip(clip: Tensor, change: ClipChange, pad_mode: PadMode) -> Tensor:
    """Return a clip (..., H, W, 3) of the same size, shifted and mirrored.

    Args:
        clip: frames, for instance (T, H, W, 3) or (B, T, H, W, 3).
        change: the same for all of them; shifts are smaller than the frame.
        pad_mode: what stands where a shifted frame has nothing: "replicate" its border, "reflect" its inside,
            or "zeros".
    """
    for axis, shift in ((-3, change.dy), (-2, change.dx)):
        if shift:
            clip = _shifted(clip, axis, shift, pad_mode)
    return clip.flip(-2) if change.mirror else clip


def _shifted(clip: Tensor, axis: int, shift: int, pad_mode: PadMode) -> Tensor:
    size = clip.shape[axis]
    source = torch.arange(shift, size + shift, device=clip.device)
    if pad_mode == "reflect":
        nearest = (size - 1 - (size - 1 - source.abs()).abs()).clamp(0, size - 1)
    else:
        nearest = source.clamp(0, size - 1)
    shifted = clip.index_select(axis, nearest)
    if pad_mode == "zeros":
        shifted.movedim(axis, 0)[(source < 0) | (source >= size)] = 0
    return shifted


def test_changes(length: int, config: SiameseConfig) -> list[ClipChange]:
    """Return the conditions under which a test sequence of `length` frames is shown; distances are averaged.

    The 8 diagonal shifts are those of McLaughlin et al. 2016, whose frames are 8 pixels larger than their crops:
    -3 to 4 pixels from the centre.
    """
    if config.test_aug == "none" or (length >= SHORT_SEQUENCE and not config.test_aug_always):
        return [ClipChange()]
    shifts = range(-3, 5) if config.test_aug == "shift16" else range(1)
    return [ClipChange(dy=shift, dx=shift, mirror=mirror) for mirror in (False, True) for shift in shifts]


def test_window(length: int, test_len: int, side: WindowSide) -> slice:
    """Return which frames of a test sequence are embedded: all, or the first, last or middle `test_len`."""
    if length <= test_len or side == "first":
        return slice(0, min(length, test_len))
    start = length - test_len if side == "last" else (length - test_len) // 2
    return slice(start, start + test_len)


def normalise(frames: Tensor) -> Tensor:
    """Return frames (..., H, W, 3), uint8, as float32 (..., 3, H, W) of ImageNet's mean 0 and deviation 1."""
    mean = torch.tensor([0.485, 0.456, 0.406], device=frames.device)
    deviation = torch.tensor([0.229, 0.224, 0.225], device=frames.device)
    return frames.float().div_(255).sub_(mean).div_(deviation).movedim(-1, -3).contiguous()
