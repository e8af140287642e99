"""Searches of arrays, for tests."""

from __future__ import annotations

from typing import Any

from reidbench.evaluation import Labels, Search, make_search


def search(
    query_features: Any = None,
    gallery_features: Any = None,
    query_pids: Any = None,
    gallery_pids: Any = None,
    query_camids: Any = None,
    gallery_camids: Any = None,
    **source: Any,
) -> Search:
    """Return the search of arrays in the order of `evaluate`."""
    labels = Labels(query_pids, gallery_pids, query_camids, gallery_camids)
    return make_search(labels, query_features, gallery_features, **source)
