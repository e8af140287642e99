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

    View a of a query is compared with view a of a gallery item, which has the same test-time augmentation
    (McLaughlin et al. 2016 sum over 16 augmentations in this way). If one side has fewer views, its last view is
    repeated, so an item with one view is compared with every view of the other.

    Args:
        distance: function of vectors (Q, D) and (G, D) to distances (Q, G).
        query: (Q, D), or (Q, A, D) with `query_views` (Q,).
        query_views: number of views of each query; None for plain vectors.
        gallery: (G, D), or (G, B, D) with `gallery_views` (G,).
        gallery_views: number of views of each gallery item; None for plain vectors.
    """
    if query_views is None and gallery_views is None:
        return distance(query, gallery)
    query, query_views = _add_view_axis(query, query_views)
    gallery, gallery_views = _add_view_axis(gallery, gallery_views)
    count = torch.maximum(query_views[:, None], gallery_views[None, :])  # (Q, G)
    total = query.new_zeros(count.shape, dtype=torch.float64)
    for view in range(int(count.max()) if count.numel() else 0):
        distances = distance(
            _select_view(query, query_views, view), _select_view(gallery, gallery_views, view)
        )
        total += torch.where(view < count, distances, 0)
    return total / count


def _add_view_axis(values: Tensor, views: Tensor | None) -> tuple[Tensor, Tensor]:
    if views is None:
        return values[:, None], torch.ones(len(values), dtype=torch.long, device=values.device)
    return values, views.to(values.device)


def _select_view(values: Tensor, views: Tensor, view: int) -> Tensor:
    rows = torch.arange(len(values), device=values.device)
    return values[rows, torch.clamp(views - 1, max=view)]
