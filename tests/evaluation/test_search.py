from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from reidbench.errors import FeatureError
from reidbench.evaluation import evaluate, evaluate_search

from .searches import search

LABELS: Any = [1, 2], [-1, 1, 2, 1], [1, 1], [2, 2, 2, 1]
MATRIX = torch.tensor([[4.0, 1.0, 3.0, 2.0], [1.0, 2.0, 3.0, 4.0]])


def score(queries: slice, items: slice) -> torch.Tensor:
    return MATRIX[queries, items]


@pytest.mark.parametrize("source", [{"distances": MATRIX}, {"scorer": score}], ids=["matrix", "pair scorer"])
def test_the_matrix_has_all_items_in_the_order_of_the_gallery(source: Any) -> None:
    matrix = search(None, None, *LABELS, **source).matrix()

    assert matrix is not None
    assert torch.equal(matrix, MATRIX)


def test_blocks_of_a_pair_scorer_do_not_show_in_the_matrix() -> None:
    matrix = search(None, None, *LABELS, scorer=score, block=(1, 3)).matrix()

    assert matrix is not None
    assert torch.equal(matrix, MATRIX)


def test_features_have_no_matrix() -> None:
    assert search(MATRIX[:, :3], torch.ones(4, 3), *LABELS).matrix() is None


def test_another_gallery_uses_the_same_distances() -> None:
    changed = search(None, None, *LABELS, distances=MATRIX).with_gallery_pids(np.array([1, 0, 2, -1]))

    expected = evaluate(None, None, [1, 2], [1, 0, 2, -1], [1, 1], [2, 2, 2, 1], distances=MATRIX)
    assert evaluate_search(changed).per_query.equals(expected.per_query)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of .*, got 0 of them"),
        ({"distances": [[1, 2]], "query_features": [[1]]}, "exactly one of .*, got 2 of them"),
        ({"distances": [[1, 2]], "scorer": score}, "exactly one of .*, got 2 of them"),
        ({"query_features": [[1.0]]}, "gallery_features is missing"),
        ({"query_features": [[1.0]], "gallery_features": [[1.0]]}, "gallery_features has 1 rows"),
        ({"distances": [[1.0]]}, "distances has 1 columns and gallery_pids has 2"),
        ({"distances": [[1.0, np.inf]]}, "row 0, column 1 is inf"),
        ({"scorer": score, "block": (0, 1)}, "block must be two numbers of at least 1"),
        ({"scorer": score, "block": (1, -1)}, "block must be two numbers of at least 1"),
    ],
)
def test_invalid_sources_raise_feature_error(arguments: dict[str, Any], message: str) -> None:
    labels = {"query_pids": [1], "gallery_pids": [1, 2], "query_camids": [1], "gallery_camids": [2, 2]}
    with pytest.raises(FeatureError, match=message):
        search(**labels, **arguments)
