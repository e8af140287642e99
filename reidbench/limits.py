"""Limits of what is read from files, each with the environment variable that changes it."""

from __future__ import annotations

import math
import os
import stat
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from reidbench.errors import ConfigError, quote


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit of what is read from one file.

    Attributes:
        variable: environment variable that replaces the default.
        default: value without the variable, in the unit of the name of the variable.
    """

    variable: str
    default: float

    def read(self) -> float:
        """Return the limit.

        Raises:
            ConfigError: the variable is not a number above 0.
        """
        text = os.environ.get(self.variable)
        if not text:
            return self.default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            raise ConfigError(
                f"environment variable {self.variable} must be a number above 0, got {quote(text)}"
            )
        return value


MEGAPIXELS = Limit(variable="REIDBENCH_MAX_MEGAPIXELS", default=50)
"""Pixels of a frame in millions, checked before it is decoded."""
ARRAY_GB = Limit(variable="REIDBENCH_MAX_ARRAY_GB", default=1)
"""Size in memory of the arrays that are read from one file, in 10**9 bytes, checked before they are read."""
READ_SECONDS = Limit(variable="REIDBENCH_MAX_READ_SECONDS", default=8)
"""Processor seconds for reading one MATLAB or HDF5 file, besides one second per 10 MB of the file."""
MAX_PROTOCOL_FILE = 1 << 16
"""Bytes of a protocol file; the time to parse long keys grows with the square of their length."""
MAX_SPLIT_FILE = 1 << 20
"""Bytes of a split table of a protocol."""
MAX_RECORD = 1 << 24
"""Bytes of a record; one of ten fits of 1,000 epochs has less than 3 MB."""
MAX_PER_QUERY_FILE = 1 << 28
"""Bytes of a per-query file; one of ten seeds and twenty single-shot trials of CUHK03 has 200 MB."""
MAX_LABEL_FILE = 1 << 28
"""Bytes of a list of labels or names; the largest of the published datasets has 12 MB."""


def read_limited(path: Path | Traversable, limit: int) -> bytes:
    """Return the contents of a file.

    Raises:
        OSError: the file cannot be read, is not a regular file, or is larger than the limit (bytes).
    """
    # Opening a pipe would wait for its other end.
    if isinstance(path, Path) and not stat.S_ISREG(path.stat().st_mode):
        raise OSError(f"{path.name} is not a file")
    with path.open("rb") as file:
        contents = file.read(limit + 1)
    if len(contents) > limit:
        raise OSError(f"it has more than {limit / 1e6:.3g} MB, the limit of such files")
    return contents
