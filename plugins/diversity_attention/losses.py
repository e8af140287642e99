"""What keeps attention maps apart, DA-4 and DA-5, and the look-up table loss, DA-8."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.nn import upcast_half

from .config import Diversity, Reduction, TableInit

_INSIDE_ROOT = 1e-5  # of div_reduction=batch_root, as in the authors' trainer


def _roots(maps: Tensor) -> Tensor:
    """Return square roots with a finite gradient: of the smallest normal number where a weight is less."""
    return maps.clamp(min=torch.finfo(maps.dtype).tiny).sqrt()


def _products(rows: Tensor) -> Tensor:
    """Return the inner products (..., K, K) of rows (..., K, L), summed at their precision also in mixed training."""
    return (rows.unsqueeze(-2) * rows.unsqueeze(-3)).sum(-1)


def bhattacharyya(maps: Tensor) -> Tensor:
    """Return the coefficients of all pairs of maps, sum_l sqrt(s_il s_jl): 1 for equal maps, 0 for disjoint ones.

    Args:
        maps: (..., K, L) weights that are not negative; each map sums to 1.

    Returns:
        (..., K, K), with 1 on the diagonal.
    """
    return _products(_roots(maps))


def hellinger(maps: Tensor) -> Tensor:
    """Return the Hellinger distances of all pairs of maps, DA-4: || sqrt(s_i) - sqrt(s_j) ||_2 / sqrt(2), in [0, 1].

    Args:
        maps: (..., K, L); each map sums to 1.

    Returns:
        (..., K, K), with 0 on the diagonal.
    """
    roots = _roots(maps)
    distances: Tensor = torch.linalg.vector_norm(roots.unsqueeze(-2) - roots.unsqueeze(-3), dim=-1)
    return distances / 2**0.5


def diversity(maps: Tensor, kind: Diversity) -> Tensor:
    """Return the diversity term of each frame, which falls as its maps move apart.

    Args:
        maps: (..., K, L); each map sums to 1.
        kind: "hellinger" is Q = || R R^T - I ||_F^2 with R = sqrt(S) (DA-5), between 0 for disjoint maps and
            K (K - 1) for equal ones; "gram" is || S S^T - I ||_F^2 (DA-5'), 0 only for maps of one cell each;
            "none" is 0.

    Returns:
        (...).
    """
    if kind == "none":
        return maps.new_zeros(maps.shape[:-2])
    products = bhattacharyya(maps) if kind == "hellinger" else _products(maps)
    identity = torch.eye(maps.shape[-2], dtype=maps.dtype, device=maps.device)
    return (products - identity).square().sum((-2, -1))


def reduced(terms: Tensor, reduction: Reduction) -> Tensor:
    """Return one number for the diversity terms of all frames of a batch.

    Args:
        terms: of any shape, not empty.
        reduction: "squared_mean" is their mean (DA-9), "batch_root" the root of their sum plus 1e-5, which grows
            with the batch (the authors' trainer).
    """
    return terms.mean() if reduction == "squared_mean" else (terms.sum() + _INSIDE_ROOT).sqrt()


class OnlineInstanceMatching(nn.Module):
    """The look-up table loss, DA-8: cross-entropy of beta V v over a table V of one unit vector for each person.

    The table is a buffer. Only training updates it, after the loss, clip after clip: V_y <- mu V_y + (1 - mu) v, then
    to unit length. A person not seen so far has a row of zeros.

    Args:
        people: number C of people.
        dimension: length D of descriptors.
        scale: beta.
        momentum: mu.
        init: "zeros", or "first_feature": the row of a person that comes for the first time is set to the
            descriptor before the loss is taken.
    """

    table: Tensor

    def __init__(
        self, people: int, dimension: int, *, scale: float, momentum: float, init: TableInit
    ) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(people, dimension))
        self.scale = scale
        self.momentum = momentum
        self.init = init

    def forward(self, descriptors: Tensor, people: Tensor) -> Tensor:
        """Return the mean loss of descriptors (B, D) of unit length and people (B,), rows of the table."""
        descriptors = upcast_half(descriptors)
        if self.training and self.init == "first_feature":
            self._fill(descriptors.detach(), people)
        # a copy, since the rows change before the backward pass reads what they were
        loss = F.cross_entropy(self.scale * F.linear(descriptors, self.table.clone()), people)
        if self.training:
            self._update(descriptors.detach(), people)
        return loss

    def _fill(self, descriptors: Tensor, people: Tensor) -> None:
        empty = set((~self.table.any(1)).nonzero()[:, 0].tolist())
        for descriptor, person in zip(descriptors, people.tolist(), strict=True):
            if person in empty:
                self.table[person] = F.normalize(descriptor, dim=0)
                empty.remove(person)

    def _update(self, descriptors: Tensor, people: Tensor) -> None:
        for descriptor, person in zip(descriptors, people.tolist(), strict=True):
            mixed = self.momentum * self.table[person] + (1 - self.momentum) * descriptor
            self.table[person] = F.normalize(mixed, dim=0)
