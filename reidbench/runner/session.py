"""A session: several requests in one command, all checked before the first one runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reidbench.cache import Cache
from reidbench.datasets import FrameLoader
from reidbench.errors import ConfigError
from reidbench.plugin import Runtime
from reidbench.plugin.manager import Plugins
from reidbench.records import Record
from reidbench.runner.cache_contents import describe_older
from reidbench.runner.device import resolve_device
from reidbench.runner.plan import RunRequest, choose, make_plan
from reidbench.runner.run import run

log = logging.getLogger(__name__)


class Session:
    """Runs requests one after the other; frames are decoded once for all of them."""

    def __init__(self, plugins: Plugins, *, device: str, output: Path, cache: Cache | None = None) -> None:
        self.plugins = plugins
        self.output = output
        self.cache = cache if cache is not None else Cache()
        self.runtime = Runtime(device=resolve_device(device), progress=True)

    def run(self, requests: Sequence[RunRequest]) -> Iterator[tuple[Record, Path]]:
        """Yield the record of each request and its path as soon as the request is finished."""
        check_writable("--output", self.output)
        self._report_older_entries()
        choices = [choose(request, self.plugins, self.runtime) for request in requests]
        if len(choices) > 1 and (paths := [r.save_features for r in requests if r.save_features]):
            raise ConfigError(
                f"--save-features {paths[0]} needs one method and one protocol, got {len(choices)} runs"
            )
        loader = FrameLoader()
        for choice in choices:
            yield run(choice, self.plugins, self.runtime, cache=self.cache, output=self.output, loader=loader)

    def _report_older_entries(self) -> None:
        """Report the entries of older versions once: before the first entry of this version."""
        if not self.cache.root.exists() and (line := describe_older(self.cache)):
            log.warning("%s", line)

    def outline(self, requests: Sequence[RunRequest]) -> list[dict[str, Any]]:
        """Return one row per request: what would be run and which tasks the cache already has."""
        rows = []
        for choice in [choose(request, self.plugins, self.runtime) for request in requests]:
            plan = make_plan(choice, self.plugins, self.cache)
            rows.append(
                {
                    "method": choice.method_class.name,
                    "settings": choice.settings,
                    "protocol": choice.protocol.name,
                    "trials": len(plan.trials),
                    "seeds": len(choice.seeds),
                    "train": len(plan.trials[0].train),
                    "query": plan.trials[0].queries,
                    "gallery": plan.trials[0].gallery,
                    "done": sum(self.cache.trial(task.keys.scores).exists() for task in plan.main_tasks),
                    "device": self.runtime.device,
                    "fingerprint": plan.fingerprint,
                }
            )
        return rows


def check_writable(option: str, folder: Path) -> None:
    """Check that files can be written to a folder, before any work starts.

    Raises:
        ConfigError: they cannot; the message names the option that gave the folder.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise ConfigError(
            f"cannot write to {option} {folder}: {existing} is not a writable directory; choose another one"
        )
