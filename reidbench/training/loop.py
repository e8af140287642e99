"""The one training loop: device, mixed precision, clipping, checkpoints, exact resume, progress, logged losses.

All randomness of step s of epoch e is drawn from seeds derived of (seed, e, s), for NumPy and torch alike,
so a training that was killed and resumed takes exactly the steps of one that ran through; there is no
generator state to lose.
"""

from __future__ import annotations

import abc
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from reidbench.checkpoint import load_checkpoint, save_checkpoint
from reidbench.errors import PluginError
from reidbench.fingerprints import derived_seed
from reidbench.progress import progress_bar

Precision = Literal["32-true", "16-mixed", "bf16-mixed"]
CHECKPOINT = "checkpoint.pt"


class TrainingTask(abc.ABC):
    """What a method gives to the loop.

    Attributes:
        module: maps a batch to named losses; the one named "loss" is minimised, all are logged.
        optimizer: over the module's parameters.
    """

    module: nn.Module
    optimizer: torch.optim.Optimizer

    def begin_epoch(self, epoch: int) -> None:  # noqa: B027  optional by design
        """Set learning rates, and what is frozen, for an epoch; also called where a resumed training goes on.

        What it sets may depend on the epoch alone.
        """

    @abc.abstractmethod
    def plan(self, generator: np.random.Generator) -> Sequence[Any]:
        """Return what the batches of one epoch are made of."""

    @abc.abstractmethod
    def load(self, item: Any, generator: np.random.Generator) -> Any:
        """Return the batch of one item of the plan: tensors on the CPU in any nesting. Called in a thread."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How long and how to train.

    Attributes:
        epochs: passes over the plan; 0 trains nothing.
        seed: source of all randomness.
        device: "cpu" or "cuda:N".
        precision: of forward and backward; weights and their update stay float32.
        clip_value: gradients are cut element by element to [-clip_value, clip_value]; None leaves them.
        checkpoint_seconds: a checkpoint is written when the last one is this old.
        progress: whether to draw a progress bar on stderr.
    """

    epochs: int
    seed: int
    device: str = "cpu"
    precision: Precision = "32-true"
    clip_value: float | None = None
    checkpoint_seconds: float = 20.0
    progress: bool = False


@dataclass
class TrainingLog:
    """What a training left behind: mean losses of each epoch, and the seconds it took over all interruptions."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class _Position:
    """Where the training stands: the step to take next, and what the current epoch has summed up."""

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)


def train(
    task: TrainingTask, settings: TrainingSettings, *, workspace: Path, fingerprint: str
) -> TrainingLog:
    """Train, or go on where an interrupted training of the same fingerprint stopped.

    Raises:
        CheckpointError: the workspace holds a checkpoint of something else.
        PluginError: a loss is not finite.
    """
    fabric = _fabric(settings)
    position, log = _Position(), TrainingLog()
    saved = load_checkpoint(workspace / CHECKPOINT, fingerprint)
    if saved is not None:
        task.module.load_state_dict(saved["module"])
        position = _Position(**saved["position"])
        log = TrainingLog(**saved["log"])
    module, optimizer = fabric.setup(task.module, task.optimizer)
    if saved is not None:
        optimizer.load_state_dict(
            saved["optimizer"]
        )  # after setup: the state follows the weights to their device
    run = _Run(task, settings, fabric, module, optimizer, workspace / CHECKPOINT, fingerprint, position, log)
    with torch.random.fork_rng(devices=_cuda_devices(settings)), _reproducible():
        run.all_epochs()
    return log


@dataclass
class _Run:
    task: TrainingTask
    settings: TrainingSettings
    fabric: Any
    module: Any
    optimizer: Any
    checkpoint: Path
    fingerprint: str
    position: _Position
    log: TrainingLog

    def all_epochs(self) -> None:
        self._mark = self._saved_at = time.monotonic()
        self.module.train()
        with progress_bar("train", self.settings.epochs, shown=self.settings.progress) as advance:
            advance(self.position.epoch)
            while self.position.epoch < self.settings.epochs:
                self._epoch()
                advance(1)
        self._save()

    def _epoch(self) -> None:
        epoch = self.position.epoch
        self.task.begin_epoch(epoch)
        plan = self.task.plan(self._generator(epoch, "plan"))
        remaining = range(self.position.step, len(plan))
        for step, batch in zip(remaining, self._batches(plan, remaining), strict=True):
            self._step(epoch, step, batch)
            if time.monotonic() - self._saved_at >= self.settings.checkpoint_seconds:
                self._save()
        means = {name: total / max(len(plan), 1) for name, total in self.position.sums.items()}
        self.log.epochs.append({"epoch": epoch, **means})
        self.position.epoch, self.position.step, self.position.sums = epoch + 1, 0, {}

    def _step(self, epoch: int, step: int, batch: Any) -> None:
        torch.manual_seed(derived_seed(self.settings.seed, epoch, step, "torch"))
        losses: Mapping[str, Tensor] = self.module(self.fabric.to_device(batch))
        values = {name: float(value.detach()) for name, value in losses.items()}
        if not all(np.isfinite(value) for value in values.values()):
            raise PluginError(
                f"a loss is not finite in epoch {epoch}, step {step}: {values}; lower the learning rate"
            )
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(losses["loss"])
        if self.settings.clip_value is not None:
            self.fabric.clip_gradients(self.module, self.optimizer, clip_val=self.settings.clip_value)
        self.optimizer.step()
        for name, value in values.items():
            self.position.sums[name] = self.position.sums.get(name, 0.0) + value
        self.position.step = step + 1

    def _batches(self, plan: Sequence[Any], steps: range) -> Iterator[Any]:
        """Yield the batches of some steps; the next one is loaded while the current one is computed with."""
        epoch = self.position.epoch
        with ThreadPoolExecutor(1) as pool:
            ahead = [pool.submit(self.task.load, plan[s], self._generator(epoch, s)) for s in steps[:2]]
            for following in [*steps[2:], None, None][: len(steps)]:
                batch = ahead.pop(0).result()
                if following is not None:
                    generator = self._generator(epoch, following)
                    ahead.append(pool.submit(self.task.load, plan[following], generator))
                yield batch

    def _generator(self, epoch: int, step: int | str) -> np.random.Generator:
        return np.random.default_rng(derived_seed(self.settings.seed, epoch, step, "numpy"))

    def _save(self) -> None:
        now = time.monotonic()
        self.log.seconds += now - self._mark
        self._mark = self._saved_at = now
        contents = {
            "module": self.task.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "position": vars(self.position),
            "log": vars(self.log),
        }
        save_checkpoint(self.checkpoint, self.fingerprint, contents)


def _fabric(settings: TrainingSettings) -> Any:
    from lightning_fabric import Fabric  # takes seconds to import, which only a training should pay

    kind, _, number = settings.device.partition(":")
    devices: Any = [int(number)] if number else 1
    return Fabric(accelerator=kind, devices=devices, precision=settings.precision)


def _cuda_devices(settings: TrainingSettings) -> list[str]:
    return [settings.device] if settings.device.startswith("cuda") else []


@contextmanager
def _reproducible() -> Iterator[None]:
    """Take the same convolution algorithms every time, so that an interruption changes no figure."""
    cudnn: Any = torch.backends.cudnn
    with cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        yield
