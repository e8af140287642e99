from __future__ import annotations

import pytest
import torch

from reidbench.evaluation.precision import (
    average_precision,
    first_match_rank,
    inverse_negative_penalty,
    trapezoid_average_precision,
)

RANKS = torch.tensor(
    [
        # All matches come first.
        [1, 2, 3],
        # Datasets differ most where matches are few and late.
        [2, 4, 0],
        [5, 0, 0],
        # No match.
        [0, 0, 0],
    ]
)
NAN = float("nan")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (average_precision, [1, (1 / 2 + 2 / 4) / 2, 1 / 5, NAN]),
        (trapezoid_average_precision, [1, (1 / 4 + (2 / 4 + 1 / 3) / 2) / 2, 1 / 10, NAN]),
        (inverse_negative_penalty, [1, 2 / 4, 1 / 5, NAN]),
        (first_match_rank, [1, 2, 5, 0]),
    ],
)
def test_worked_ranks(function, expected) -> None:
    values = function(RANKS)
    assert values.dtype == (torch.int64 if function is first_match_rank else torch.float64)
    assert values.tolist() == pytest.approx(expected, abs=1e-15, nan_ok=True)


@pytest.mark.parametrize(
    "function", [average_precision, trapezoid_average_precision, inverse_negative_penalty, first_match_rank]
)
def test_filling_up_changes_no_bit(function) -> None:
    ranks = torch.cumsum(torch.randint(1, 9, (50, 17), generator=torch.Generator().manual_seed(0)), dim=1)
    for width in (1, 2, 7, 100):
        filled = torch.nn.functional.pad(ranks, (0, width))
        assert function(filled).equal(function(ranks))


def test_blocks_without_any_match_are_nan_and_zero() -> None:
    nothing = torch.zeros(2, 0, dtype=torch.int64)
    assert average_precision(nothing).isnan().all()
    assert trapezoid_average_precision(nothing).isnan().all()
    assert inverse_negative_penalty(nothing).isnan().all()
    assert first_match_rank(nothing).tolist() == [0, 0]


def test_the_trapezoid_is_never_above_and_equal_only_for_a_perfect_ranking() -> None:
    steps = torch.randint(1, 4, (500, 5), generator=torch.Generator().manual_seed(1))
    ranks = torch.cumsum(steps, dim=1)
    difference = average_precision(ranks) - trapezoid_average_precision(ranks)
    perfect = (steps == 1).all(dim=1)
    assert perfect.any()
    assert (difference[perfect] == 0).all()
    assert (difference[~perfect] > 0).all()
