from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from reidbench.errors import CheckpointError, PluginError
from reidbench.training import TrainingSettings, TrainingTask, train


class Killed(BaseException):
    """Stands for SIGKILL: nothing on the way out may catch it."""


class Regression(nn.Module):
    """A noisy line with dropout, so that data order, NumPy and torch randomness all matter."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)
        with torch.no_grad():
            self.layer.weight.fill_(-4.0)
            self.layer.bias.zero_()

    def forward(self, batch: tuple[Tensor, Tensor]) -> Mapping[str, Tensor]:
        values, targets = batch
        error = (nn.functional.dropout(self.layer(values), 0.5) - targets).square().mean()
        return {"loss": error, "other": error.detach() * 2}


class Task(TrainingTask):
    def __init__(self, *, dies_at: int | None = None, scale: float = 1.0) -> None:
        self.module: nn.Module = Regression()
        self.optimizer: torch.optim.Optimizer = torch.optim.RMSprop(
            self.module.parameters(), lr=0.02, momentum=0.5
        )
        self.loads = 0
        self.dies_at = dies_at
        self.scale = scale

    def plan(self, generator: np.random.Generator) -> Sequence[Any]:
        return list(generator.permutation(5))

    def load(self, item: Any, generator: np.random.Generator) -> Any:
        if self.loads == self.dies_at:
            raise Killed
        self.loads += 1
        values = torch.from_numpy(generator.normal(size=(4, 3)).astype(np.float32)) * self.scale
        return values, values.sum(1, keepdim=True) + float(item)


def settings(**changes: Any) -> TrainingSettings:
    return TrainingSettings(**{"epochs": 4, "seed": 5, "checkpoint_seconds": 0.0, **changes})


def weights(task: Task) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in task.module.state_dict().items()}


def test_training_lowers_the_loss_and_logs_every_epoch(tmp_path: Path) -> None:
    log = train(Task(), settings(epochs=60, clip_value=5.0), workspace=tmp_path, fingerprint="f")

    assert [row["epoch"] for row in log.epochs] == list(range(60))
    assert log.epochs[0]["other"] == pytest.approx(2 * log.epochs[0]["loss"])
    assert np.mean([row["loss"] for row in log.epochs[-10:]]) < np.mean(
        [row["loss"] for row in log.epochs[:10]]
    )


@pytest.mark.parametrize("dies_at", [0, 1, 4, 5, 9, 13, 19])
def test_a_training_killed_anywhere_continues_to_the_same_weights_and_log(
    tmp_path: Path, dies_at: int
) -> None:
    whole = Task()
    whole_log = train(whole, settings(), workspace=tmp_path / "whole", fingerprint="f")

    with pytest.raises(Killed):
        train(Task(dies_at=dies_at), settings(), workspace=tmp_path / "cut", fingerprint="f")
    resumed = Task()
    resumed_log = train(resumed, settings(), workspace=tmp_path / "cut", fingerprint="f")

    assert all(torch.equal(weights(whole)[name], value) for name, value in weights(resumed).items())
    assert resumed_log.epochs == whole_log.epochs
    if dies_at > 5:
        assert resumed.loads < whole.loads


def test_no_epochs_leave_the_weights_as_they_were(tmp_path: Path) -> None:
    task, untouched = Task(), Task()

    train(task, settings(epochs=0), workspace=tmp_path, fingerprint="f")

    assert all(torch.equal(weights(untouched)[name], value) for name, value in weights(task).items())


def test_the_seed_decides_the_weights_and_the_callers_generator_does_not(tmp_path: Path) -> None:
    tasks = [Task(), Task(), Task()]
    for index, (task, seed) in enumerate(zip(tasks, (1, 1, 2), strict=True)):
        torch.manual_seed(index)
        train(task, settings(seed=seed), workspace=tmp_path / str(index), fingerprint="f")

    first, same, other = (weights(task)["layer.weight"] for task in tasks)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_training_leaves_the_callers_generator_where_it_was(tmp_path: Path) -> None:
    task = Task()
    before = torch.get_rng_state()

    train(task, settings(), workspace=tmp_path, fingerprint="f")

    assert torch.equal(before, torch.get_rng_state())


def test_a_checkpoint_of_something_else_is_refused_with_both_fingerprints(tmp_path: Path) -> None:
    train(Task(), settings(), workspace=tmp_path, fingerprint="old")

    with pytest.raises(CheckpointError, match=r"belongs to old .*this training is new"):
        train(Task(), settings(), workspace=tmp_path, fingerprint="new")


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")

    with pytest.raises(CheckpointError, match=r"checkpoint\.pt is damaged.*delete it"):
        train(Task(), settings(), workspace=tmp_path, fingerprint="f")


def test_a_checkpoint_is_never_unpickled(tmp_path: Path) -> None:
    torch.save({"format_version": 1, "fingerprint": "f", "evil": Path("x")}, tmp_path / "checkpoint.pt")

    with pytest.raises(CheckpointError, match="damaged"):
        train(Task(), settings(), workspace=tmp_path, fingerprint="f")


def test_a_loss_that_is_not_finite_stops_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"not finite in epoch 0, step 0.*learning rate"):
        train(Task(scale=float("inf")), settings(), workspace=tmp_path, fingerprint="f")


def test_clipping_bounds_every_entry_of_the_gradient(tmp_path: Path) -> None:
    task = Task(scale=1e6)
    task.optimizer = torch.optim.SGD(task.module.parameters(), lr=1.0)
    start = weights(task)["layer.weight"]

    train(task, settings(epochs=1, clip_value=0.25), workspace=tmp_path, fingerprint="f")

    steps = 5
    assert float((weights(task)["layer.weight"] - start).abs().max()) <= 0.25 * steps + 1e-6
