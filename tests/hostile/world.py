"""A small world: a plugin file with three methods and a protocol of eight rendered people, and runs of them."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

from tests.calls import Answer, run_command

PROTOCOL = """
title = "Tiny"
dataset = "ilids-vid"
version = 1

[trials]
count = 2
people = 8
test_people = 4
splits = "seeded"
seed = 1

[query]
camera = 1

[gallery]
camera = 2

[conventions]
tested_half = "first"
direction = "forward"

[synthetic]
people = 8
frames = 3
seed = 3

[sources]
"trials" = "small enough for a test"
"""

PLUGIN = '''
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from reidbench.datasets import stream_frames
from reidbench.plugin import Embeddings, FixedMethod, Method, MethodSpec, hookimpl
from reidbench.training import TrainingSettings, TrainingTask, train


@dataclass(frozen=True, kw_only=True)
class Config:
    pass


def describe(tracklets):
    rows = [torch.tensor(frames.mean((0, 2)).ravel()) for frames in stream_frames(tracklets, (16, 8))]
    return torch.stack(rows).float()


class Rows(FixedMethod):
    name, version, Config, presets = "tiny-rows", "1", Config, {"paper": Config()}

    def embed(self, tracklets):
        return Embeddings(values=describe(tracklets))


class Scaled(Method):
    """Divides each feature by its spread over the training set."""

    name, version, Config, presets = "tiny-scaled", "1", Config, {"paper": Config()}

    def fit(self, data, job):
        rows = torch.stack([torch.from_numpy(np.array(view.frames((16, 8)))).float().mean((0, 2)).ravel()
                            for view in data.tracklets])
        self.spread = rows.std(0) + 1e-3

    def state(self):
        return {"spread": self.spread}

    def restore(self, state):
        self.spread = state["spread"]

    def embed(self, tracklets):
        return Embeddings(values=describe(tracklets) / self.spread)


class Task(TrainingTask):
    def __init__(self, rows, stop):
        self.module = Module()
        self.optimizer = torch.optim.SGD(self.module.parameters(), lr=0.01, momentum=0.9)
        self.rows, self.stop = rows, stop

    def begin_epoch(self, epoch):
        if epoch == self.stop:
            raise RuntimeError("stopped in the middle of the training")

    def plan(self, generator):
        return [int(index) for index in generator.permutation(len(self.rows))[:4]]

    def load(self, item, generator):
        return self.rows[item]


class Module(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(48, 4)

    def forward(self, row):
        return {"loss": self.layer(row / 255).pow(2).mean()}


class Net(Scaled):
    """Trains a layer of numbers with the training loop."""

    name, version, Config, presets = "tiny-net", "1", Config, {"paper": Config()}

    def fit(self, data, job):
        rows = torch.stack([torch.from_numpy(np.array(view.frames((16, 8)))).float().mean((0, 2)).ravel()
                            for view in data.tracklets])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            task = Task(rows, int(os.environ.get("HOSTILE_STOP", -1)))
        seconds = train(task, TrainingSettings(epochs=4, checkpoint_seconds=0), job)
        self.layer = task.module.layer
        return seconds

    def state(self):
        return dict(self.layer.state_dict())

    def restore(self, state):
        self.layer = torch.nn.Linear(48, 4)
        self.layer.load_state_dict(state)

    def embed(self, tracklets):
        with torch.no_grad():
            return Embeddings(values=self.layer(describe(tracklets) / 255))


@hookimpl
def reidbench_methods():
    classes = (Rows, Scaled, Net)
    return [MethodSpec(name=kind.name, target=f"{__name__}:{kind.__name__}", summary="test") for kind in classes]


@hookimpl
def reidbench_protocols():
    return [Path(__file__).parent / "tiny.toml"]
'''
METHODS = ("tiny-rows", "tiny-scaled", "tiny-net")


def write_plugin(folder: Path) -> None:
    """Write the plugin and its protocol."""
    (folder / "tiny_plugin.py").write_text(PLUGIN, encoding="utf-8")
    (folder / "tiny.toml").write_text(PROTOCOL, encoding="utf-8")


def run_tiny(folder: Path, method: str, *options: str) -> Answer:
    """Run a method on the protocol in a folder with the plugin, its cache and its records."""
    arguments = ["run", "-m", method, "-p", "tiny", "--plugin", "tiny_plugin.py", "--device", "cpu", "--json"]
    return run_command(folder, [*arguments, *options])


def keep_figures(answer: Answer) -> Answer:
    """Reduce the record that a command printed to its figures; code 1 without output stays."""
    if answer.code != 0 or answer.traceback:
        return answer
    record = json.loads(answer.out)
    kept = {name: record[name] for name in ("figures", "trials", "per_query", "cmc", "chance")}
    kept["per_query"].pop("file", None)
    return replace(answer, out=json.dumps(kept, sort_keys=True))


@cache
def _make_world() -> Path:
    """Return a folder in which each method has run; `stopped` is a copy in which the network's training stopped."""
    root = Path(tempfile.mkdtemp(prefix="hostile-world-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    folder = root / "done"
    folder.mkdir()
    write_plugin(folder)
    for method in METHODS[:2]:
        _check(run_tiny(folder, method, "--save-features", f"{method}.h5"))
    shutil.copytree(folder, root / "stopped")
    _check(run_tiny(folder, METHODS[2]))
    os.environ["HOSTILE_STOP"] = "2"
    try:
        run_tiny(root / "stopped", METHODS[2])
    finally:
        del os.environ["HOSTILE_STOP"]
    return root


def copy_world(folder: Path, *, stopped: bool = False) -> None:
    """Copy the world into an existing folder."""
    source = _make_world() / ("stopped" if stopped else "done")
    shutil.copytree(source, folder, dirs_exist_ok=True)


def _check(answer: Answer) -> None:
    if answer.code != 0 or answer.traceback:
        raise RuntimeError(f"a valid run failed: {answer.err}{answer.traceback}")
