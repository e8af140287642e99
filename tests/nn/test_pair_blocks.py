from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reidbench.nn import map_pair_blocks, pair_blocks


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 50), st.integers(1, 400))
def test_every_pair_is_asked_once_in_blocks_of_bounded_size(
    rows: int, columns: int, cells: int, room: int
) -> None:
    asked = torch.zeros(rows, columns)
    names = torch.arange(rows * columns).view(rows, columns)

    def block(row: slice, column: slice) -> torch.Tensor:
        asked[row, column] += 1
        part = names[row, column]
        assert part.numel() * cells * 4 <= max(room, cells * 4)
        return part

    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(pair_blocks, "_BYTES", {"cpu": room})
        whole = map_pair_blocks(block, rows, columns, cells=cells, like=torch.zeros(1))

    assert torch.equal(whole, names)
    assert (asked == 1).all()


def test_with_gradients_there_is_one_block() -> None:
    calls = []

    def block(row: slice, column: slice) -> torch.Tensor:
        calls.append((row, column))
        return torch.zeros(3, 4)

    map_pair_blocks(block, 3, 4, cells=1 << 40, like=torch.zeros(1))

    assert calls == [(slice(0, 3), slice(0, 4))]
