"""De-correlation (DM-7), and the random pooling of the cross-entropy (DM-8)."""

from __future__ import annotations

import torch
from torch import Tensor


def decorrelation(sequences: Tensor) -> Tensor:
    """Return the de-correlation loss of each sequence, DM-7: || I - F^T F ||_F^2 / N^2.

    0 for orthonormal vectors, (N - 1) / N for N identical vectors of length 1.

    Args:
        sequences: (B, N, D).

    Returns:
        (B,).
    """
    length = sequences.shape[1]
    gram = sequences @ sequences.mT
    identity = torch.eye(length, device=gram.device, dtype=gram.dtype)
    return (identity - gram).square().sum((1, 2)) / length**2


def pooling_weights(
    batch: int, length: int, *, drop: float, random: bool, device: torch.device | str = "cpu"
) -> Tensor:
    """Draw the weights omega of DM-8: (B, S), non-negative, each row sums to 1.

    The paper has uniform numbers, set to 0 with probability p, that sum to 1. Here they are divided by their sum, and
    a row in which all are dropped has equal weights.

    Args:
        batch: B.
        length: S.
        drop: p.
        random: whether the weights are random; otherwise they are equal.
        device: device of the weights.
    """
    equal = torch.full((batch, length), 1 / length, device=device)
    if not random:
        return equal
    drawn = torch.rand(batch, length, device=device) * (torch.rand(batch, length, device=device) >= drop)
    total = drawn.sum(1, keepdim=True)
    return torch.where(total > 0, drawn / total.clamp(min=torch.finfo(total.dtype).tiny), equal)
