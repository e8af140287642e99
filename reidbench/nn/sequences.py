"""Masks of padded sequences, and sums in mixed precision."""

from __future__ import annotations

import torch
from torch import Tensor


def valid_frames(lengths: Tensor, frames: int) -> Tensor:
    """Return the mask of the frames that are not padding: bool (B, T) for lengths (B,)."""
    return torch.arange(frames, device=lengths.device) < lengths[:, None]


def upcast_half(values: Tensor) -> Tensor:
    """Convert float16 and bfloat16 to float32, because sums in half precision are inexact; others stay as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
