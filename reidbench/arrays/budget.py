"""The limit on the size of arrays, checked before they are read."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from reidbench.errors import quote
from reidbench.limits import ARRAY_GB


class ArrayError(Exception):
    """An array cannot be read, or must not be read; callers add the file and the fix."""


def count_bytes(dtype: np.dtype) -> int:
    """Return the bytes per value in memory, where integers become float64 and half precision becomes float32."""
    if dtype.kind in "iub":
        return 8
    return max(dtype.itemsize, 4 if dtype.kind == "f" else 1)


class Budget:
    """What the arrays of one file may still take in memory."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._left = limit

    @classmethod
    def from_environment(cls) -> Budget:
        """Return the budget of one file."""
        return cls(int(ARRAY_GB.read() * 1e9))

    def take(self, name: str, shape: Sequence[int], dtype: np.dtype) -> None:
        """Reserve the memory of an array.

        Raises:
            ArrayError: the array is larger than what is left; the message has its size and how to raise the limit.
        """
        size = math.prod(shape) * count_bytes(dtype)
        if size > self._left:
            taken = self.limit - self._left
            others = f" after {taken / 1e9:.3g} GB of other arrays" if taken else ""
            raise ArrayError(
                f"{quote(name)} has the shape {quote(tuple(shape))} of {dtype}, which are {size / 1e9:.3g} GB{others}; "
                f"the arrays of a file must have at most {self.limit / 1e9:g} GB, "
                f"set {ARRAY_GB.variable} to raise the limit"
            )
        self._left -= size

    def check_all(self, name: str, shape: Sequence[int], dtype: np.dtype) -> None:
        """Check one array, such as a chunk that is read as a whole, without reserving its memory.

        Raises:
            ArrayError: the array alone is larger than the limit.
        """
        Budget(self.limit).take(name, shape, dtype)
