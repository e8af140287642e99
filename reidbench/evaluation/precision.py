"""Figures of a query from the ranks of its matches: two average precisions, inverse negative penalty.

All functions take `ranks`, int64 (Q, N): row q holds the 1-based ranks of the matches of query q, ascending, in
the ranking without junk, filled up with 0. They return float64 (Q,), NaN for queries without a match, so that
the caller must choose a rule for them.
"""

from __future__ import annotations

import torch
from torch import Tensor


def average_precision(ranks: Tensor) -> Tensor:
    """Non-interpolated average precision: the mean of i / r_i over the matches, the i-th at rank r_i."""
    return _mean(_precision_at(ranks), ranks)


def trapezoid_average_precision(ranks: Tensor) -> Tensor:
    """Average precision of the official MATLAB codes of Market-1501 and MARS.

    The area under the precision-recall curve by the trapezoidal rule: the mean of (i / r_i + q_i) / 2, where
    q_i = (i - 1) / (r_i - 1) is the precision just before the match, and 1 at the first rank. Never above
    `average_precision`.
    """
    before = torch.where(ranks > 1, (_order(ranks) - 1) / (ranks - 1).clamp(min=1), 1.0)
    return _mean((_precision_at(ranks) + before) / 2, ranks)


def inverse_negative_penalty(ranks: Tensor) -> Tensor:
    """Number of matches over the rank of the last one (Ye et al., TPAMI 2021, equation 3)."""
    last = torch.nn.functional.pad(ranks, (1, 0)).amax(dim=1)
    return (ranks > 0).sum(dim=1).double() / last


def first_match_rank(ranks: Tensor) -> Tensor:
    """Rank of the nearest match, int64 (Q,), 0 for queries without a match."""
    return torch.nn.functional.pad(ranks, (0, 1))[:, 0]


def _order(ranks: Tensor) -> Tensor:
    return torch.arange(1, ranks.shape[1] + 1, dtype=torch.float64, device=ranks.device)


def _precision_at(ranks: Tensor) -> Tensor:
    return _order(ranks) / ranks.clamp(min=1)


def _mean(values: Tensor, ranks: Tensor) -> Tensor:
    is_match = ranks > 0
    values = torch.nn.functional.pad(torch.where(is_match, values, 0.0), (1, 0))
    # A sum in the order of the columns: its last bit does not depend on the filling.
    total = values.cumsum(dim=1)[:, -1]
    return total / is_match.sum(dim=1)
