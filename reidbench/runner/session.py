"""A session: several requests in one command, all checked before the first one runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reidbench.cache import Cache
from reidbench.datasets import FrameLoader
from reidbench.errors import ConfigError
from reidbench.plugin import Plugins, Runtime
from reidbench.progress import is_terminal
from reidbench.runner.device import resolve_device
from reidbench.runner.plan import RunRequest, choose
from reidbench.runner.record import Record
from reidbench.runner.run import make_plan, run


class Session:
    """Runs requests one after the other; frames are decoded once for all of them."""

    def __init__(self, plugins: Plugins, *, device: str, output: Path, cache: Cache | None = None) -> None:
        self.plugins = plugins
        self.output = output
        self.cache = cache if cache is not None else Cache()
        self.runtime = Runtime(device=resolve_device(device), progress=is_terminal())

    def run(self, requests: Sequence[RunRequest]) -> Iterator[tuple[Record, Path]]:
        """Yield the record of each request, and its file, as they are done."""
        check_writable("--output", self.output)
        choices = [choose(request, self.plugins, self.runtime) for request in requests]
        if len(choices) > 1 and (saved := [r.save_features for r in requests if r.save_features]):
            raise ConfigError(
                f"--save-features {saved[0]} takes the features of one run, got {len(choices)} runs"
            )
        loader = FrameLoader()
        for choice in choices:
            yield run(choice, self.plugins, self.runtime, cache=self.cache, output=self.output, loader=loader)

    def outlines(self, requests: Sequence[RunRequest]) -> list[dict[str, Any]]:
        """Return, for each request, what would be run and what the cache already holds."""
        rows = []
        for choice in [choose(request, self.plugins, self.runtime) for request in requests]:
            plan = make_plan(choice, self.plugins, self.cache)
            rows.append(
                {
                    "method": choice.method_class.name,
                    "settings": choice.label,
                    "protocol": choice.protocol.name,
                    "trials": len(plan.trials),
                    "train": len(plan.trials[0].train),
                    "query": plan.trials[0].queries,
                    "gallery": plan.trials[0].gallery,
                    "done": sum(
                        self.cache.trial(plan.trial_key(trial, plan.windows)).exists()
                        for trial in plan.trials
                    ),
                    "device": self.runtime.device,
                    "fingerprint": plan.run_fingerprint,
                }
            )
        return rows


def check_writable(option: str, folder: Path) -> None:
    """Refuse, before hours of work, a folder whose files could not be written.

    Raises:
        ConfigError: nothing can be written there; the message names the option that gave the folder.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ConfigError(
            f"{option} {folder} cannot be written: {there} is no folder you can write to; choose another"
        )
