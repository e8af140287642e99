"""The values that a fit reports per epoch, kept in its workspace over interruptions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reidbench.entries import read_json_entry, write_json_entry
from reidbench.errors import PluginError, quote
from reidbench.names import check_name

FILE = "epochs.json"
MAX_EPOCH = 10**9


class EpochLog:
    """Receives the values of `FitJob.log` and stores them after every epoch.

    Attributes:
        values: reported values by epoch.
    """

    def __init__(
        self, workspace: Path, method: str, notify: Callable[[int, Mapping[str, float]], None]
    ) -> None:
        """Read the values of an interrupted fit; if they are damaged, remove its checkpoints, so that it starts again.

        Args:
            workspace: folder of the fit.
            method: name of the method, for messages.
            notify: called with the epoch and its values after they are stored.
        """
        self.path = workspace / FILE
        self.method = method
        self.notify = notify
        was_written = self.path.exists()
        values = read_json_entry(self.path, _parse)
        if was_written and values is None:
            for checkpoint in workspace.glob("checkpoint*"):
                checkpoint.unlink(missing_ok=True)
        self.values: dict[int, dict[str, float]] = values or {}

    def add(self, epoch: int, values: Mapping[str, float]) -> None:
        """Store the values of an epoch; values of the same epoch are replaced.

        Raises:
            PluginError: the epoch is not a number of at least 0, a name is not allowed, or a value is not finite.
        """
        if not isinstance(epoch, int) or isinstance(epoch, bool) or not 0 <= epoch <= MAX_EPOCH:
            raise PluginError(
                f"method '{self.method}': epoch must be a whole number in [0, {MAX_EPOCH}], got {quote(epoch)}"
            )
        for name, value in values.items():
            check_name(f"value that method '{self.method}' reports", name, PluginError)
            if not isinstance(value, float) or not math.isfinite(value):
                raise PluginError(
                    f"method '{self.method}' must report finite values, got {name} = {quote(value)} in epoch {epoch}"
                )
        self.values[epoch] = dict(values)
        write_json_entry(self.path, {"epochs": self.rows()})
        self.notify(epoch, dict(values))

    def rows(self) -> list[tuple[int, dict[str, float]]]:
        """Return (epoch, values) in the order of the epochs."""
        return sorted(self.values.items())


def _parse(fields: dict[str, Any]) -> dict[int, dict[str, float]]:
    return {int(epoch): dict(values) for epoch, values in fields["epochs"]}
