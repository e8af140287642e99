"""The losses CA-10 to CA-12."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class LossTerms:
    """The terms of CA-12, averaged over the pairs of a batch: `total` = `pair` + weight * `identification`."""

    total: Tensor
    pair: Tensor
    identification: Tensor


def hinge_embedding(distances: Tensor, same: Tensor, *, margin: float, power: Literal[1, 2] = 1) -> Tensor:
    """Return the loss of each pair, CA-10: d for the same person, max(0, margin - d) for different people.

    Args:
        distances: (P,).
        same: bool (P,).
        margin: m.
        power: 1, or 2 for half the square of the term.

    Returns:
        (P,).
    """
    excess = torch.where(same, distances, (margin - distances).clamp(min=0))
    return excess if power == 1 else excess.square() / 2


def siamese_loss(
    descriptors: Tensor,
    logits: Tensor,
    same: Tensor,
    people: Tensor,
    *,
    margin: float,
    power: Literal[1, 2] = 1,
    id_weight: float = 1.0,
) -> LossTerms:
    """Return CA-12 averaged over P pairs: the pair loss (CA-10) plus both identification losses (CA-11).

    Args:
        descriptors: (2P, D), first branch before second branch.
        logits: (2P, K) of the classifier, in the same order.
        same: bool (P,), whether a pair shows the same person.
        people: (2P,) training person of each sequence, 0..K-1.
        margin: m of CA-10.
        power: exponent of CA-10.
        id_weight: weight of CA-11.
    """
    first, second = descriptors.chunk(2)
    # The gradient of vector_norm at 0 is 0.
    distances = torch.linalg.vector_norm(first - second, dim=1)
    pair = hinge_embedding(distances, same, margin=margin, power=power).mean()
    identification = F.cross_entropy(logits.float(), people, reduction="sum") / len(same)
    return LossTerms(total=pair + id_weight * identification, pair=pair, identification=identification)
