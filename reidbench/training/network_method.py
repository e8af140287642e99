"""The base class of methods that are a network trained by the loop."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from reidbench.datasets import TrainingSet
from reidbench.plugin import FitJob, Method, Runtime
from reidbench.training.loop import Precision, TrainingSettings, TrainingTask, train

PRECISIONS: Mapping[str, Precision] = {"none": "32-true", "fp16": "16-mixed", "bf16": "bf16-mixed"}
N = TypeVar("N", bound=nn.Module)


class NetworkMethod(Method, Generic[N]):
    """A method whose state is that of one network.

    Its settings have `epochs` and `amp` (none, fp16 or bf16).
    """

    def __init__(self, config: Any, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self._network: N | None = None

    @abc.abstractmethod
    def build(self, *, load_weights: bool = True) -> N:
        """Return a new network; pretrained weights are not read for one whose state will be restored."""

    @abc.abstractmethod
    def task(self, network: N, train: TrainingSet) -> TrainingTask:
        """Return what the training loop needs to train the network."""

    def clip_value(self) -> float | None:
        """Return what gradient entries are clipped to; None leaves them."""
        return None

    def prepare(self) -> None:
        """Build the network once: weights that cannot be had or sizes that do not fit show before any work."""
        self.build()

    def fit(self, train: TrainingSet, job: FitJob) -> float:
        """Train the network, or go on where an interrupted training stopped."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            network = self.build()
            task = self.task(network, train)  # a classifier that only training needs is drawn here
        seconds = self._train(task, job)
        self._network = network.to(self.runtime.device).eval()
        return seconds

    def state(self) -> Mapping[str, Any]:
        """Return the network's state dict, on the CPU."""
        return {name: value.cpu() for name, value in self.network.state_dict().items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back a state dict, strictly."""
        network = self.build(load_weights=False)
        network.load_state_dict(state)
        self._network = network.to(self.runtime.device).eval()

    @property
    def network(self) -> N:
        """The fitted network, in evaluation mode."""
        if self._network is None:
            raise RuntimeError("embed and distance come after fit or restore")
        return self._network

    def _train(self, task: TrainingTask, job: FitJob) -> float:
        settings = TrainingSettings(
            epochs=self.config.epochs,
            device=self.runtime.device,
            precision=PRECISIONS[self.config.amp],
            clip_value=self.clip_value(),
            progress=self.runtime.progress,
        )
        return train(task, settings, job)
