"""Triplet losses on a matrix of distances."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Mining = Literal["batch_hard", "batch_all"]


def triplet_loss(distances: Tensor, pids: Tensor, *, margin: float, mining: Mining = "batch_hard") -> Tensor:
    """Return the mean of max(0, margin + d(anchor, positive) - d(anchor, negative)) over the mined triplets.

    Every item with a positive and a negative is an anchor. "batch_hard" selects its farthest positive and nearest
    negative (Hermans et al., arXiv:1703.07737), "batch_all" all pairs of a positive and a negative. Without anchors,
    the loss and its gradient are 0.

    Args:
        distances: (B, B), with gradients.
        pids: (B,) person of each item.
        margin: the margin of the loss.
        mining: selection of the triplets.
    """
    same = pids[:, None] == pids[None, :]
    positive = same & ~torch.eye(len(pids), dtype=torch.bool, device=pids.device)
    anchors = positive.any(1) & (~same).any(1)
    if not bool(anchors.any()):
        return distances.sum() * 0
    if mining == "batch_hard":
        farthest = distances.masked_fill(~positive, -torch.inf).amax(1)[anchors]
        nearest = distances.masked_fill(same, torch.inf).amin(1)[anchors]
        return (margin + farthest - nearest).clamp(min=0).mean()
    losses = (margin + distances[:, :, None] - distances[:, None, :]).clamp(min=0)
    return losses[positive[:, :, None] & ~same[:, None, :]].mean()
