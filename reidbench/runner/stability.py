"""Second embedding of some items: an embedding must not depend on the other items of a call, nor on chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reidbench.datasets import TrackletView
from reidbench.errors import PluginError
from reidbench.plugin import Embeddings, Method

FULL_TOLERANCE = 1e-3
"""Largest difference of two embeddings of an item, relative to their norm."""
HALF_TOLERANCE = 2e-2
"""The same for half precision, and for devices that may compute float32 with fewer bits (TF32)."""
MIN_REPEATS = 8
"""Least number of items of a fit that are embedded again."""
REPEATED_SHARE = 0.005
"""Share of the items of a fit that are embedded again, if that is more."""
# Items per call when they are embedded again; less than in other calls, so the grouping differs.
_GROUP = 4


@dataclass
class RepeatCount:
    """Counts the items of a fit that were embedded, and those that were embedded again."""

    embedded: int = 0
    repeated: int = 0

    def take(self, count: int) -> int:
        """Add items that were just embedded; return how many of them must be embedded again."""
        self.embedded += count
        due = max(MIN_REPEATS, math.ceil(REPEATED_SHARE * self.embedded)) - self.repeated
        # Items are embedded again in whole groups: single items would cost more than their share.
        chosen = min(due, count) if due >= _GROUP else 0
        self.repeated += chosen
        return chosen


def check_repeats(
    method: Method,
    views: Sequence[TrackletView],
    embeddings: Embeddings,
    count: int,
    embed: Callable[[Sequence[TrackletView]], Embeddings],
) -> None:
    """Embed some items again, in smaller groups, and compare.

    Args:
        method: the method.
        views: N views.
        embeddings: what `embed` returned for all of them in one call.
        count: number of items to embed again, at most N; 0 embeds nothing.
        embed: embeds views and checks the values.

    Raises:
        PluginError: an embedding differs by more than the tolerance.
    """
    rows = np.linspace(0, len(views) - 1, count).round().astype(int).tolist()
    groups = max(2, -(-count // _GROUP))
    tolerance = tolerance_of(embeddings.values.dtype, method.runtime.device)
    for group in filter(None, (rows[start::groups] for start in range(groups))):
        again = embed([views[row] for row in group])
        for position, row in enumerate(group):
            difference = relative_difference(cut_item(embeddings, row), cut_item(again, position))
            if difference > tolerance:
                raise PluginError(
                    f"method '{method.name}' must return the same embedding of a tracklet in every call, got a "
                    f"relative difference of {difference:.2g} (at most {tolerance:g} is allowed) between a call with "
                    f"{len(views)} tracklets and one with {len(group)}; it must not depend on the other tracklets of "
                    "the call, on earlier calls or on random numbers"
                )


def tolerance_of(dtype: torch.dtype, device: str) -> float:
    """Return the largest allowed relative difference for values of a type that a device computed."""
    is_full = dtype in (torch.float32, torch.float64) and device == "cpu"
    return FULL_TOLERANCE if is_full else HALF_TOLERANCE


def relative_difference(first: Tensor, second: Tensor) -> float:
    """Return the norm of the difference of two items, relative to the larger norm; infinite if the shapes differ."""
    if first.shape != second.shape:
        return math.inf
    first, second = first.detach().cpu().double(), second.detach().cpu().double()
    norm = max(float(first.norm()), float(second.norm()))
    return float((first - second).norm()) / norm if norm else 0.0


def cut_item(embeddings: Embeddings, row: int) -> Tensor:
    """Return the values of one item without padding: (D,), (T, D), (A, D) or (A, T, D)."""
    values = embeddings.values[row]
    if embeddings.views is not None:
        values = values[: int(embeddings.views[row])]
    if embeddings.lengths is not None:
        values = values[..., : int(embeddings.lengths[row]), :]
    return values
