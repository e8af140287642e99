"""The losses CA-10 to CA-12."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class LossTerms:
    """CA-12 as a mean over the pairs of a batch: `total` = `pair` + weight * `identification`."""

    total: Tensor
    pair: Tensor
    identification: Tensor


def hinge_embedding(distances: Tensor, same: Tensor, *, margin: float, power: Literal[1, 2] = 1) -> Tensor:
    """Return the loss of each pair, CA-10: d of one person, max(0, margin - d) of two.

    Args:
        distances: (P,).
        same: bool (P,).
        margin: m.
        power: 1 as above, or 2 for half the square of either.

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
    """Return CA-12 as a mean over P pairs: the pair's loss (CA-10) and both identification losses (CA-11).

    Args:
        descriptors: (2P, D), those of the first branch, then those of the second.
        logits: (2P, K) of the classifier, in the same order.
        same: bool (P,), whether a pair shows one person.
        people: (2P,) the training person of each sequence, 0..K-1.
        margin: m of CA-10.
        power: of CA-10.
        id_weight: weight of CA-11.
    """
    first, second = descriptors.chunk(2)
    distances = torch.linalg.vector_norm(first - second, dim=1)  # its gradient at 0 is 0
    pair = hinge_embedding(distances, same, margin=margin, power=power).mean()
    identification = F.cross_entropy(logits.float(), people, reduction="sum") / len(same)
    return LossTerms(total=pair + id_weight * identification, pair=pair, identification=identification)
