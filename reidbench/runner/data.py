"""Finding the data of a protocol: a real tree below the data root, or a rendered one in the cache."""

from __future__ import annotations

import os
from pathlib import Path

from reidbench.cache import Cache
from reidbench.datasets import Dataset, DatasetContents
from reidbench.datasets.synthetic import Layout, SyntheticSettings
from reidbench.datasets.verify import check_official
from reidbench.errors import ConfigError, DatasetNotFoundError
from reidbench.plugin import DatasetSpec, load_target
from reidbench.protocols import Protocol

ENVIRONMENT_VARIABLE = "REIDBENCH_DATA"


def find_dataset(spec: DatasetSpec, data_root: Path | None) -> tuple[Dataset, Path]:
    """Return the reader of a dataset and its folder below the data root.

    Raises:
        DatasetNotFoundError: there is no such folder; the message says where it was looked for.
    """
    folder = (data_root or Path(os.environ.get(ENVIRONMENT_VARIABLE, "data")).expanduser()) / spec.folder
    if not folder.is_dir():
        raise DatasetNotFoundError(spec.name, folder, access=f"{spec.access} ({spec.status})")
    reader: Dataset = load_target(spec.name, spec.target)()
    return reader, folder


def layout_of(spec: DatasetSpec) -> Layout:
    """Return the writer of synthetic trees of a dataset.

    Raises:
        ConfigError: it has none.
    """
    if spec.layout is None:
        raise ConfigError(f"dataset '{spec.name}' has no writer of synthetic trees; choose another one")
    layout: Layout = load_target(spec.name, spec.layout)
    return layout


def read_contents(
    spec: DatasetSpec, protocol: Protocol, cache: Cache, *, data_root: Path | None, synthetic: bool
) -> DatasetContents:
    """Read a dataset for a protocol, rendering it first where that was asked for.

    Raises:
        DatasetNotFoundError: there is no such folder.
        DatasetError: it is not the published dataset.
        ConfigError: two sources of data were given.
    """
    rule = protocol.synthetic
    if data_root is not None and (synthetic or rule is not None):
        reason = "--synthetic" if synthetic else f"protocol '{protocol.name}', which renders its own data"
        raise ConfigError(f"--data-root {data_root} cannot be combined with {reason}; leave one of them out")
    if rule is not None:
        data_root = _rendered(layout_of(spec), SyntheticSettings(**rule.settings()), cache)
    elif synthetic:
        layout = layout_of(spec)
        data_root = _rendered(layout, layout.stand_in(), cache)
    dataset, folder = find_dataset(spec, data_root)
    contents = dataset.read(folder)
    check_official(dataset, contents)
    return contents


def _rendered(layout: Layout, settings: SyntheticSettings, cache: Cache) -> Path:
    root = cache.tree(layout.digest(settings))
    with cache.lock(root):
        layout.synthesize(root, settings)
    return root
