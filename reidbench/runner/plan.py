"""Plans: everything about a run that can be determined and checked before work starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from reidbench.cache import Cache
from reidbench.datasets import DatasetContents
from reidbench.datasets.views import FrameWindow
from reidbench.errors import ConfigError, PluginError, ReidbenchError, UnknownNameError
from reidbench.evaluation import RerankSettings
from reidbench.plugin import Method, Runtime
from reidbench.plugin.config import apply_overrides, check_values
from reidbench.plugin.guard import guard_plugin
from reidbench.plugin.loading import load_method
from reidbench.plugin.manager import Plugins
from reidbench.protocols import Protocol, load_protocol
from reidbench.protocols.trials import Trial, draw_trials
from reidbench.runner.calls import create_method, prepare_method
from reidbench.runner.data import read_tested, read_training
from reidbench.runner.keys import RunKeys, TaskKeys, Windows
from reidbench.source import SourceDigest


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """A user's request: one method on one protocol.

    Attributes:
        preset: named settings of the method; None uses the first preset.
        overrides: settings as text, applied to the preset.
        data_root: directory that contains the datasets; None uses the environment variable or the default.
        synthetic: use a rendered tree in place of the dataset.
        trials: run only this many trials; None runs all.
        seed: first training seed.
        seeds: number of training seeds.
        resume: use cached results.
        conventions: conventions that replace those of the protocol file, by name.
        train_on: a protocol of another dataset, which is trained on.
        rerank: re-rank with k-reciprocal neighbours. This uses the other queries: the figures are transductive.
        lengths: numbers of frames of queries and gallery tracklets for a sequence-length study.
        fars: false accept rates for which true accept rates are computed.
        save_features: file that receives the embeddings.
        isolate: run each fit and each trial's embedding in a process without labels of tested tracklets.
    """

    method: str
    protocol: str
    preset: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    data_root: Path | None = None
    synthetic: bool = False
    trials: int | None = None
    seed: int = 0
    seeds: int = 1
    resume: bool = True
    conventions: Mapping[str, str] = field(default_factory=dict)
    train_on: str | None = None
    rerank: bool = False
    lengths: tuple[int, ...] = ()
    fars: tuple[float, ...] = ()
    save_features: Path | None = None
    isolate: bool = False


@dataclass(frozen=True)
class Choice:
    """A method with its settings and a protocol, before any data is read.

    Attributes:
        weights: digest or name of pretrained weights; None without pretrained weights.
        source: source digest of the method.
        plugin_files: single-file plugins of the command.
    """

    request: RunRequest
    method_class: type[Method]
    preset: str
    config: Any
    protocol: Protocol
    weights: str | None
    source: SourceDigest
    plugin_files: tuple[Path, ...] = ()

    @property
    def settings(self) -> str:
        """The preset and the changed settings, which distinguish this run from others of the method."""
        changes = [f"{name}={value}" for name, value in self.request.overrides.items()]
        return " ".join([self.preset, *changes, *(["reranked"] if self.request.rerank else [])])

    @property
    def rerank(self) -> RerankSettings | None:
        """Settings of the re-ranking; None without re-ranking."""
        return RerankSettings() if self.request.rerank else None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Training seeds; a method that learns nothing uses one."""
        first = self.request.seed
        return tuple(range(first, first + (self.request.seeds if self.method_class.learns else 1)))


def choose(request: RunRequest, plugins: Plugins, runtime: Runtime) -> Choice:
    """Look up names and settings, and check everything that can be checked before data is read.

    Raises:
        UnknownNameError: unknown method, protocol or preset.
        ConfigError: a setting does not exist or is out of range, or the protocol has fewer trials.
        WeightsError: pretrained weights are not available.
    """
    spec = plugins.method(request.method)
    protocol = choose_protocol(
        request.protocol, plugins, conventions=request.conventions, train_on=request.train_on
    )
    if spec.modality not in (protocol.modality, "both"):
        raise ConfigError(
            f"method '{spec.name}' needs {spec.modality} data, but protocol '{protocol.name}' has {protocol.modality} "
            f"data; leave out '{spec.name}' or choose another protocol"
        )
    _check_request(request, protocol)
    method_class = load_method(spec)
    if request.isolate and method_class.uses_hidden_facts:
        raise ConfigError(
            f"--isolate cannot be combined with '{spec.name}', which reads hidden facts; leave it out"
        )
    source = plugins.source(spec.name)
    preset, config = resolve_config(method_class, request.preset, request.overrides)
    weights = prepare_method(create_method(method_class, config, runtime))
    return Choice(request, method_class, preset, config, protocol, weights, source, plugins.files)


def choose_protocol(
    name: str, plugins: Plugins, *, conventions: Mapping[str, str], train_on: str | None = None
) -> Protocol:
    """Look up a protocol and apply the chosen conventions and training data.

    Raises:
        UnknownNameError: unknown protocol or dataset.
        ProtocolError: the protocol does not have the convention, or the training data is that of the tested dataset.
    """
    protocol = load_protocol(plugins.protocol(name)).with_conventions(conventions)
    if train_on is not None:
        protocol = protocol.with_training_data(load_protocol(plugins.protocol(train_on)))
    for dataset in filter(None, (protocol.dataset, protocol.train.dataset)):
        plugins.dataset(dataset)
    return protocol


def _check_request(request: RunRequest, protocol: Protocol) -> None:
    count = protocol.trials.count
    if request.trials is not None and not 1 <= request.trials <= count:
        raise ConfigError(
            f"--trials must be in [1, {count}] for protocol '{protocol.name}', got {request.trials}"
        )
    if request.seeds < 1:
        raise ConfigError(f"--seeds must be at least 1, got {request.seeds}")
    if request.lengths and protocol.modality != "video":
        raise ConfigError(
            f"--lengths needs a video protocol, but '{protocol.name}' has {protocol.modality} data"
        )
    if invalid := [length for length in request.lengths if length < 1]:
        raise ConfigError(f"--lengths must be at least 1, got {invalid[0]}")
    if outside := [far for far in request.fars if not 0 < far < 1]:
        raise ConfigError(f"--far must be in (0, 1), got {outside[0]}")


def resolve_config(
    method_class: type[Method], preset: str | None, overrides: Mapping[str, str]
) -> tuple[str, Any]:
    """Return the name of a preset, the first one by default, and its settings with changes.

    Raises:
        UnknownNameError: unknown preset.
        ConfigError: a setting does not exist or is out of range.
        PluginError: the code of the settings failed.
    """
    presets = method_class.presets
    preset = preset or next(iter(presets))
    if preset not in presets:
        raise UnknownNameError(
            "preset",
            preset,
            presets,
            listed_by=f"reidbench methods {method_class.name}",
        )
    try:
        with guard_plugin(method_class.name, "its settings"):
            config = apply_overrides(presets[preset], overrides)
            check_values(config)
            return preset, config
    except PluginError:
        raise
    except ReidbenchError as error:
        raise ConfigError(f"method '{method_class.name}': {error}") from error


@dataclass(frozen=True, kw_only=True)
class TrialTask:
    """One trial with one training seed; tasks are independent of each other and can be pickled.

    Attributes:
        trial: split, queries and gallery.
        seed: training seed.
        windows: frames of queries and gallery items.
        lengths: query and gallery frames of a sequence-length study; None for the protocol's own frames.
        keys: cache keys.
    """

    trial: Trial
    seed: int
    windows: Windows
    lengths: tuple[int, int] | None
    keys: TaskKeys


@dataclass(frozen=True)
class Plan:
    """A choice on a dataset: its trials and tasks.

    Attributes:
        contents: the tested dataset.
        training: the training dataset; the same object if the tested dataset is trained on.
    """

    choice: Choice
    contents: DatasetContents
    training: DatasetContents
    trials: tuple[Trial, ...]

    @cached_property
    def keys(self) -> RunKeys:
        """Cache keys and fingerprints."""
        choice = self.choice
        return RunKeys(
            choice.method_class,
            choice.config,
            choice.weights,
            choice.source.value,
            choice.protocol,
            self.contents,
            self.training,
            choice.rerank,
            choice.request.fars,
            isolate=choice.request.isolate,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Fingerprint of the run."""
        choice = self.choice
        return self.keys.run(trials=len(self.trials), seeds=choice.seeds, lengths=choice.request.lengths)

    @property
    def is_partial(self) -> bool:
        """Whether only some of the protocol's trials are run."""
        return len(self.trials) < self.choice.protocol.trials.count

    @cached_property
    def tasks(self) -> tuple[TrialTask, ...]:
        """One task per seed and trial, then one per seed, trial and pair of studied lengths."""
        rule = self.choice.protocol.frames
        windows = Windows(FrameWindow(rule.query, rule.limit), FrameWindow(rule.gallery, rule.limit))
        tasks = self._expand(windows, None)
        for query in self.choice.request.lengths:
            for gallery in self.choice.request.lengths:
                tasks += self._expand(_study_windows(query, gallery), (query, gallery))
        return tuple(tasks)

    @property
    def main_tasks(self) -> tuple[TrialTask, ...]:
        """The tasks with the protocol's own frames."""
        return tuple(task for task in self.tasks if task.lengths is None)

    def _expand(self, windows: Windows, lengths: tuple[int, int] | None) -> list[TrialTask]:
        return [
            TrialTask(
                trial=trial,
                seed=seed,
                windows=windows,
                lengths=lengths,
                keys=self.keys.task(trial, seed, windows),
            )
            for seed in self.choice.seeds
            for trial in self.trials
        ]


def _study_windows(query: int, gallery: int) -> Windows:
    """Return the first frames of queries and the last frames of gallery tracklets.

    Shorter tracklets are used in full (McLaughlin et al., CVPR 2016, released code; Figure 7 of Wu et al., TMM 2018).
    """
    return Windows(FrameWindow("first", query), FrameWindow("last", gallery))


def make_plan(choice: Choice, plugins: Plugins, cache: Cache) -> Plan:
    """Read the data of a choice and draw its trials.

    Raises:
        DatasetError: the data is missing or is not the published dataset.
        ProtocolError: the data does not fit the protocol.
    """
    protocol, request = choice.protocol, choice.request
    sources: dict[str, Any] = {
        "data_root": request.data_root,
        "synthetic": request.synthetic,
        "resume": request.resume,
    }
    tested = read_tested(protocol, plugins, cache, **sources)
    other = read_training(protocol, plugins, cache, **sources)
    trials = draw_trials(protocol, tested, other)
    training = tested if other is None else other
    return Plan(choice, tested, training, tuple(trials[: request.trials]))
