"""Augmentation of clips in training and at test: one shift and mirroring for all frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

PadMode = Literal["replicate", "reflect", "zeros"]
TestAugmentation = Literal["none", "mirror", "shift16"]


@dataclass(frozen=True, kw_only=True)
class ClipAugmentation:
    """A shift of all frames of a clip, pixel (y, x) shows (y + dy, x + dx), followed by optional mirroring."""

    dy: int = 0
    dx: int = 0
    mirror: bool = False


def draw_augmentation(
    height: int, width: int, translation: float, rng: np.random.Generator
) -> ClipAugmentation:
    """Draw a shift in whole pixels, uniform in +- `translation` of each side, and mirroring with probability 1/2."""
    dy, dx = rng.uniform(-translation, translation, size=2) * (height, width)
    return ClipAugmentation(dy=round(dy), dx=round(dx), mirror=bool(rng.random() < 0.5))


def augment_clip(clip: Tensor, augmentation: ClipAugmentation, pad_mode: PadMode) -> Tensor:
    """Shift and mirror a clip (..., H, W, 3); the size stays the same.

    Args:
        clip: frames, for instance (T, H, W, 3) or (B, T, H, W, 3).
        augmentation: applied to all frames; its shifts are smaller than the frame.
        pad_mode: fill of the uncovered pixels: "replicate" the border, "reflect" the interior, or "zeros".
    """
    for axis, shift in ((-3, augmentation.dy), (-2, augmentation.dx)):
        if shift:
            clip = _shift(clip, axis, shift, pad_mode)
    return clip.flip(-2) if augmentation.mirror else clip


def _shift(clip: Tensor, axis: int, shift: int, pad_mode: PadMode) -> Tensor:
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


def view_augmentations(augmentation: TestAugmentation) -> list[ClipAugmentation]:
    """Return the augmentations of a test sequence, over which distances are averaged.

    Args:
        augmentation: "none" is the plain sequence, "mirror" adds its mirror image, "shift16" shows both at the 8
            diagonal shifts of McLaughlin et al. 2016, -3 to 4 pixels from the centre.
    """
    if augmentation == "none":
        return [ClipAugmentation()]
    shifts = range(-3, 5) if augmentation == "shift16" else range(1)
    return [
        ClipAugmentation(dy=shift, dx=shift, mirror=mirror) for mirror in (False, True) for shift in shifts
    ]
