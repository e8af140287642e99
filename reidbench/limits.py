"""Limits of what is read from files, each with the environment variable that changes it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

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
