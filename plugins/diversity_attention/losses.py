"""The diversity of attention maps, DA-4 and DA-5, and the look-up table loss, DA-8."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.nn import upcast_half

from .config import Diversity, Reduction, TableInit

# Added under the root with div_reduction=batch_root, as in the authors' trainer.
_ROOT_EPS = 1e-5


def _square_roots(maps: Tensor) -> Tensor:
    """Return square roots with finite gradients: weights are at least the smallest normal number."""
    return maps.clamp(min=torch.finfo(maps.dtype).tiny).sqrt()


def _products(rows: Tensor) -> Tensor:
    """Return the inner products (..., K, K) of rows (..., K, L), in their precision even under autocast."""
    return (rows.unsqueeze(-2) * rows.unsqueeze(-3)).sum(-1)


def bhattacharyya(maps: Tensor) -> Tensor:
    """Return the Bhattacharyya coefficients of all pairs of maps, sum_l sqrt(s_il s_jl): 1 if equal, 0 if disjoint.

    Args:
        maps: (..., K, L) non-negative weights; each map sums to 1.

    Returns:
        (..., K, K), with 1 on the diagonal.
    """
    return _products(_square_roots(maps))


def hellinger(maps: Tensor) -> Tensor:
    """Return the Hellinger distances of all pairs of maps, DA-4: || sqrt(s_i) - sqrt(s_j) ||_2 / sqrt(2), in [0, 1].

    Args:
        maps: (..., K, L); each map sums to 1.

    Returns:
        (..., K, K), with 0 on the diagonal.
    """
    roots = _square_roots(maps)
    distances: Tensor = torch.linalg.vector_norm(roots.unsqueeze(-2) - roots.unsqueeze(-3), dim=-1)
    return distances / 2**0.5


def diversity(maps: Tensor, kind: Diversity) -> Tensor:
    """Return the diversity term of each frame, which is smaller for maps that overlap less.

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


def reduce_terms(terms: Tensor, reduction: Reduction) -> Tensor:
    """Reduce the diversity terms of all frames of a batch to a scalar.

    Args:
        terms: any shape, not empty.
        reduction: "squared_mean" is the mean (DA-9), "batch_root" the square root of the sum plus 1e-5, which grows
            with the batch size (the authors' trainer).
    """
    return terms.mean() if reduction == "squared_mean" else (terms.sum() + _ROOT_EPS).sqrt()


class OnlineInstanceMatching(nn.Module):
    """The look-up table loss, DA-8: cross-entropy of beta V v over a table V of one unit vector per person.

    The table is a buffer. In training mode it is updated after the loss, for one clip after another:
    V_y <- mu V_y + (1 - mu) v, normalised to unit length. Rows of unseen people are 0.

    Args:
        people: number C of people.
        dimension: length D of descriptors.
        scale: beta.
        momentum: mu.
        init: "zeros", or "first_feature": the row of a person is set to its first descriptor before the loss.
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
            self._fill_empty_rows(descriptors.detach(), people)
        # A copy, because the rows change before the backward pass.
        loss = F.cross_entropy(self.scale * F.linear(descriptors, self.table.clone()), people)
        if self.training:
            self._update(descriptors.detach(), people)
        return loss

    def _fill_empty_rows(self, descriptors: Tensor, people: Tensor) -> None:
        empty = set((~self.table.any(1)).nonzero()[:, 0].tolist())
        for descriptor, person in zip(descriptors, people.tolist(), strict=True):
            if person in empty:
                self.table[person] = F.normalize(descriptor, dim=0)
                empty.remove(person)

    def _update(self, descriptors: Tensor, people: Tensor) -> None:
        for descriptor, person in zip(descriptors, people.tolist(), strict=True):
            mixed = self.momentum * self.table[person] + (1 - self.momentum) * descriptor
            self.table[person] = F.normalize(mixed, dim=0)
