"""Sorting, searching and selecting many float32 values at once, on any device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

# Value of an excluded item.
FARTHEST = torch.finfo(torch.float32).max
# The bits that a float64 has in addition to those of the float32 of the same value.
_COLUMN_BITS = (1 << 29) - 1


def up_to(values: Tensor, limits: Tensor, *, share: float) -> tuple[Tensor, Tensor] | None:
    """Return the indices in the flattened values (q, g), ascending, and the values, of all within the limits (q,).

    None if they are more than a share of all. On a CPU, NumPy selects several times as fast.
    """
    if values.device.type == "cpu":
        is_near = values.numpy() <= limits.numpy()[:, None]
        if np.count_nonzero(is_near) > share * is_near.size:
            return None
        indices = torch.from_numpy(np.flatnonzero(is_near))
    else:
        indices = torch.nonzero((values <= limits[:, None]).view(-1)).view(-1)
        if len(indices) > share * values.numel():
            return None
    return indices, values.view(-1).index_select(0, indices)


class SortedTable:
    """All float32 values (q, g) of some rows, sorted, with their columns.

    Widened to float64, values have free bits for the column, which do not change the order of different values.

    Attributes:
        starts: (q,), the index of the first item of each row.
    """

    def __init__(self, values: Tensor, memory: Tensor) -> None:
        """Sort the values in this memory, float64 of at least as many elements; new memory is slower."""
        packed = memory.view(-1)[: values.numel()].view(values.shape).copy_(values)
        packed.view(torch.int64).bitwise_or_(torch.arange(values.shape[1], device=values.device))
        self._packed = sort(packed)
        self.starts = torch.arange(len(values), device=values.device) * values.shape[1]

    def count(self, limits: Tensor) -> Tensor:
        """Return (q, N): the index after the last item of a row that does not exceed each float64 limit (q, N)."""
        values = round_down(limits.clamp(max=FARTHEST))
        # The addition turns -0 into 0.
        packed = values.double() + 0.0
        packed.view(torch.int64).bitwise_or_(torch.where(values >= 0, _COLUMN_BITS, 0))
        return torch.searchsorted(self._packed, packed, right=True) + self.starts[:, None]

    def columns(self, index: Tensor) -> Tensor:
        """Return the columns (n,) of some items."""
        return self._packed.view(torch.int64).view(-1)[index] & _COLUMN_BITS


class SortedList:
    """Some float32 values (n,) of a table (height, width), sorted by row and value, with their columns.

    Attributes:
        starts: (height,), the index of the first item of each row.
    """

    def __init__(self, indices: Tensor, values: Tensor, height: int, width: int) -> None:
        """Sort the values at these indices of the flattened table."""
        self._bits = (width - 1).bit_length()
        row = indices >> self._bits if width == 1 << self._bits else indices // width
        codes = (_ascending(values).long() << self._bits) + indices
        self._codes = sort(codes.add_(row * ((1 << (32 + self._bits)) - width)))
        lowest = (torch.arange(height, device=values.device) << (32 + self._bits)) - (1 << (31 + self._bits))
        self.starts = torch.searchsorted(self._codes, lowest)

    def count(self, limits: Tensor) -> Tensor:
        """Return (q, N): the index after the last item of a row that does not exceed each float64 limit (q, N)."""
        row = torch.arange(len(limits), device=limits.device)[:, None]
        # The addition turns -0 into 0.
        values = _ascending(round_down(limits) + 0.0).long() + 1
        return torch.searchsorted(self._codes, (row << (32 + self._bits)) + (values << self._bits))

    def columns(self, index: Tensor) -> Tensor:
        """Return the columns (n,) of some items."""
        return self._codes[index] & ((1 << self._bits) - 1)


def _ascending(values: Tensor) -> Tensor:
    """Return int32 numbers in the order of these float32 values."""
    bits = values.view(torch.int32)
    return (bits >> 31).bitwise_and_(0x7FFFFFFF).bitwise_xor_(bits)


def round_down(values: Tensor) -> Tensor:
    """Return the largest float32 numbers that are at most these float64 numbers."""
    rounded = values.float()
    return torch.where(rounded > values, torch.nextafter(rounded, rounded.new_tensor(-torch.inf)), rounded)


def count_below(values: Tensor, bounds: Tensor) -> Tensor:
    """Count, in each row of values (q, G), overwritten, those not above each bound (q, N)."""
    return torch.searchsorted(sort(values), bounds.to(values.dtype), right=True)


def sort(values: Tensor) -> Tensor:
    """Sort the last axis, possibly in place; on a CPU with NumPy, whose vectorised sort is many times as fast."""
    if values.device.type != "cpu":
        return values.sort(dim=-1).values
    values.numpy().sort(axis=-1)
    return values


def ranges(start: Tensor, length: Tensor) -> Tensor:
    """Return start, start + 1, ... of each of n ranges, one range after the other."""
    shift = start - (length.cumsum(0) - length)
    shift = shift.repeat_interleave(length)
    return shift.add_(torch.arange(len(shift), device=shift.device))
