"""What is audited: a protocol, or the default protocol of a dataset, with its data and trials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reidbench.cache import Cache
from reidbench.datasets import DatasetContents
from reidbench.errors import ConfigError, UnknownNameError
from reidbench.plugin.manager import Plugins
from reidbench.protocols import Protocol, load_protocol
from reidbench.protocols.trials import Trial, draw_trials
from reidbench.runner.data import read_folder, read_tested, read_training


@dataclass(frozen=True)
class AuditedData:
    """The data of an audit.

    Attributes:
        protocol: the rules.
        contents: the tested dataset.
        trials: its trials.
        trains_on_tested: whether the training tracklets of the trials are rows of the tested dataset.
    """

    protocol: Protocol
    contents: DatasetContents
    trials: tuple[Trial, ...]
    trains_on_tested: bool


def read_data(
    target: str,
    plugins: Plugins,
    cache: Cache,
    *,
    data_root: Path | None,
    synthetic: bool,
    folder: Path | None,
) -> AuditedData:
    """Read the data of a protocol or a dataset.

    Args:
        target: name of a protocol or of a dataset.
        plugins: registry of protocols and datasets.
        cache: of rendered trees.
        data_root: directory that contains the datasets.
        synthetic: use a rendered tree in place of the dataset.
        folder: the folder of the dataset itself, with any name; instead of `data_root` and `synthetic`.

    Raises:
        UnknownNameError: no protocol and no dataset has the name.
        ConfigError: several sources of data.
        ReidbenchError: errors of the protocol and of its data.
    """
    protocol = find_protocol(target, plugins)
    if folder is not None:
        return _read_from_folder(
            protocol, plugins, cache, folder, is_alone=data_root is None and not synthetic
        )
    contents = read_tested(protocol, plugins, cache, data_root=data_root, synthetic=synthetic)
    training = read_training(protocol, plugins, cache, data_root=data_root, synthetic=synthetic)
    return AuditedData(protocol, contents, tuple(draw_trials(protocol, contents, training)), training is None)


def find_protocol(target: str, plugins: Plugins) -> Protocol:
    """Return the protocol of this name, or the default protocol of the dataset of this name.

    The default protocol of a dataset is the one with the shortest name of those that read its files.

    Raises:
        UnknownNameError: no protocol and no dataset has the name, or the dataset has no protocol.
    """
    if target in plugins.protocols:
        return load_protocol(plugins.protocols[target])
    if target in plugins.datasets:
        loaded = [load_protocol(file) for file in plugins.protocols.values()]
        found = [protocol for protocol in loaded if protocol.dataset == target and protocol.synthetic is None]
        if found:
            return min(found, key=lambda protocol: (len(protocol.name), protocol.name))
        raise ConfigError(f"dataset '{target}' has no protocol; audit a protocol, which names its dataset")
    known = {*plugins.protocols, *plugins.datasets}
    raise UnknownNameError("protocol or dataset", target, known, listed_by="reidbench protocols")


def _read_from_folder(
    protocol: Protocol, plugins: Plugins, cache: Cache, folder: Path, *, is_alone: bool
) -> AuditedData:
    if not is_alone:
        raise ConfigError(
            f"--data {folder} cannot be combined with --data-root or --synthetic; leave them out"
        )
    if protocol.synthetic is not None:
        raise ConfigError(
            f"--data {folder} has no effect: protocol '{protocol.name}' renders its own data; leave it out"
        )
    if protocol.train.dataset is not None:
        raise ConfigError(
            f"--data {folder} cannot replace the two datasets of protocol '{protocol.name}'; use --data-root"
        )
    contents = read_folder(plugins.dataset(protocol.dataset), folder, cache)
    return AuditedData(protocol, contents, tuple(draw_trials(protocol, contents)), True)
