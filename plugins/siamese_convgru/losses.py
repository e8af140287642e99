"""The pair similarity W-8 and the loss W-9."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import PenaltyTarget


class PairSimilarity(nn.Module):
    """The logit v^T (a * b) - c of the similarity of two descriptors, W-8: s = sigmoid(v^T (a * b) - c).

    Args:
        dimension: length D of the descriptors.
        v_init: initial value of all entries of v; None: 1/D, so s starts as the sigmoid of the mean product.
        c_init: initial value of c.
        learn_c: whether c is learned.
    """

    c: Tensor

    def __init__(
        self, dimension: int, *, v_init: float | None = None, c_init: float = 0.0, learn_c: bool = True
    ) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.full((dimension,), 1 / dimension if v_init is None else v_init))
        c = torch.tensor(c_init)
        if learn_c:
            self.c = nn.Parameter(c)
        else:
            self.register_buffer("c", c)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the logits (P,) of the pairs (P, D), (P, D)."""
        return (first * second * self.v).sum(1) - self.c

    def between(self, query: Tensor, gallery: Tensor) -> Tensor:
        """Return the logits (Q, G) of all pairs of (Q, D) and (G, D)."""
        return (query * self.v) @ gallery.T - self.c


def attention_penalty(
    attention: Tensor, lengths: Tensor | None = None, *, target: PenaltyTarget = "1"
) -> Tensor:
    """Return the doubly stochastic penalty of each clip, first line of W-9: sum_i (target - sum_t m_ti)^2.

    Uniform attention over K2 locations gives K2 (1 - T/K2)^2 for target 1. This is the minimum, because the weights of
    a frame sum to 1; for target T/K2 the minimum is 0.

    Args:
        attention: (B, T, K2) location weights, 0 for padded frames.
        lengths: (B,) number of frames that are not padding; None if no frame is padding.
        target: "1" as printed, or "T/K2", which can be reached.

    Returns:
        (B,).
    """
    _, frames, locations = attention.shape
    mass = attention.sum(1)  # (B, K2)
    if target == "1":
        return (1 - mass).square().sum(1)
    if lengths is None:
        return (frames / locations - mass).square().sum(1)
    return (lengths[:, None] / locations - mass).square().sum(1)


@dataclass(frozen=True, kw_only=True)
class LossTerms:
    """The terms of W-9 of a batch: `total` = `cross_entropy` + weight * `penalty`."""

    total: Tensor
    cross_entropy: Tensor
    penalty: Tensor


def siamese_loss(
    logits: Tensor,
    same: Tensor,
    attention: Tensor,
    lengths: Tensor | None = None,
    *,
    penalty_weight: float = 1.0,
    penalty_target: PenaltyTarget = "1",
) -> LossTerms:
    """Return the loss W-9 as a mean over the P pairs of a batch.

    The paper does not define whether the penalty includes one clip of a pair or both; here it includes both.

    Args:
        logits: (P,) of W-8.
        same: bool (P,), whether a pair shows the same person.
        attention: (2P, T, K2) location weights of the clips of both branches, in any order.
        lengths: (2P,) number of frames that are not padding; None if no frame is padding.
        penalty_weight: lambda.
        penalty_target: as in `attention_penalty`.
    """
    cross_entropy = F.binary_cross_entropy_with_logits(logits.float(), same.float())
    penalty = attention_penalty(attention.float(), lengths, target=penalty_target).sum() / len(logits)
    return LossTerms(
        total=cross_entropy + penalty_weight * penalty, cross_entropy=cross_entropy, penalty=penalty
    )
