"""Sorting, searching and picking among many float32 values at once, whatever the device."""

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

FARTHEST = torch.finfo(torch.float32).max  # stands for an item that does not take part
COLUMN_BITS = (1 << 29) - 1  # the bits that a float64 has more than the float32 whose value it holds
_THREAD_ELEMENTS = 1 << 16  # values worth a thread of their own


def up_to(values: Tensor, limits: Tensor, *, share: float) -> tuple[Tensor, Tensor] | None:
    """Return places in the flattened values (q, g), ascending, and values, of all that do not exceed the limits (q,).

    None where they are more than a share of all: then they are not worth picking out. On a CPU by NumPy, rows in
    threads of their own: several times as fast, since each part stays in the memory near its core.
    """
    if values.device.type != "cpu":
        places = torch.nonzero((values <= limits[:, None]).view(-1)).view(-1)
        return (
            (places, values.view(-1).index_select(0, places))
            if len(places) <= share * values.numel()
            else None
        )
    table, bounds = values.numpy(), limits.numpy()[:, None]

    def find(rows: slice) -> tuple[Integers, Floats] | None:
        part = table[rows]
        is_near = part <= bounds[rows]
        if np.count_nonzero(is_near) > share * is_near.size:
            return None
        places = np.flatnonzero(is_near)
        return places + rows.start * table.shape[1], part.reshape(-1)[places]

    near = []
    for part in in_threads(find, len(table), table.size):
        if part is None:
            return None
        near.append(part)
    places, found = (torch.from_numpy(np.concatenate(side)) for side in zip(*near, strict=True))
    return places, found


def in_threads(work: Callable[[slice], T], rows: int, elements: int) -> list[T]:
    """Return what some work gives for parts of the rows, one for each thread that is worth its while."""
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
    """Return float32 numbers that are not below these float64 ones."""
    rounded = values.float()
    return torch.where(rounded < values, torch.nextafter(rounded, rounded.new_tensor(torch.inf)), rounded)


def quotient(places: Tensor, width: int) -> Tensor:
    """Return the row of each place in a flattened table of this width."""
    shift = width.bit_length() - 1
    return places >> shift if width == 1 << shift else torch.div(places, width, rounding_mode="floor")


def codes(row: Tensor, values: Tensor) -> Tensor:
    """Return int64 numbers in the order of the row and, within a row, of the float32 values."""
    bits = (values + 0.0).view(torch.int32)  # turns -0 into 0
    return (row << 32) + (bits ^ ((bits >> 31) & 0x7FFFFFFF))


def count_below(values: Tensor, bounds: Tensor) -> Tensor:
    """Count, in each row of values (q, G), overwritten, those not above each bound (q, N)."""
    return torch.searchsorted(sort_rows(values), bounds.to(values.dtype), right=True)


def pack_columns(values: Tensor) -> Tensor:
    """Widen float32 (q, g) to float64 and write the column into the bits that are left, which keeps the order."""
    packed = values.double()
    packed.view(torch.int64).bitwise_or_(torch.arange(values.shape[1], device=values.device))
    return packed


def packed_limits(limits: Tensor) -> Tensor:
    """Return the packed numbers (q, N) that float32 values of any column do not exceed unless they exceed limits."""
    values = limits.clamp(max=FARTHEST).float()
    values = torch.where(values > limits, torch.nextafter(values, values.new_tensor(-torch.inf)), values)
    packed = values.double() + 0.0  # turns -0 into 0
    packed.view(torch.int64).bitwise_or_(torch.where(values >= 0, COLUMN_BITS, 0))
    return packed


def sort_rows(values: Tensor) -> Tensor:
    """Sort each row, maybe in place; on a CPU by NumPy, whose vectorised sort is many times as fast."""
    if values.device.type != "cpu":
        return values.sort(dim=1).values
    table = values.numpy()
    in_threads(lambda rows: table[rows].sort(axis=1), len(table), table.size)
    return values
