"""The values that a fit reports per epoch, kept in its workspace over interruptions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

from reidbench.errors import CacheError, PluginError
from reidbench.files import write_text
from reidbench.fingerprints import canonical_json

FILE = "epochs.json"


class EpochLog:
    """Receives the values of `FitJob.log` and stores them after every epoch.

    Attributes:
        values: reported values by epoch.
    """

    def __init__(
        self, workspace: Path, method: str, notify: Callable[[int, Mapping[str, float]], None]
    ) -> None:
        """Read the values of an interrupted fit.

        Args:
            workspace: folder of the fit.
            method: name of the method, for messages.
            notify: called with the epoch and its values after they are stored.
        """
        self.path = workspace / FILE
        self.method = method
        self.notify = notify
        self.values: dict[int, dict[str, float]] = {}
        try:
            self.values = dict(json.loads(self.path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError) as error:
            raise CacheError(f"cannot read {self.path}: {error}; delete the file to fit again") from error

    def add(self, epoch: int, values: Mapping[str, float]) -> None:
        """Store the values of an epoch; values of the same epoch are replaced.

        Raises:
            PluginError: a value is not finite.
        """
        for name, value in values.items():
            if not math.isfinite(value):
                raise PluginError(
                    f"method '{self.method}' must report finite values, got {name} = {value} in epoch {epoch}"
                )
        self.values[epoch] = dict(values)
        write_text(self.path, canonical_json(self.rows()))
        self.notify(epoch, dict(values))

    def rows(self) -> list[tuple[int, dict[str, float]]]:
        """Return (epoch, values) in the order of the epochs."""
        return sorted(self.values.items())
