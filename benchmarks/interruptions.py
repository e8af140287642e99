"""Kills runs at random moments and checks that they resume to the figures of an uninterrupted run.

A run of one trial is killed (SIGKILL, with its worker processes) during rendering, training and embedding in turn, at a
random moment of the phase, and started again. Its figures and the digest of its per-query values must be those of a run
that was never killed.

    python benchmarks/interruptions.py
    python benchmarks/interruptions.py --kills 30 --seed 1

Exits 1 if a figure differs. Takes about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reidbench.cache import Cache

PHASES = ("render", "train", "embed")
COMPARED = ("figures", "trials", "fingerprints", "per_query")


@dataclass(frozen=True)
class Trial:
    """The command that is killed, and the folder of its cache and records."""

    command: list[str]
    folder: Path

    @property
    def cache(self) -> Path:
        """Folder of the cache."""
        return self.folder / "cache"

    @property
    def entries(self) -> Path:
        """Folder of the cache entries of this version."""
        return Cache(self.cache).root

    def start(self) -> subprocess.Popen[str]:
        """Start the run in its own process group."""
        return subprocess.Popen(
            [sys.executable, "-m", "reidbench", *self.command, "--output", str(self.folder / "runs")],
            env={**os.environ, "REIDBENCH_CACHE": str(self.cache)},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def find_phase(self) -> str | None:
        """Return the current phase of the run, from the contents of its cache."""
        if any(self.entries.glob("features/*")) or any(self.entries.glob("fits/*/fitted.pt")):
            return "embed"
        if any(self.entries.glob("fits/*")):
            return "train"
        return "render" if any(self.entries.glob("*/*")) else None

    def run(self) -> dict[str, Any]:
        """Run to the end and return the record."""
        return wait_for_record(self.start())

    def measure_phases(self) -> tuple[dict[str, float], dict[str, Any]]:
        """Run to the end and return the seconds of each phase, and the record."""
        process, seconds, last = self.start(), dict.fromkeys(PHASES, 0.0), time.monotonic()
        while process.poll() is None:
            time.sleep(0.01)
            now, phase = time.monotonic(), self.find_phase()
            if phase is not None:
                seconds[phase] += now - last
            last = now
        return seconds, wait_for_record(process)

    def kill(self, phase: str, delay: float) -> bool:
        """Start the run and kill it `delay` seconds into a phase; return False if it ended before."""
        process = self.start()
        while process.poll() is None and self.find_phase() != phase:
            time.sleep(0.002)
        time.sleep(delay)
        is_alive = process.poll() is None
        if is_alive:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return is_alive


def wait_for_record(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a run and return its record."""
    output, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"a run that was not killed ended with exit code {process.returncode}")
    record: dict[str, Any] = json.loads(output)
    return record


def main() -> int:
    """Kill, resume, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10, help="number of killed runs (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments (default: 0)")
    parser.add_argument("--epochs", type=int, default=3, help="training epochs (default: 3)")
    parser.add_argument("--protocol", default="demo", help="protocol with a rendered tree (default: demo)")
    parser.add_argument("--plugin", help="single-file plugin that offers the protocol")
    arguments = parser.parse_args()
    command = ["run", "-m", "siamese-convgru", "-p", arguments.protocol, "--preset", "small", "--trials", "1"]
    command += ["--set", f"epochs={arguments.epochs}", "--device", "cpu", "--json"]
    if arguments.plugin:
        command += ["--plugin", arguments.plugin]

    generator, differing = random.Random(arguments.seed), 0
    with tempfile.TemporaryDirectory() as scratch:
        reference = Trial(command, Path(scratch, "reference"))
        seconds, expected = reference.measure_phases()
        print("uninterrupted:", {phase: round(value, 1) for phase, value in seconds.items()}, "seconds;",
              "rank-1", expected["figures"]["rank1"]["mean"])  # fmt: skip
        for number in range(arguments.kills):
            phase = PHASES[number % len(PHASES)]
            delay = generator.uniform(0, seconds[phase])
            trial = Trial(command, Path(scratch, str(number)))
            # Only the kill during rendering needs to render the tree again.
            if phase != "render":
                shutil.copytree(reference.entries / "trees", trial.entries / "trees")
            was_killed = trial.kill(phase, delay)
            files = sum(1 for path in trial.folder.rglob("*") if path.is_file())
            record = trial.run()
            is_same = all(record[name] == expected[name] for name in COMPARED)
            differing += not is_same
            print(f"kill {number + 1}: {delay:.1f} s into {phase}: {'killed' if was_killed else 'ended before'}, "
                  f"{files} files; {'the same figures' if is_same else 'OTHER FIGURES'} after resume")  # fmt: skip
    print(
        f"{arguments.kills - differing} of {arguments.kills} resumed to the figures of the uninterrupted run"
    )
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
