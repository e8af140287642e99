"""The training loop: device, mixed precision, clipping, checkpoints, exact resume, progress, reported losses.

All randomness of step s of epoch e, for NumPy and torch alike, comes from seeds derived from (seed, e, s). A training
that was killed and resumed therefore takes exactly the steps of an uninterrupted one.
"""

from __future__ import annotations

import abc
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from reidbench.checkpoint import load_checkpoint, save_checkpoint
from reidbench.errors import PluginError
from reidbench.fingerprints import derive_seed
from reidbench.plugin import FitJob
from reidbench.progress import progress_bar

Precision = Literal["32-true", "16-mixed", "bf16-mixed"]
CHECKPOINT = "checkpoint.pt"


class TrainingTask(abc.ABC):
    """The method's part of a training: module, optimizer and batches.

    Attributes:
        module: maps a batch to named losses; "loss" is minimised, the means of all are reported per epoch.
        optimizer: over the module's parameters.
    """

    module: nn.Module
    optimizer: torch.optim.Optimizer

    def begin_epoch(self, epoch: int) -> None:  # noqa: B027  optional by design
        """Set the learning rates and frozen parameters of an epoch.

        Also called when a training resumes in the middle of the epoch, so the result may depend on the epoch only.
        """

    @abc.abstractmethod
    def plan(self, generator: np.random.Generator) -> Sequence[Any]:
        """Return one item per batch of an epoch; `load` turns an item into a batch."""

    @abc.abstractmethod
    def load(self, item: Any, generator: np.random.Generator) -> Any:
        """Return the batch of an item of the plan: CPU tensors in any nesting. Called in a background thread."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Length, device and precision of a training.

    Attributes:
        epochs: number of epochs; 0 leaves the module as it is.
        device: "cpu" or "cuda:N".
        precision: of the forward and backward passes; weights and their updates stay float32.
        clip_value: each gradient entry is clipped to [-clip_value, clip_value]; None disables clipping.
        checkpoint_seconds: a checkpoint is written when the last one is this old.
        progress: whether to draw a progress bar on stderr.
    """

    epochs: int
    device: str = "cpu"
    precision: Precision = "32-true"
    clip_value: float | None = None
    checkpoint_seconds: float = 20.0
    progress: bool = False


@dataclass
class _Position:
    """The next step, the sums of the losses in the current epoch, and the seconds over all interruptions."""

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def train(task: TrainingTask, settings: TrainingSettings, job: FitJob) -> float:
    """Train, or resume an interrupted training of the same job.

    `job.log` receives the mean losses of every finished epoch; a resumed training reports the epochs that it runs.
    Checkpoints are written to `job.workspace`.

    Args:
        task: what to train, and on which batches.
        settings: length, device and precision.
        job: seed, workspace and fingerprint.

    Returns:
        The seconds of training over all interruptions.

    Raises:
        CheckpointError: the workspace contains the checkpoint of another job.
        PluginError: a loss is not finite.
    """
    fabric = _fabric(settings)
    position = _Position()
    saved = load_checkpoint(job.workspace / CHECKPOINT, job.fingerprint)
    if saved is not None:
        task.module.load_state_dict(saved["module"])
        position = _Position(**saved["position"])
    module, optimizer = fabric.setup(task.module, task.optimizer)
    if saved is not None:
        # After setup, because the optimizer's state follows the weights to their device.
        optimizer.load_state_dict(saved["optimizer"])
    run = _Run(task, settings, job, fabric, module, optimizer, position)
    with torch.random.fork_rng(devices=_cuda_devices(settings)), _reproducible():
        run.all_epochs()
    return position.seconds


@dataclass
class _Run:
    task: TrainingTask
    settings: TrainingSettings
    job: FitJob
    fabric: Any
    module: Any
    optimizer: Any
    position: _Position

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
        # Before the position moves on: a killed training reports an epoch twice rather than never.
        self.job.log(epoch, **{name: total / len(plan) for name, total in self.position.sums.items()})
        self.position.epoch, self.position.step, self.position.sums = epoch + 1, 0, {}

    def _step(self, epoch: int, step: int, batch: Any) -> None:
        torch.manual_seed(derive_seed(self.job.seed, epoch, step, "torch"))
        losses: Mapping[str, Tensor] = self.module(self.fabric.to_device(batch))
        values = {name: float(value.detach()) for name, value in losses.items()}
        if not all(np.isfinite(value) for value in values.values()):
            raise PluginError(
                f"losses must be finite, got {values} in epoch {epoch}, step {step}: lower the learning rate"
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
        """Yield the batches of some steps; the next one loads in a thread while the current one is in use."""
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
        return np.random.default_rng(derive_seed(self.job.seed, epoch, step, "numpy"))

    def _save(self) -> None:
        now = time.monotonic()
        self.position.seconds += now - self._mark
        self._mark = self._saved_at = now
        contents = {
            "module": self.task.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "position": vars(self.position),
        }
        save_checkpoint(self.job.workspace / CHECKPOINT, self.job.fingerprint, contents)


def _fabric(settings: TrainingSettings) -> Any:
    # Imported here because the import takes seconds.
    from lightning_fabric import Fabric

    kind, _, number = settings.device.partition(":")
    devices: Any = [int(number)] if number else 1
    return Fabric(accelerator=kind, devices=devices, precision=settings.precision)


def _cuda_devices(settings: TrainingSettings) -> list[str]:
    return [settings.device] if settings.device.startswith("cuda") else []


@contextmanager
def _reproducible() -> Iterator[None]:
    """Fix the choice of convolution algorithms, so that an interruption changes no result."""
    cudnn: Any = torch.backends.cudnn
    with cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        yield
