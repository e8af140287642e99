"""From decoded frames to what the backbone reads."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .augment import normalise
from .config import SiameseConfig

LARGEST_SHRUNK = 128 * 64  # pixels of a usual pedestrian frame


def load_size(config: SiameseConfig) -> tuple[int, int] | None:
    """Return the size frames are decoded to; None leaves them as they are.

    Small inputs are shrunk when they are decoded, which saves memory; large ones are enlarged on the device,
    since a frame of 64 x 128 pixels takes a sixth of the memory of its 224 x 224 enlargement.
    """
    size = (config.input_height, config.input_width)
    return size if size[0] * size[1] <= LARGEST_SHRUNK else None


def as_input(clips: Tensor, config: SiameseConfig) -> Tensor:
    """Return clips (B, T, H, W, 3), uint8, as normalised float32 (B, T, 3, input_height, input_width)."""
    frames = normalise(clips)
    size = (config.input_height, config.input_width)
    if frames.shape[-2:] == size:
        return frames
    resized = F.interpolate(frames.flatten(0, 1), size, mode="bilinear", antialias=True, align_corners=False)
    return resized.view(*clips.shape[:2], *resized.shape[1:])
