"""Measure what the check of stable embeddings costs: some tracklets are embedded a second time, in another grouping.

    python benchmarks/stability_cost.py
    python benchmarks/stability_cost.py --tracklets 4096 --methods color-lbp

Embeds the tracklets of rendered people into an empty cache, with and without the check, in turns and in one process.
The network is untrained. Prints the number of tracklets that are embedded again, the seconds with the check, the ratio
of a pass with the check to one without it, in elapsed and in processor time, and the time of the check as a share of
the rest of the same pass. Each is the median with the range of the repeats.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import torch

from reidbench.cache import Cache
from reidbench.datasets import FrameLoader
from reidbench.plugin import Runtime
from reidbench.plugin.manager import Plugins
from reidbench.protocols.schema import SyntheticRule
from reidbench.runner import RunRequest, embedding
from reidbench.runner.plan import Plan, choose, make_plan
from reidbench.runner.stability import check_repeats
from reidbench.runner.trial import TaskContext, embed_task, fit_method

# Preset and settings of each method.
METHODS: dict[str, tuple[str, dict[str, str]]] = {
    "color-lbp": ("paper", {}),
    "siamese-convgru": ("small", {"epochs": "0"}),
}
TRAINING_PEOPLE = 4


@dataclass
class Check:
    """Runs the check, or leaves it out, and adds up its cost.

    Attributes:
        is_on: whether the check is run.
        seconds: time of all checks.
        repeated: tracklets embedded again.
    """

    is_on: bool
    seconds: float = 0.0
    repeated: int = 0

    def __call__(self, method: Any, views: Any, embeddings: Any, count: int, embed: Any) -> None:
        """Do the work of `check_repeats`."""
        if self.is_on:
            started = time.perf_counter()
            check_repeats(method, views, embeddings, count, embed)
            self.seconds += time.perf_counter() - started
            self.repeated += count


@dataclass(frozen=True)
class Pass:
    """Elapsed seconds and processor seconds of an embedding of all tracklets, and its check."""

    elapsed: float
    processor: float
    check: Check


def make_demo_plan(method: str, tracklets: int, frames: int, cache: Cache) -> Plan:
    """Return the plan of a method on `tracklets` tested tracklets of two cameras, in the layout of iLIDS-VID."""
    preset, overrides = METHODS[method]
    plugins = Plugins()
    request = RunRequest(method=method, protocol="demo", preset=preset, overrides=overrides)
    choice = choose(request, plugins, Runtime())
    tested = tracklets // 2
    people = tested + TRAINING_PEOPLE
    trials = msgspec.structs.replace(choice.protocol.trials, count=1, people=people, test_people=tested)
    rule = SyntheticRule(people=people, frames=frames, seed=1)
    protocol = msgspec.structs.replace(choice.protocol, trials=trials, synthetic=rule)
    return make_plan(replace(choice, protocol=protocol), plugins, cache)


def embed_all(plan: Plan, *, is_checked: bool) -> Pass:
    """Embed all tracklets of a plan into an empty cache."""
    check = Check(is_checked)
    with (
        tempfile.TemporaryDirectory(prefix="stability_cost.") as folder,
        mock.patch.object(embedding, "check_repeats", check),
    ):
        context = TaskContext(plan, Cache(Path(folder)), Runtime(), FrameLoader())
        fit_method(plan.tasks[0], context)
        elapsed, processor = time.perf_counter(), time.process_time()
        embed_task(plan.tasks[0], context)
        return Pass(time.perf_counter() - elapsed, time.process_time() - processor, check)


def format_values(values: Sequence[float], form: str) -> str:
    """Return the median of some values with their range."""
    median, low, high = statistics.median(values), min(values), max(values)
    return f"{median:{form}} [{low:{form}}, {high:{form}}]"


def measure(method: str, plan: Plan, repeats: int) -> None:
    """Embed in turns with and without the check, and print a line."""
    # The first pass reads the files and starts threads.
    embed_all(plan, is_checked=False)
    pairs = []
    for repeat in range(repeats):
        # Each goes first in half of the pairs.
        checked_first = repeat % 2 == 0
        first, second = (embed_all(plan, is_checked=checked_first is turn) for turn in (True, False))
        pairs.append((first, second) if checked_first else (second, first))
    checked = [one for one, _ in pairs]
    print(
        f"{method}: {checked[0].check.repeated} tracklets again, "
        f"{format_values([one.elapsed for one in checked], '.2f')} s, with : without "
        f"{format_values([one.elapsed / other.elapsed for one, other in pairs], '.3f')}, processor time "
        f"{format_values([one.processor / other.processor for one, other in pairs], '.3f')}, share of the check "
        + format_values([one.check.seconds / (one.elapsed - one.check.seconds) for one in checked], ".2%")
    )


def main() -> None:
    """Render the people, measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=list(METHODS), help="methods to measure"
    )
    parser.add_argument("--tracklets", type=int, default=1024, help="tested tracklets, at least 16")
    parser.add_argument("--frames", type=int, default=4, help="frames of a tracklet, at least 2")
    parser.add_argument("--repeats", type=int, default=7, help="number of pairs, at least 1")
    arguments = parser.parse_args()
    for name, minimum in (("tracklets", 16), ("frames", 2), ("repeats", 1)):
        if getattr(arguments, name) < minimum:
            parser.error(f"--{name} must be at least {minimum}, got {getattr(arguments, name)}")
    print(
        f"{arguments.tracklets:,} tracklets of {arguments.frames} frames, {torch.get_num_threads()} threads"
    )
    with tempfile.TemporaryDirectory(prefix="stability_cost.") as folder:
        for method in arguments.methods:
            plan = make_demo_plan(method, arguments.tracklets, arguments.frames, Cache(Path(folder)))
            measure(method, plan, arguments.repeats)


if __name__ == "__main__":
    main()
