"""Kills runs at random moments and shows that they continue to the figures of an undisturbed run.

A run of one trial of the demo protocol is killed (SIGKILL, with its worker processes) during rendering,
training and embedding in turn, at a random moment of the phase, then started again. Each time the figures
and the digest of the per-query values must be those of a run that nobody disturbed, and no temporary file
may be taken for a whole one.

    python benchmarks/interruptions.py [--kills 10] [--seed 0]

Exit code 1 when a figure differs. Takes about ten minutes on two cores.
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
from pathlib import Path
from typing import Any

COMMAND = [
    "run",
    "-m",
    "siamese-convgru",
    "-p",
    "demo",
    "--preset",
    "small",
    "--trials",
    "1",
    "--set",
    "epochs=3",
    "--device",
    "cpu",
    "--json",
]
PHASES = ("render", "train", "embed")


def start(cache: Path, output: Path) -> subprocess.Popen[str]:
    """Start the run in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "reidbench", *COMMAND, "--output", str(output)],
        env={**os.environ, "REIDBENCH_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def phase_of(cache: Path) -> str | None:
    """Tell from the cache what a run is doing."""
    if any(cache.glob("features/*")) or any(cache.glob("fits/*/fitted.pt")):
        return "embed"
    if any(cache.glob("fits/*")):
        return "train"
    return "render" if any(cache.glob("trees/*")) or any(cache.glob("locks/*")) else None


def measured_phases(cache: Path, output: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """Run undisturbed; return the seconds spent in each phase, and the record."""
    process, spent, last = start(cache, output), dict.fromkeys(PHASES, 0.0), time.monotonic()
    while process.poll() is None:
        time.sleep(0.01)
        now, phase = time.monotonic(), phase_of(cache)
        if phase is not None:
            spent[phase] += now - last
        last = now
    return spent, finished(process)


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a run and return its record."""
    printed, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"a run that was not killed ended with exit code {process.returncode}")
    record: dict[str, Any] = json.loads(printed)
    return record


def killed(cache: Path, output: Path, phase: str, delay: float) -> bool:
    """Start a run and kill it `delay` seconds into a phase; False when it was faster."""
    process = start(cache, output)
    while process.poll() is None and phase_of(cache) != phase:
        time.sleep(0.002)
    time.sleep(delay)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return alive


def main() -> int:
    """Kill, continue, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    generator, differing = random.Random(arguments.seed), 0
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch, "whole")
        spent, wanted = measured_phases(whole / "cache", whole / "runs")
        print("undisturbed:", {name: round(seconds, 1) for name, seconds in spent.items()}, "seconds;",
              "rank-1", wanted["figures"]["rank1"]["mean"])  # fmt: skip
        for number in range(arguments.kills):
            phase = PHASES[number % len(PHASES)]
            delay = generator.uniform(0, spent[phase])
            place = Path(scratch, str(number))
            if phase != "render":  # the tree is the same; rendering it again would only take time
                shutil.copytree(whole / "cache" / "trees", place / "cache" / "trees")
            was_killed = killed(place / "cache", place / "runs", phase, delay)
            left = sum(1 for file in place.rglob("*") if file.is_file())
            found = finished(start(place / "cache", place / "runs"))
            same = all(
                found[part] == wanted[part] for part in ("figures", "trials", "fingerprints", "per_query")
            )
            differing += not same
            print(f"kill {number + 1}: {delay:5.1f} s into {phase:<6} {'killed' if was_killed else 'was faster'}, "
                  f"{left} files left; continued: {'the same figures' if same else 'OTHER FIGURES'}")  # fmt: skip
    print(f"{arguments.kills - differing} of {arguments.kills} continued to the undisturbed figures")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
