from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reidbench.nn import map_pair_blocks, pair_blocks


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 50), st.integers(1, 400))
@settings(deadline=None)
def test_every_pair_is_computed_once_in_bounded_blocks(
    rows: int, columns: int, cells: int, limit: int
) -> None:
    visits = torch.zeros(rows, columns)
    expected = torch.arange(rows * columns).view(rows, columns)

    def block(row: slice, column: slice) -> torch.Tensor:
        visits[row, column] += 1
        values = expected[row, column]
        assert values.numel() * cells * 4 <= max(limit, cells * 4)
        return values

    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(pair_blocks, "_BYTES", {"cpu": limit})
        result = map_pair_blocks(block, rows, columns, cells=cells, like=torch.zeros(1))

    assert torch.equal(result, expected)
    assert (visits == 1).all()


def test_gradients_use_a_single_block() -> None:
    calls = []

    def block(row: slice, column: slice) -> torch.Tensor:
        calls.append((row, column))
        return torch.zeros(3, 4)

    map_pair_blocks(block, 3, 4, cells=1 << 40, like=torch.zeros(1))

    assert calls == [(slice(0, 3), slice(0, 4))]
