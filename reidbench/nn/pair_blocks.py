"""Running a function of pairs over blocks of both axes, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# Of the largest thing that exists for the pairs of a block. On a CPU it should stay in the cache and be memory that the
# allocator hands out again: 2 MB took half of the time of 16 MB.
_BYTES = {"cpu": 1 << 21, "cuda": 1 << 28}


def map_pair_blocks(
    block: Callable[[slice, slice], Tensor], rows: int, columns: int, *, cells: int, like: Tensor
) -> Tensor:
    """Return (rows, columns) values of all pairs, computed block by block.

    With gradients there is one block: all of it has to be held for the way back.

    Args:
        block: rows and columns to values (r, c).
        rows: number of rows, at least 1.
        columns: number of columns, at least 1.
        cells: numbers that the block holds for each pair.
        like: a tensor whose device and type the numbers have.
    """
    if torch.is_grad_enabled():
        return block(slice(0, rows), slice(0, columns))
    room = max(1, _BYTES.get(like.device.type, _BYTES["cpu"]) // (cells * like.element_size()))  # pairs
    height = min(rows, max(1, int(room**0.5)))
    width = min(columns, max(1, room // height))
    return torch.cat(
        [
            torch.cat(
                [
                    block(slice(row, row + height), slice(column, column + width))
                    for column in range(0, columns, width)
                ],
                dim=1,
            )
            for row in range(0, rows, height)
        ]
    )
