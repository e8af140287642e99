"""Small helpers for padded sequences of frames."""

from __future__ import annotations

import torch
from torch import Tensor


def valid_frames(lengths: Tensor, frames: int) -> Tensor:
    """Return which frames are no padding: bool (B, T) for lengths (B,)."""
    return torch.arange(frames, device=lengths.device) < lengths[:, None]


def full_precision(values: Tensor) -> Tensor:
    """Return float32 for the half precisions of mixed training, whose sums lose too much; others as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
