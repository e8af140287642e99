"""Sorting, searching and selecting many float32 values at once, on any device."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

T = TypeVar("T")
Integers = NDArray[np.int64]
Floats = NDArray[np.float32]

# Value of an excluded item.
FARTHEST = torch.finfo(torch.float32).max
# The bits that a float64 has in addition to those of the float32 of the same value.
COLUMN_BITS = (1 << 29) - 1
# Smallest number of values per thread.
_THREAD_ELEMENTS = 1 << 16


def up_to(values: Tensor, limits: Tensor, *, share: float) -> tuple[Tensor, Tensor] | None:
    """Return the indices in the flattened values (q, g), ascending, and the values, of all within the limits (q,).

    None if they are more than a share of all, because selection is slow then. On a CPU, NumPy selects the rows in
    threads: this is several times as fast, because each part stays in the cache of its core.
    """
    if values.device.type != "cpu":
        indices = torch.nonzero((values <= limits[:, None]).view(-1)).view(-1)
        return (
            (indices, values.view(-1).index_select(0, indices))
            if len(indices) <= share * values.numel()
            else None
        )
    table, bounds = values.numpy(), limits.numpy()[:, None]

    def find(rows: slice) -> tuple[Integers, Floats] | None:
        part = table[rows]
        is_near = part <= bounds[rows]
        if np.count_nonzero(is_near) > share * is_near.size:
            return None
        indices = np.flatnonzero(is_near)
        return indices + rows.start * table.shape[1], part.reshape(-1)[indices]

    near = []
    for part in in_threads(find, len(table), table.size):
        if part is None:
            return None
        near.append(part)
    indices, found = (torch.from_numpy(np.concatenate(side)) for side in zip(*near, strict=True))
    return indices, found


def in_threads(work: Callable[[slice], T], rows: int, elements: int) -> list[T]:
    """Return the results of `work` for parts of the rows, one per thread; small tables use fewer threads."""
    threads = max(1, min(torch.get_num_threads(), elements // _THREAD_ELEMENTS, rows))
    ends = [rows * number // threads for number in range(threads + 1)]
    parts = [slice(start, stop) for start, stop in pairwise(ends)]
    if threads == 1:
        return [work(part) for part in parts]
    return list(_pool(threads).map(work, parts))


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="reidbench-evaluation")


def round_up(values: Tensor) -> Tensor:
    """Return float32 numbers that are at least these float64 numbers."""
    rounded = values.float()
    return torch.where(rounded < values, torch.nextafter(rounded, rounded.new_tensor(torch.inf)), rounded)


def quotient(indices: Tensor, width: int) -> Tensor:
    """Return the row of each index in a flattened table of this width."""
    shift = width.bit_length() - 1
    return indices >> shift if width == 1 << shift else torch.div(indices, width, rounding_mode="floor")


def codes(row: Tensor, values: Tensor) -> Tensor:
    """Return int64 numbers in the order of the row and, within a row, of the float32 values."""
    # The addition turns -0 into 0.
    bits = (values + 0.0).view(torch.int32)
    return (row << 32) + (bits ^ ((bits >> 31) & 0x7FFFFFFF))


def count_below(values: Tensor, bounds: Tensor) -> Tensor:
    """Count, in each row of values (q, G), overwritten, those not above each bound (q, N)."""
    return torch.searchsorted(sort_rows(values), bounds.to(values.dtype), right=True)


def pack_columns(values: Tensor) -> Tensor:
    """Widen float32 (q, g) to float64 and write the column into the free bits, which keeps the order."""
    packed = values.double()
    packed.view(torch.int64).bitwise_or_(torch.arange(values.shape[1], device=values.device))
    return packed


def pack_limits(limits: Tensor) -> Tensor:
    """Return the packed numbers (q, N) that float32 values of any column do not exceed unless they exceed limits."""
    values = limits.clamp(max=FARTHEST).float()
    values = torch.where(values > limits, torch.nextafter(values, values.new_tensor(-torch.inf)), values)
    # The addition turns -0 into 0.
    packed = values.double() + 0.0
    packed.view(torch.int64).bitwise_or_(torch.where(values >= 0, COLUMN_BITS, 0))
    return packed


def sort_rows(values: Tensor) -> Tensor:
    """Sort each row, possibly in place; on a CPU with NumPy, whose vectorised sort is many times as fast."""
    if values.device.type != "cpu":
        return values.sort(dim=1).values
    table = values.numpy()
    in_threads(lambda rows: table[rows].sort(axis=1), len(table), table.size)
    return values
