"""The base class of methods whose network is trained by the training loop."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol

import torch
from torch import nn

from reidbench.datasets import TrainingSet
from reidbench.plugin import FitJob, Method, Runtime
from reidbench.training.loop import Precision, TrainingSettings, TrainingTask, train

PRECISIONS: Mapping[str, Precision] = {"none": "32-true", "fp16": "16-mixed", "bf16": "bf16-mixed"}


class NetworkConfig(Protocol):
    """The settings that `NetworkMethod` reads."""

    @property
    def epochs(self) -> int:
        """Number of epochs."""

    @property
    def amp(self) -> Literal["none", "fp16", "bf16"]:
        """Mixed precision in training."""


if TYPE_CHECKING:
    from typing_extensions import TypeVar

    # The defaults keep `NetworkMethod` without parameters valid for type checkers.
    C = TypeVar("C", bound=NetworkConfig, default=Any)
    N = TypeVar("N", bound=nn.Module, default=Any)
else:
    from typing import TypeVar

    C = TypeVar("C", bound=NetworkConfig)
    N = TypeVar("N", bound=nn.Module)


class NetworkMethod(Method[C], Generic[C, N]):
    """Base class of methods that train one network: `NetworkMethod[MyConfig, MyNetwork]`."""

    def __init__(self, config: C, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self._network: N | None = None

    @abc.abstractmethod
    def build(self, *, load_weights: bool = True) -> N:
        """Return a new network. With `load_weights` false, pretrained weights are not read."""

    @abc.abstractmethod
    def task(self, network: N, train: TrainingSet) -> TrainingTask:
        """Return the training task of the network."""

    def clip_value(self) -> float | None:
        """Return the largest absolute value of a gradient entry, or None for no clipping."""
        return None

    def prepare(self) -> None:
        """Build the network once, so that missing weights and invalid sizes raise an error before any work."""
        self.build()

    def fit(self, train: TrainingSet, job: FitJob) -> float:
        """Train the network, or resume an interrupted training."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            network = self.build()
            # Inside the fork, because the task initialises a classifier.
            task = self.task(network, train)
        seconds = self._train(task, job)
        self._network = network.to(self.runtime.device).eval()
        return seconds

    def state(self) -> Mapping[str, Any]:
        """Return the network's state dict, on the CPU."""
        return {name: value.cpu() for name, value in self.network.state_dict().items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state dict, strictly."""
        network = self.build(load_weights=False)
        network.load_state_dict(state)
        self._network = network.to(self.runtime.device).eval()

    @property
    def network(self) -> N:
        """The fitted network, in evaluation mode."""
        if self._network is None:
            raise RuntimeError("the method must be fitted or restored first")
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
