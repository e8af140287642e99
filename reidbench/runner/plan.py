"""Plans: everything about a run that can be known, and refused, before work starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from reidbench.datasets import DatasetContents
from reidbench.datasets.views import FrameWindow
from reidbench.errors import ConfigError, ReidbenchError, UnknownNameError
from reidbench.evaluation.reranking import RerankSettings
from reidbench.evaluation.version import EVALUATOR_VERSION
from reidbench.fingerprints import fingerprint
from reidbench.plugin import Method, Plugins, Runtime, apply_overrides, as_plain, load_target
from reidbench.protocols import Protocol, load_protocol
from reidbench.protocols.trials import Trial
from reidbench.runner.guard import guard_plugin


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
        conventions: other conventions of the protocol than its file takes, by name.
        train_on: a protocol of another dataset, whose training data is taken.
        rerank: re-rank with k-reciprocal neighbours, which uses the other queries: transductive.
        lengths: numbers of frames, of queries and of gallery tracklets, for the sequence-length study.
        fars: false accept rates at which true accept rates are wanted.
        save_features: file that receives the embeddings.
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
    conventions: Mapping[str, str] = field(default_factory=dict)
    train_on: str | None = None
    rerank: bool = False
    lengths: tuple[int, ...] = ()
    fars: tuple[float, ...] = ()
    save_features: Path | None = None


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
        return " ".join([self.preset, *changes, *(["reranked"] if self.request.rerank else [])])

    @property
    def rerank(self) -> RerankSettings | None:
        """Settings of the re-ranking, if one was asked for."""
        return RerankSettings() if self.request.rerank else None


def choose(request: RunRequest, plugins: Plugins, runtime: Runtime) -> Choice:
    """Look up names and settings; check what the method can check before it sees data.

    Raises:
        UnknownNameError: no such method, protocol or preset.
        ConfigError: a setting that does not exist or is out of range, or a number of trials the protocol has
            not.
        WeightsError: pretrained weights cannot be had.
    """
    spec = plugins.method(request.method)
    protocol = choose_protocol(
        request.protocol, plugins, conventions=request.conventions, train_on=request.train_on
    )
    if request.trials is not None and not 1 <= request.trials <= protocol.trials.count:
        raise ConfigError(
            f"--trials must be in 1..{protocol.trials.count} for protocol '{protocol.name}', got {request.trials}"
        )
    if spec.modality not in (protocol.modality, "both"):
        raise ConfigError(
            f"method '{spec.name}' takes {spec.modality}, protocol '{protocol.name}' is {protocol.modality}"
        )
    _check_study(request, protocol)
    method_class: type[Method] = load_target(spec.name, spec.target)
    preset, config = _configured(request, method_class)
    with guard_plugin(spec.name, "prepare"):
        method = method_class(config, runtime)
        method.prepare()
        weights = method.weights_digest()
    return Choice(request, method_class, preset, config, protocol, weights)


def choose_protocol(
    name: str, plugins: Plugins, *, conventions: Mapping[str, str], train_on: str | None = None
) -> Protocol:
    """Look up a protocol, with other conventions and other training data where these are asked for.

    Raises:
        UnknownNameError: no such protocol or dataset.
        ProtocolError: a convention it does not have, or training data of the tested dataset.
    """
    protocol = load_protocol(plugins.protocol(name)).with_conventions(conventions)
    if train_on is not None:
        protocol = protocol.with_training_data(load_protocol(plugins.protocol(train_on)))
    for dataset in filter(None, (protocol.dataset, protocol.train.dataset)):
        plugins.dataset(dataset)
    return protocol


def _check_study(request: RunRequest, protocol: Protocol) -> None:
    if request.lengths and protocol.modality != "video":
        raise ConfigError(f"--lengths needs a video protocol, '{protocol.name}' is {protocol.modality}")
    if wrong := [length for length in request.lengths if length < 1]:
        raise ConfigError(f"--lengths must be 1 frame or more, got {wrong[0]}")
    if outside := [far for far in request.fars if not 0 < far < 1]:
        raise ConfigError(f"--far must lie between 0 and 1, got {outside[0]}")


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
        return preset, apply_overrides(presets[preset], request.overrides)
    except ReidbenchError as error:
        raise ConfigError(f"method '{request.method}': {error}") from error


@dataclass(frozen=True)
class Windows:
    """The frames that methods see of queries and of gallery tracklets."""

    query: FrameWindow
    gallery: FrameWindow


@dataclass(frozen=True)
class Plan:
    """A choice on a dataset: the trials, and the key of every part.

    Attributes:
        contents: the tested dataset.
        training: the dataset that is trained on; the same object where it is the tested one.
    """

    choice: Choice
    contents: DatasetContents
    training: DatasetContents
    trials: tuple[Trial, ...]

    @cached_property
    def dataset_digest(self) -> str:
        """Digest of the tested dataset."""
        return self.contents.digest()

    @cached_property
    def training_digest(self) -> str:
        """Digest of the dataset that is trained on."""
        return self.dataset_digest if self.training is self.contents else self.training.digest()

    @cached_property
    def protocol_fingerprint(self) -> str:
        """Fingerprint of the protocol on its datasets."""
        dataset = self.dataset_digest
        if self.training is not self.contents:
            dataset = fingerprint([self.dataset_digest, self.training_digest])
        return self.choice.protocol.fingerprint(dataset=dataset, evaluator=EVALUATOR_VERSION)

    @property
    def is_partial(self) -> bool:
        """Whether only some of the protocol's trials are run."""
        return len(self.trials) < self.choice.protocol.trials.count

    @property
    def is_synthetic(self) -> bool:
        """Whether any frame was rendered."""
        return self.contents.is_synthetic or self.training.is_synthetic

    @cached_property
    def run_fingerprint(self) -> str:
        """Fingerprint of the whole run."""
        request = self.choice.request
        return fingerprint(
            {
                **self._method_identity,
                "config": as_plain(self.choice.config),
                "protocol": self.protocol_fingerprint,
                "trials": len(self.trials),
                "seed": request.seed,
                "rerank": self._rerank,
                "lengths": list(request.lengths),
                "fars": list(request.fars),
            }
        )

    def fit_key(self, trial: Trial) -> str:
        """Return the key of what is fitted: not the protocol, so a shared training table is trained on once."""
        identity = {**self._method_identity, "config": as_plain(self.choice.config, ["fit"])}
        if not self.choice.method_class.learns:
            return fingerprint(identity)
        training = {"dataset": self.training_digest, "table": self.training.table.digest(trial.train)}
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

    def trial_key(self, trial: Trial, windows: Windows) -> str:
        """Return the key of a trial's scores."""
        query_key = self.feature_key(trial, windows.query)
        gallery_key = self.feature_key(trial, windows.gallery)
        table, protocol = self.contents.table, self.choice.protocol
        sides = [
            {
                "query": [query_key, table.digest(side.query)],
                "gallery": [gallery_key, table.digest(side.gallery)],
                "boxes": None if side.boxes is None else table.digest(side.boxes),
            }
            for side in trial.sides
        ]
        return fingerprint(
            {
                "sides": sides,
                "config": as_plain(self.choice.config, ["match"]),
                "rules": [protocol.unmatched, protocol.shots, protocol.conventions.pooling],
                "rerank": self._rerank,
                "fars": list(self.choice.request.fars),
                "evaluator": EVALUATOR_VERSION,
            }
        )

    @property
    def windows(self) -> Windows:
        """The frames of the protocol itself."""
        rule = self.choice.protocol.frames
        return Windows(FrameWindow(rule.query, rule.limit), FrameWindow(rule.gallery, rule.limit))

    @property
    def studied_lengths(self) -> dict[tuple[int, int], Windows]:
        """The frames of every pair of a query's and a gallery tracklet's length in a sequence-length study.

        The first frames of a query, the last of a gallery tracklet, all of a shorter one (McLaughlin et al., CVPR
        2016, released code; Figure 7 of Wu et al., TMM 2018).
        """
        lengths = self.choice.request.lengths
        return {
            (query, gallery): Windows(FrameWindow("first", query), FrameWindow("last", gallery))
            for query in lengths
            for gallery in lengths
        }

    @property
    def _rerank(self) -> dict[str, Any] | None:
        return None if self.choice.rerank is None else asdict(self.choice.rerank)

    @property
    def _method_identity(self) -> dict[str, Any]:
        method = self.choice.method_class
        return {"method": method.name, "version": method.version, "weights": self.choice.weights}
