from __future__ import annotations

import pytest
import torch

from reidbench.nn import euclidean, mean_over_views


def test_euclidean_is_the_norm_of_the_difference() -> None:
    generator = torch.Generator().manual_seed(0)
    query, gallery = torch.randn(4, 6, generator=generator), torch.randn(5, 6, generator=generator)

    expected = torch.linalg.norm(query[:, None] - gallery[None], dim=2)

    torch.testing.assert_close(euclidean(query, gallery), expected)


def test_views_are_paired_and_the_last_view_is_repeated() -> None:
    generator = torch.Generator().manual_seed(1)
    query, gallery = (torch.randn(3, 4, 5, generator=generator) for _ in range(2))
    query_views, gallery_views = torch.tensor([4, 1, 2]), torch.tensor([4, 4, 1])

    distances = mean_over_views(euclidean, query, query_views, gallery, gallery_views)

    for q in range(3):
        for g in range(3):
            a, b = int(query_views[q]), int(gallery_views[g])
            pairs = [(min(v, a - 1), min(v, b - 1)) for v in range(max(a, b))]
            expected = sum(float(torch.linalg.norm(query[q, x] - gallery[g, y])) for x, y in pairs) / len(
                pairs
            )
            assert float(distances[q, g]) == pytest.approx(expected, rel=1e-5)


def test_padded_views_do_not_change_distances() -> None:
    query, gallery = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    views = torch.tensor([1, 2])
    before = mean_over_views(euclidean, query, views, gallery, views)
    query[0, 1:], gallery[1, 2:] = 1e6, -1e6

    assert torch.equal(mean_over_views(euclidean, query, views, gallery, views), before)


def test_plain_vectors_are_compared_with_every_view() -> None:
    query, gallery = torch.randn(2, 4), torch.randn(3, 2, 4)

    distances = mean_over_views(euclidean, query, None, gallery, torch.full((3,), 2))

    expected = (euclidean(query, gallery[:, 0]) + euclidean(query, gallery[:, 1])) / 2
    torch.testing.assert_close(distances.float(), expected)
