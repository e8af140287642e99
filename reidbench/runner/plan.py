"""Plans: everything about a run that can be known, and refused, before work starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from reidbench.datasets import DatasetContents
from reidbench.datasets.views import FrameWindow
from reidbench.errors import ConfigError, ReidbenchError, UnknownNameError
from reidbench.evaluation.version import EVALUATOR_VERSION
from reidbench.fingerprints import fingerprint
from reidbench.plugin import Method, Plugins, Runtime, as_plain, changed, load_target
from reidbench.plugin.guard import plugin_border
from reidbench.protocols import Protocol, load_protocol
from reidbench.protocols.trials import Trial


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What a user asks for: one method on one protocol.

    Attributes:
        preset: named settings of the method; None takes its first.
        overrides: settings given as text, on top of the preset.
        data_root: where datasets lie; None when nothing was said.
        synthetic: take a rendered tree in place of the dataset.
        trials: run only the first so many; None runs all.
        resume: use what the cache holds.
    """

    method: str
    protocol: str
    preset: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    data_root: Path | None = None
    synthetic: bool = False
    trials: int | None = None
    seed: int = 0
    resume: bool = True


@dataclass(frozen=True)
class Choice:
    """A method with its settings and a protocol, before any data is touched."""

    request: RunRequest
    method_class: type[Method]
    preset: str
    config: Any
    protocol: Protocol
    weights: str | None

    @property
    def label(self) -> str:
        """What tells this run from others of the method: the preset and the settings changed on top of it."""
        changes = [f"{name}={value}" for name, value in self.request.overrides.items()]
        return " ".join([self.preset, *changes])


def choose(request: RunRequest, plugins: Plugins, runtime: Runtime) -> Choice:
    """Look up names and settings; check what the method can check before it sees data.

    Raises:
        UnknownNameError: no such method, protocol or preset.
        ConfigError: a setting that does not exist or is out of range, or a number of trials the protocol has
            not.
        WeightsError: pretrained weights cannot be had.
    """
    spec = plugins.method(request.method)
    protocol = load_protocol(plugins.protocol(request.protocol))
    plugins.dataset(protocol.dataset)
    if request.trials is not None and not 1 <= request.trials <= protocol.trials.count:
        raise ConfigError(
            f"--trials must be in 1..{protocol.trials.count} for protocol '{protocol.name}', got {request.trials}"
        )
    if spec.modality not in (protocol.modality, "both"):
        raise ConfigError(
            f"method '{spec.name}' takes {spec.modality}, protocol '{protocol.name}' is {protocol.modality}"
        )
    method_class: type[Method] = load_target(spec.name, spec.target)
    preset, config = _configured(request, method_class)
    with plugin_border(spec.name, "prepare"):
        method = method_class(config, runtime)
        method.prepare()
        weights = method.weights_digest()
    return Choice(request, method_class, preset, config, protocol, weights)


def _configured(request: RunRequest, method_class: type[Method]) -> tuple[str, Any]:
    presets = method_class.presets
    preset = request.preset or next(iter(presets))
    if preset not in presets:
        raise UnknownNameError(
            f"preset of method '{request.method}'",
            preset,
            presets,
            listed_by=f"reidbench methods {request.method}",
        )
    try:
        return preset, changed(presets[preset], request.overrides)
    except ReidbenchError as error:
        raise ConfigError(f"method '{request.method}': {error}") from error


@dataclass(frozen=True)
class Plan:
    """A choice on a dataset: the trials, and the key of every part."""

    choice: Choice
    contents: DatasetContents
    trials: tuple[Trial, ...]

    @cached_property
    def dataset_digest(self) -> str:
        """Digest of the dataset."""
        return self.contents.digest()

    @cached_property
    def protocol_fingerprint(self) -> str:
        """Fingerprint of the protocol on this dataset."""
        return self.choice.protocol.fingerprint(dataset=self.dataset_digest, evaluator=EVALUATOR_VERSION)

    @property
    def is_partial(self) -> bool:
        """Whether only some of the protocol's trials are run."""
        return len(self.trials) < self.choice.protocol.trials.count

    @cached_property
    def run_fingerprint(self) -> str:
        """Fingerprint of the whole run."""
        return fingerprint(
            {
                **self._method_identity,
                "config": as_plain(self.choice.config),
                "protocol": self.protocol_fingerprint,
                "trials": len(self.trials),
                "seed": self.choice.request.seed,
            }
        )

    def fit_key(self, trial: Trial) -> str:
        """Return the key of what is fitted: not the protocol, so a shared training table is trained on once."""
        identity = {**self._method_identity, "config": as_plain(self.choice.config, ["fit"])}
        if not self.choice.method_class.learns:
            return fingerprint(identity)
        training = {"dataset": self.dataset_digest, "table": self.contents.table.digest(trial.train)}
        return fingerprint({**identity, "training": training, "seed": self.choice.request.seed})

    def feature_key(self, trial: Trial, window: FrameWindow) -> str:
        """Return the key of the embeddings of tracklets seen through a window."""
        return fingerprint(
            {
                "fit": self.fit_key(trial),
                "config": as_plain(self.choice.config, ["embed"]),
                "dataset": self.dataset_digest,
                "window": [window.side, window.limit],
            }
        )

    def trial_key(self, trial: Trial) -> str:
        """Return the key of a trial's scores."""
        return fingerprint(
            {
                "query": [
                    self.feature_key(trial, self.query_window),
                    self.contents.table.digest(trial.query),
                ],
                "gallery": [
                    self.feature_key(trial, self.gallery_window),
                    self.contents.table.digest(trial.gallery),
                ],
                "config": as_plain(self.choice.config, ["match"]),
                "unmatched": self.choice.protocol.unmatched,
                "evaluator": EVALUATOR_VERSION,
            }
        )

    @property
    def query_window(self) -> FrameWindow:
        """The frames methods see of a query."""
        return FrameWindow(self.choice.protocol.frames.query, self.choice.protocol.frames.limit)

    @property
    def gallery_window(self) -> FrameWindow:
        """The frames methods see of a gallery tracklet."""
        return FrameWindow(self.choice.protocol.frames.gallery, self.choice.protocol.frames.limit)

    @property
    def _method_identity(self) -> dict[str, Any]:
        method = self.choice.method_class
        return {"method": method.name, "version": method.version, "weights": self.choice.weights}
