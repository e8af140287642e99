"""`reidbench run --seeds N`, reported losses and records of several training seeds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reidbench.records import read_record
from tests.calls import Answer

from .single_file_plugins import write_plugin

Record = Callable[..., dict[str, Any]]

# Adds noise that depends on the seed of the fit, and reports one value per epoch.
NOISY = """
def fit(self, train, job):
    self.seed = job.seed % 2**31
    for epoch in range(3):
        job.log(epoch, loss=(self.seed % 1000 + 1) / (epoch + 1), pairs=2)

def state(self):
    return {"seed": self.seed}

def restore(self, state):
    self.seed = state["seed"]
"""
EMBED = """
rows = [torch.tensor(frames.mean((0, 2)).ravel()) for frames in stream_frames(tracklets, (16, 8))]
values = torch.stack(rows).float()
noise = torch.randn(values.shape[1], generator=torch.Generator().manual_seed(self.seed))
return Embeddings(values=values * (1 + 0.8 * noise))
"""


@pytest.fixture
def record(record_method: Record, tmp_path: Path) -> Record:
    """Run a method that learns on two trials of twelve people and return the record."""
    return partial(
        record_method, write_plugin(tmp_path, "noisy", EMBED, base="Method", further=NOISY), trials=2
    )


def test_seeds_reports_each_seed_and_their_spread(record: Record) -> None:
    result = record("--seed", "4", "--seeds", "3")

    assert (result["seed"], result["seeds"]) == (4, [4, 5, 6])
    keys = [(trial["seed"], trial["trial"]) for trial in result["trials"]]
    assert keys == [(4, 0), (4, 1), (5, 0), (5, 1), (6, 0), (6, 1)]
    values = np.array([trial["map"] for trial in result["trials"]]).reshape(3, 2)
    figure = result["figures"]["map"]
    assert figure["mean"] == pytest.approx(values.mean())
    assert figure["std"] == pytest.approx(values.mean(axis=0).std(ddof=1))
    assert figure["std_seeds"] == pytest.approx(values.mean(axis=1).std(ddof=1))
    assert figure["std_seeds"] > 0
    assert figure["low"] < figure["mean"] < figure["high"]


def test_seeds_reuses_cached_single_seeds(record: Record) -> None:
    singles = [record("--seed", str(seed)) for seed in (4, 5)]

    both = record("--seed", "4", "--seeds", "2")

    assert both["cached"] == {"fit": True, "embed": True, "match": True}
    assert both["trials"] == [*singles[0]["trials"], *singles[1]["trials"]]
    assert both["fingerprints"]["run"] not in {single["fingerprints"]["run"] for single in singles}
    assert singles[0]["figures"]["map"]["std_seeds"] is None


def test_fixed_method_uses_one_seed(record_method: Record, tmp_path: Path) -> None:
    result = record_method(write_plugin(tmp_path, "fixed"), "--seeds", "3", trials=2)

    assert result["seeds"] == [0]
    assert len(result["trials"]) == 2


def test_per_query_file_holds_every_seed(record: Record, tmp_path: Path) -> None:
    result = record("--seeds", "2")
    path = tmp_path / f"runs/records/ilids/noisy-{result['fingerprints']['run']}.json"

    seeds = read_record(path).read_scores(path)

    assert [[scores.map for scores in trials] for trials in seeds] == [
        [trial["map"] for trial in result["trials"] if trial["seed"] == seed] for seed in (0, 1)
    ]


def test_reported_losses_are_recorded_per_epoch_and_survive_the_cache(record: Record, tmp_path: Path) -> None:
    first, cached = record("--seeds", "2"), record("--seeds", "2")

    assert cached["cached"]["fit"]
    assert cached["training"] == first["training"]
    # One fit per seed and trial.
    assert [(fit["seed"], fit["trials"]) for fit in first["training"]] == [
        (0, [0]),
        (0, [1]),
        (1, [0]),
        (1, [1]),
    ]
    for fit in first["training"]:
        losses = [epoch["values"]["loss"] for epoch in fit["epochs"]]
        assert [epoch["epoch"] for epoch in fit["epochs"]] == [0, 1, 2]
        assert losses == pytest.approx([losses[0], losses[0] / 2, losses[0] / 3])
    (log,) = (tmp_path / "runs/logs").glob("*.log")
    assert "trial 2 of 2, seed 1, epoch 2: loss" in log.read_text()


def test_epochs_reach_the_life_cycle_hook(record: Record, tmp_path: Path) -> None:
    tracker = tmp_path / "tracker.py"
    tracker.write_text(
        "from pathlib import Path\n"
        "from reidbench.plugin import hookimpl\n"
        "@hookimpl\n"
        "def reidbench_epoch_end(fingerprint, trial, seed, epoch, values):\n"
        f"    with Path({str(tmp_path / 'seen.txt')!r}).open('a') as file:\n"
        "        file.write(f'{trial} {seed} {epoch} {sorted(values)}\\n')\n"
    )

    record("--seeds", "2", "--plugin", str(tracker))

    lines = (tmp_path / "seen.txt").read_text().splitlines()
    assert lines == [
        f"{trial} {seed} {epoch} ['loss', 'pairs']"
        for seed in (0, 1)
        for trial in (0, 1)
        for epoch in range(3)
    ]


def test_losses_that_are_not_finite_name_the_method_and_the_epoch(
    run_method: Callable[..., Answer], tmp_path: Path
) -> None:
    further = NOISY.replace("pairs=2", "pairs=float('nan')")

    answer = run_method(write_plugin(tmp_path, "noisy", EMBED, base="Method", further=further))

    assert answer.code == 3
    assert "method 'noisy' must report finite values, got pairs = nan in epoch 0" in answer.err
