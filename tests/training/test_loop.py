from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from reidbench.errors import CheckpointError, PluginError
from reidbench.plugin import FitJob
from reidbench.training import TrainingSettings, TrainingTask, train

Losses = dict[int, Mapping[str, float]]


class Killed(BaseException):
    """Simulates SIGKILL: no `except Exception` catches it."""


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
    def __init__(self, *, killed_at: int | None = None, scale: float = 1.0) -> None:
        self.module: nn.Module = Regression()
        self.optimizer: torch.optim.Optimizer = torch.optim.RMSprop(
            self.module.parameters(), lr=0.02, momentum=0.5
        )
        self.loads = 0
        self.killed_at = killed_at
        self.scale = scale

    def plan(self, generator: np.random.Generator) -> Sequence[Any]:
        return list(generator.permutation(5))

    def load(self, item: Any, generator: np.random.Generator) -> Any:
        if self.loads == self.killed_at:
            raise Killed
        self.loads += 1
        values = torch.from_numpy(generator.normal(size=(4, 3)).astype(np.float32)) * self.scale
        return values, values.sum(1, keepdim=True) + float(item)


def settings(**changes: Any) -> TrainingSettings:
    return TrainingSettings(**{"epochs": 4, "checkpoint_seconds": 0.0, **changes})


def job(workspace: Path, *, seed: int = 5, fingerprint: str = "f", losses: Losses | None = None) -> FitJob:
    def keep(epoch: int, values: Mapping[str, float]) -> None:
        if losses is not None:
            losses[epoch] = values

    return FitJob(seed=seed, workspace=workspace, fingerprint=fingerprint, on_epoch=keep)


def weights(task: Task) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in task.module.state_dict().items()}


def test_training_lowers_the_loss_and_reports_every_epoch(tmp_path: Path) -> None:
    losses: Losses = {}

    train(Task(), settings(epochs=60, clip_value=5.0), job(tmp_path, losses=losses))

    assert list(losses) == list(range(60))
    assert losses[0]["other"] == pytest.approx(2 * losses[0]["loss"])
    assert all(type(value) is float for value in losses[0].values())
    loss = [losses[epoch]["loss"] for epoch in range(60)]
    assert np.mean(loss[-10:]) < np.mean(loss[:10])


@pytest.mark.parametrize("killed_at", [0, 1, 4, 5, 9, 13, 19])
def test_killed_training_resumes_to_the_same_weights_and_losses(tmp_path: Path, killed_at: int) -> None:
    complete = Task()
    complete_losses: Losses = {}
    train(complete, settings(), job(tmp_path / "complete", losses=complete_losses))

    killed_losses: Losses = {}
    with pytest.raises(Killed):
        train(Task(killed_at=killed_at), settings(), job(tmp_path / "killed", losses=killed_losses))
    resumed = Task()
    resumed_losses: Losses = {}
    train(resumed, settings(), job(tmp_path / "killed", losses=resumed_losses))

    assert all(torch.equal(weights(complete)[name], value) for name, value in weights(resumed).items())
    assert list(complete_losses) == list(range(4))
    assert {**killed_losses, **resumed_losses} == complete_losses
    if killed_at > 5:
        assert resumed.loads < complete.loads
        assert 0 not in resumed_losses


def test_seconds_add_up_over_interruptions(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(Task(killed_at=13), settings(), job(tmp_path))
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["position"]["seconds"]

    assert train(Task(), settings(), job(tmp_path)) > saved > 0


def test_zero_epochs_leave_the_weights_unchanged(tmp_path: Path) -> None:
    task, untouched = Task(), Task()
    losses: Losses = {}

    train(task, settings(epochs=0), job(tmp_path, losses=losses))

    assert all(torch.equal(weights(untouched)[name], value) for name, value in weights(task).items())
    assert losses == {}


def test_only_the_job_seed_decides_the_weights(tmp_path: Path) -> None:
    tasks = [Task(), Task(), Task()]
    for index, (task, seed) in enumerate(zip(tasks, (1, 1, 2), strict=True)):
        torch.manual_seed(index)
        train(task, settings(), job(tmp_path / str(index), seed=seed))

    first, same, other = (weights(task)["layer.weight"] for task in tasks)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_training_leaves_the_global_torch_generator_unchanged(tmp_path: Path) -> None:
    task = Task()
    before = torch.get_rng_state()

    train(task, settings(), job(tmp_path))

    assert torch.equal(before, torch.get_rng_state())


def test_checkpoint_of_another_job_is_rejected_with_both_fingerprints(tmp_path: Path) -> None:
    train(Task(), settings(), job(tmp_path, fingerprint="old"))

    with pytest.raises(CheckpointError, match=r"must have fingerprint new .*got old"):
        train(Task(), settings(), job(tmp_path, fingerprint="new"))


@pytest.mark.parametrize("contents", ["text", "pickle"])
def test_a_damaged_checkpoint_is_named_and_the_training_starts_again(
    tmp_path: Path, contents: str, caplog: pytest.LogCaptureFixture
) -> None:
    complete, restarted = Task(), Task()
    train(complete, settings(), job(tmp_path / "complete"))
    checkpoint = tmp_path / "checkpoint.pt"
    if contents == "text":
        checkpoint.write_bytes(b"not a checkpoint")
    else:
        torch.save({"format_version": 1, "fingerprint": "f", "evil": Path("x")}, checkpoint)

    train(restarted, settings(), job(tmp_path))

    assert all(torch.equal(weights(complete)[name], value) for name, value in weights(restarted).items())
    assert f"removed damaged cache entry {checkpoint}" in caplog.text


def test_non_finite_loss_raises_an_error_with_epoch_and_step(tmp_path: Path) -> None:
    with pytest.raises(
        PluginError, match=r"losses must be finite, got .* in epoch 0, step 0: .*learning rate"
    ):
        train(Task(scale=float("inf")), settings(), job(tmp_path))


def test_clip_value_bounds_every_gradient_entry(tmp_path: Path) -> None:
    task = Task(scale=1e6)
    task.optimizer = torch.optim.SGD(task.module.parameters(), lr=1.0)
    start = weights(task)["layer.weight"]

    train(task, settings(epochs=1, clip_value=0.25), job(tmp_path))

    steps = 5
    assert float((weights(task)["layer.weight"] - start).abs().max()) <= 0.25 * steps + 1e-6
