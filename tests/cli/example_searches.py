"""Small searches for feature files."""

from __future__ import annotations

from typing import Any

import numpy as np

from reidbench.features import Items, Search


def example_search(**changes: Any) -> Search:
    """Return features with junk, distractors and the queries in the gallery, as in MARS."""
    random = np.random.default_rng(5)
    pid = np.array([1, 1, 2, 2, 2, 0, -1, 3, 3])
    camid = np.array([1, 2, 1, 2, 3, 1, 2, 1, 2])
    names = np.array([f"t{row}" for row in range(9)], dtype="S")
    features = random.normal(size=(9, 4)) + 2 * pid[:, None]
    gallery = Items(features=features, pid=pid, camid=camid, tracklet_id=names)
    rows = [0, 2, 7]
    query = Items(features=features[rows], pid=pid[rows], camid=camid[rows], tracklet_id=names[rows])
    return Search(**{"name": "", "query": query, "gallery": gallery, **changes})
