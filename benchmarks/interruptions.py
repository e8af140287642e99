"""Kills runs at random moments and checks that they resume to the figures of an uninterrupted run.

Runs of one trial are killed (SIGKILL, with their worker processes) at a random moment of rendering, training, embedding
and matching in turn, and started again. The training saves a checkpoint every second, so most kills are in the middle
of it. `data extract` is killed, too, and one of two runs that share a cache: the other one must finish. Figures,
per-query values and extracted files must be those of a run that was never killed, and no temporary file may remain
after `reidbench cache prune`.

    python benchmarks/interruptions.py
    python benchmarks/interruptions.py --kills 200 --workers 2

Exits 1 if a figure or a file differs, or a file is left over. A kill takes about ten seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reidbench.cache import Cache
from reidbench.runner.cache_contents import prune

PHASES = ("render", "train", "embed", "match")
MOMENTS = (*PHASES, "extract", "two runs")
COMPARED = ("figures", "trials", "fingerprints", "per_query")
TEMPORARY = (".part", ".unfinished")
PEOPLE = 24

PROTOCOL = f"""
title = "Interrupted"
dataset = "ilids-vid"
version = 1
trials = {{ count = 1, people = {PEOPLE}, test_people = {PEOPLE // 2}, splits = "seeded", seed = 1 }}
query = {{ camera = 1 }}
gallery = {{ camera = 2 }}
conventions = {{ tested_half = "first", direction = "forward" }}
synthetic = {{ people = {PEOPLE}, frames = 3, seed = 3 }}
"""
# Each phase pauses, so that it takes seconds on any machine and little processor time.
PLUGIN = """
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from reidbench.datasets import stream_frames
from reidbench.plugin import Embeddings, Method, MethodSpec, hookimpl, setting
from reidbench.training import TrainingSettings, TrainingTask, train


@dataclass(frozen=True, kw_only=True)
class Config:
    pause: float = setting(0.1, "seconds per step, tracklet and block of distances", stage="fit", ge=0)


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(48, 8)

    def forward(self, row):
        return {"loss": self.linear(row).pow(2).sub(1).pow(2).mean()}


class Task(TrainingTask):
    def __init__(self, rows, pause):
        self.module, self.rows, self.pause = Layer(), rows, pause
        self.optimizer = torch.optim.Adam(self.module.parameters())

    def plan(self, generator):
        return generator.permutation(len(self.rows))[:10].tolist()

    def load(self, item, generator):
        time.sleep(self.pause)
        return self.rows[item] + 0.01 * torch.from_numpy(generator.normal(size=48)).float()


def describe(tracklets):
    rows = [torch.tensor(frames.mean((0, 2)).ravel()) for frames in stream_frames(tracklets, (16, 8))]
    return torch.stack(rows).float() / 255


class Interrupted(Method):
    name, version, Config, presets = "interrupted", "1", Config, {"paper": Config()}

    def fit(self, data, job):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            task = Task(describe(data.tracklets), self.config.pause)
        seconds = train(task, TrainingSettings(epochs=4, checkpoint_seconds=1), job)
        self.layer = task.module
        return seconds

    def state(self):
        return self.layer.state_dict()

    def restore(self, state):
        self.layer = Layer()
        self.layer.load_state_dict(state)

    def embed(self, tracklets):
        time.sleep(self.config.pause * len(tracklets))
        with torch.no_grad():
            return Embeddings(values=self.layer.linear(describe(tracklets)))

    def distance(self, query, gallery):
        time.sleep(self.config.pause * 10)
        return torch.cdist(query.values, gallery.values)


@hookimpl
def reidbench_methods():
    return [MethodSpec(name="interrupted", target=f"{__name__}:Interrupted", summary="pauses")]


@hookimpl
def reidbench_protocols():
    return [Path(__file__).parent / "interrupted.toml"]
"""


@dataclass(frozen=True)
class Trial:
    """A run that is killed, and the folder of its cache and records."""

    plugin: Path
    folder: Path

    @property
    def cache(self) -> Path:
        """Folder of the cache."""
        return self.folder / "cache"

    def start(self, output: str = "runs") -> subprocess.Popen[str]:
        """Start the run in its own process group."""
        options = [
            "--plugin",
            str(self.plugin),
            "--device",
            "cpu",
            "--json",
            "--output",
            str(self.folder / output),
        ]
        return start_command(["run", "-m", "interrupted", "-p", "interrupted", *options], self.cache)

    def find_phase(self, blocks: int) -> str | None:
        """Return the current phase of the run, from the contents of its cache.

        Args:
            blocks: number of feature blocks of a finished run.
        """
        count = self._count("features/*/*.h5")
        if any(self.folder.glob("runs/records/*/*.json")):
            return None
        if blocks and count >= blocks:
            return "match"
        if count or self._count("fits/*/fitted.pt"):
            return "embed"
        if self._count("fits/*"):
            return "train"
        return "render" if self._count("trees/*") or self._count("locks/*") else None

    def _count(self, pattern: str) -> int:
        return sum(1 for _ in self.cache.glob(f"v*/{pattern}"))

    def count_blocks(self) -> int:
        """Return the number of feature blocks in the cache."""
        return self._count("features/*/*.h5")

    def run(self, output: str = "runs") -> dict[str, Any]:
        """Run to the end and return the record."""
        return wait_for_record(self.start(output))

    def measure_phases(self) -> dict[str, float]:
        """Run to the end and return the seconds of each phase."""
        process, seconds, last = self.start(), dict.fromkeys(PHASES, 0.0), time.monotonic()
        # All blocks of this small run are written at once.
        while process.poll() is None:
            time.sleep(0.01)
            now, phase = time.monotonic(), self.find_phase(1)
            if phase is not None:
                seconds[phase] += now - last
            last = now
        wait_for_record(process)
        return seconds


def start_command(arguments: Sequence[str], cache: Path) -> subprocess.Popen[str]:
    """Start `reidbench` in its own process group."""
    return subprocess.Popen(
        [sys.executable, "-m", "reidbench", *arguments],
        env={**os.environ, "REIDBENCH_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_record(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a run and return its record."""
    output, errors = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"a run that was not killed ended with exit code {process.returncode}: {errors}")
    record: dict[str, Any] = json.loads(output)
    return record


def kill(process: subprocess.Popen[str]) -> bool:
    """Kill a process and its children; return False if it ended before."""
    is_alive = process.poll() is None
    if is_alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return is_alive


class Campaign:
    """The kills of one call of the program, and what is expected after each."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.plugin = scratch / "interrupted.py"
        self.plugin.write_text(PLUGIN)
        (scratch / "interrupted.toml").write_text(PROTOCOL)
        self.reference = Trial(self.plugin, scratch / "reference")
        self.seconds = self.reference.measure_phases()
        self.expected = self.reference.run()
        self.blocks = self.reference.count_blocks()
        self.archive = self._render_archive()
        started = time.monotonic()
        self.images = self._extract(self._copy_archive("archive-reference"))
        self.seconds["extract"] = time.monotonic() - started
        self.seconds["two runs"] = sum(self.seconds[phase] for phase in PHASES[1:])

    def interrupt(self, number: int, moment: str, delay: float) -> tuple[str, bool]:
        """Kill something and repeat it; return a line about it and whether all is as without the kill."""
        folder = self.scratch / str(number)
        match moment:
            case "extract":
                was_killed, is_same = self._interrupt_extraction(folder, delay)
            case "two runs":
                was_killed, is_same = self._interrupt_one_of_two(folder, delay)
            case phase:
                was_killed, is_same = self._interrupt_run(folder, phase, delay)
        left = self._list_leftovers(folder)
        shutil.rmtree(folder)
        end = "killed" if was_killed else "ended before"
        state = "the same" if is_same else "OTHER FIGURES OR FILES"
        line = f"kill {number + 1}: {delay:.1f} s into {moment}: {end}; {state} after the repetition"
        return line + (f"; LEFT OVER: {', '.join(left)}" if left else ""), is_same and not left

    def _interrupt_run(self, folder: Path, phase: str, delay: float) -> tuple[bool, bool]:
        trial = Trial(self.plugin, folder)
        self._copy_tree(trial, phase)
        process = trial.start()
        while process.poll() is None and trial.find_phase(self.blocks) != phase:
            time.sleep(0.002)
        time.sleep(delay)
        was_killed = kill(process)
        return was_killed, self._is_expected(trial.run())

    def _interrupt_one_of_two(self, folder: Path, delay: float) -> tuple[bool, bool]:
        trial = Trial(self.plugin, folder)
        self._copy_tree(trial, "train")
        first, second = trial.start("runs"), trial.start("others")
        while first.poll() is None and trial.find_phase(self.blocks) is None:
            time.sleep(0.002)
        time.sleep(delay)
        was_killed = kill(first)
        return was_killed, self._is_expected(wait_for_record(second)) and self._is_expected(trial.run())

    def _interrupt_extraction(self, folder: Path, delay: float) -> tuple[bool, bool]:
        root = self._copy_archive(folder.name)
        process = start_command(["data", "extract", "cuhk03", "--data-root", str(root)], folder / "cache")
        time.sleep(delay)
        return kill(process), self._extract(root) == self.images

    def _copy_tree(self, trial: Trial, phase: str) -> None:
        # Only the kill during rendering needs to render the tree again.
        if phase != "render":
            for tree in self.reference.cache.glob("v*/trees"):
                shutil.copytree(tree, trial.cache / tree.parent.name / "trees")

    def _is_expected(self, record: dict[str, Any]) -> bool:
        return all(record[name] == self.expected[name] for name in COMPARED)

    def _render_archive(self) -> Path:
        root = self.scratch / "archive"
        command = ["data", "synthesize", "cuhk03", "--out", str(root), "--people", "40", "--workers", "1"]
        process = start_command(command, self.scratch / "archive-cache")
        _, errors = process.communicate()
        if process.returncode != 0:
            raise SystemExit(f"cannot render CUHK03: {errors}")
        for folder in (root / "cuhk03").glob("images_*"):
            shutil.rmtree(folder)
        return root

    def _copy_archive(self, name: str) -> Path:
        return shutil.copytree(self.archive, self.scratch / name / "data")

    def _extract(self, root: Path) -> dict[str, str]:
        """Extract the images and return the digest of each."""
        process = start_command(
            ["data", "extract", "cuhk03", "--data-root", str(root)], root.parent / "cache"
        )
        _, errors = process.communicate()
        if process.returncode != 0:
            raise SystemExit(f"cannot extract CUHK03: {errors}")
        files = sorted(root.glob("cuhk03/images_*/*"))
        return {
            file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
        }

    def _list_leftovers(self, folder: Path) -> list[str]:
        """Return the temporary files that remain after `reidbench cache prune`, which deletes those of an hour ago."""
        for path in folder.rglob("*"):
            if path.name.endswith(TEMPORARY):
                os.utime(path, (0, 0))
        prune(Cache(folder / "cache"))
        return sorted(path.name for path in folder.rglob("*") if path.name.endswith(TEMPORARY))


def main() -> int:
    """Kill, repeat, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=12, help="number of kills (default: 12)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments (default: 0)")
    parser.add_argument("--workers", type=int, default=1, help="kills at the same time (default: 1)")
    parser.add_argument(
        "--moments", nargs="+", choices=MOMENTS, default=MOMENTS, help="only these (default: all)"
    )
    arguments = parser.parse_args()
    generator, counts = random.Random(arguments.seed), Counter[bool]()
    with tempfile.TemporaryDirectory() as scratch:
        campaign = Campaign(Path(scratch))
        lengths = {moment: round(campaign.seconds[moment], 1) for moment in MOMENTS}
        print(f"uninterrupted: {lengths} seconds; rank-1 {campaign.expected['figures']['rank1']['mean']}")
        moments = [arguments.moments[number % len(arguments.moments)] for number in range(arguments.kills)]
        delays = [generator.uniform(0, campaign.seconds[moment]) for moment in moments]
        with ThreadPoolExecutor(arguments.workers) as pool:
            for line, is_right in pool.map(campaign.interrupt, range(arguments.kills), moments, delays):
                counts[is_right] += 1
                print(line, flush=True)
    print(f"{counts[True]} of {arguments.kills} ended like the uninterrupted one, without a file left over")
    return 1 if counts[False] else 0


if __name__ == "__main__":
    raise SystemExit(main())
