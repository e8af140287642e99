"""Finding the data of a protocol: a real tree below the data root, or a rendered one in the cache."""

from __future__ import annotations

import os
from pathlib import Path

from reidbench.cache import Cache
from reidbench.datasets import Dataset, DatasetContents
from reidbench.datasets.synthetic import SyntheticSettings, settings_digest, synthesize_ilids_vid
from reidbench.errors import ConfigError, DatasetNotFoundError
from reidbench.plugin import Plugins, load_target
from reidbench.protocols import Protocol
from reidbench.runner.plan import Choice

ENVIRONMENT_VARIABLE = "REIDBENCH_DATA"


def read_contents(choice: Choice, plugins: Plugins, cache: Cache) -> DatasetContents:
    """Read the dataset of a choice, rendering it first where that was asked for.

    Raises:
        DatasetNotFoundError: there is no such folder; the message says where it was looked for.
        ConfigError: two sources of data were given.
    """
    spec = plugins.dataset(choice.protocol.dataset)
    folder = _data_root(choice, cache) / spec.folder
    if not folder.is_dir():
        raise DatasetNotFoundError(spec.name, folder, access=spec.access)
    dataset: Dataset = load_target(spec.name, spec.target)()
    return dataset.read(folder)


def _data_root(choice: Choice, cache: Cache) -> Path:
    request, protocol = choice.request, choice.protocol
    if request.data_root is not None and (request.synthetic or protocol.synthetic is not None):
        reason = (
            "--synthetic" if request.synthetic else f"protocol '{protocol.name}', which renders its own data"
        )
        raise ConfigError(
            f"--data-root {request.data_root} cannot be combined with {reason}; leave one of them out"
        )
    if request.synthetic or protocol.synthetic is not None:
        return _rendered(_settings(protocol), cache)
    return request.data_root or Path(os.environ.get(ENVIRONMENT_VARIABLE, "data")).expanduser()


def _settings(protocol: Protocol) -> SyntheticSettings:
    rule = protocol.synthetic
    if rule is None:
        return SyntheticSettings()
    return SyntheticSettings(
        people=rule.people,
        min_frames=rule.min_frames,
        max_frames=rule.max_frames,
        mean_frames=rule.mean_frames,
        seed=rule.seed,
    )


def _rendered(settings: SyntheticSettings, cache: Cache) -> Path:
    root = cache.tree(settings_digest(settings))
    with cache.lock(root):
        synthesize_ilids_vid(root, settings)
    return root
