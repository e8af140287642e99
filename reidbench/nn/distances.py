"""Distances between embeddings of several test-time views."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def euclidean(query: Tensor, gallery: Tensor) -> Tensor:
    """Return plain Euclidean distances (Q, G) of vectors (Q, D) and (G, D)."""
    squared = query.square().sum(1)[:, None] + gallery.square().sum(1)[None, :] - 2 * (query @ gallery.T)
    return squared.clamp_(min=0).sqrt_()


def mean_over_views(
    distance: Callable[[Tensor, Tensor], Tensor],
    query: Tensor,
    query_views: Tensor | None,
    gallery: Tensor,
    gallery_views: Tensor | None,
) -> Tensor:
    """Return distances (Q, G) averaged over test-time views.

    View a of a query is compared with view a of a gallery item: both were shown under the same condition
    (the 16 conditions of McLaughlin et al. 2016 are summed in this way). Where one side has fewer views, its
    last one stands in for the rest, so an item without views is compared with every view of the other.

    Args:
        distance: distances (Q, G) of vectors (Q, D) and (G, D).
        query: (Q, D), or (Q, A, D) with `query_views` (Q,).
        query_views: number of views of each query; None for plain vectors.
        gallery: (G, D), or (G, B, D) with `gallery_views` (G,).
        gallery_views: number of views of each gallery item; None for plain vectors.
    """
    if query_views is None and gallery_views is None:
        return distance(query, gallery)
    query, query_views = _with_views(query, query_views)
    gallery, gallery_views = _with_views(gallery, gallery_views)
    count = torch.maximum(query_views[:, None], gallery_views[None, :])  # (Q, G)
    total = query.new_zeros(count.shape, dtype=torch.float64)
    for view in range(int(count.max()) if count.numel() else 0):
        distances = distance(_view(query, query_views, view), _view(gallery, gallery_views, view))
        total += torch.where(view < count, distances, 0)
    return total / count


def _with_views(values: Tensor, views: Tensor | None) -> tuple[Tensor, Tensor]:
    if views is None:
        return values[:, None], torch.ones(len(values), dtype=torch.long, device=values.device)
    return values, views.to(values.device)


def _view(values: Tensor, views: Tensor, view: int) -> Tensor:
    rows = torch.arange(len(values), device=values.device)
    return values[rows, torch.clamp(views - 1, max=view)]
