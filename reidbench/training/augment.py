"""What is done to frames before the network sees them; one change for all frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

PadMode = Literal["replicate", "reflect", "zeros"]
TestAugmentation = Literal["none", "mirror", "shift16"]


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


def view_changes(augmentation: TestAugmentation) -> list[ClipChange]:
    """Return the conditions under which a test sequence is shown, whose distances are averaged.

    Args:
        augmentation: "none" is the plain sequence, "mirror" adds its mirror image, "shift16" are both at the 8
            diagonal shifts of McLaughlin et al. 2016, whose frames are 8 pixels larger than their crops: -3 to 4
            pixels from the centre.
    """
    if augmentation == "none":
        return [ClipChange()]
    shifts = range(-3, 5) if augmentation == "shift16" else range(1)
    return [ClipChange(dy=shift, dx=shift, mirror=mirror) for mirror in (False, True) for shift in shifts]
