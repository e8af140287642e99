from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from reidbench.errors import FeatureError
from reidbench.evaluation import evaluate, evaluate_search

from .searches import search

LABELS: list[Any] = [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0, -1], [0] * 5, [1] * 7]
MATRIX = torch.from_numpy(np.random.default_rng(0).random((5, 7)))


def test_every_pair_is_scored_once_in_blocks_no_larger_than_allowed() -> None:
    times = torch.zeros(5, 7)

    def scorer(query: slice, gallery: slice) -> torch.Tensor:
        times[query, gallery] += 1
        assert query.stop - query.start <= 2
        assert gallery.stop - gallery.start <= 3
        return MATRIX[query, gallery]

    scores = evaluate_search(search(None, None, *LABELS, scorer=scorer, block=(2, 3)))
    assert (times == 1).all()
    expected = evaluate(None, None, *LABELS, distances=MATRIX)
    pd.testing.assert_frame_equal(scores.per_query, expected.per_query)


def test_a_scorer_may_return_any_float_and_track_gradients() -> None:
    expected = evaluate(None, None, *LABELS, distances=MATRIX.half())
    for dtype in (torch.float16, torch.float32, torch.float64):
        matrix = MATRIX.half().to(dtype).requires_grad_()
        scores = evaluate_search(
            search(None, None, *LABELS, scorer=lambda query, gallery, m=matrix: m[query, gallery])
        )
        pd.testing.assert_frame_equal(scores.per_query, expected.per_query)


def test_queries_without_a_match_need_no_scores() -> None:
    def scorer(query: slice, gallery: slice) -> torch.Tensor:
        raise NotImplementedError

    scores = evaluate_search(search(None, None, [1, 2], [3, 0], [0, 0], [1, 1], scorer=scorer))
    assert scores.queries_without_match == 2


def test_bad_scores_are_refused_with_their_place() -> None:
    with pytest.raises(FeatureError, match=r"queries 2:4 and gallery 0:3: .* shape \(2, 3\), got \(2, 2\)"):
        evaluate_search(
            search(
                None,
                None,
                *LABELS,
                scorer=lambda query, gallery: MATRIX[query, gallery][:, : 3 if query.start < 2 else 2],
                block=(2, 3),
            )
        )
    broken = MATRIX.clone()
    broken[3, 5] = torch.nan
    with pytest.raises(FeatureError, match="pair scores: row 3, column 5 is nan"):
        evaluate_search(
            search(None, None, *LABELS, scorer=lambda query, gallery: broken[query, gallery], block=(2, 3))
        )


def test_an_unknown_rule_for_unmatched_queries_is_refused() -> None:
    with pytest.raises(FeatureError, match="unmatched must be one of exclude, miss, got 'drop'"):
        evaluate_search(
            search(None, None, *LABELS, scorer=lambda query, gallery: MATRIX[query, gallery]),
            unmatched="drop",
        )  # type: ignore[arg-type]
