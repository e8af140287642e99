"""The data of a protocol: a tree in the data root, or a rendered one in the cache."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reidbench.cache import Cache
from reidbench.datasets import Dataset, DatasetContents
from reidbench.datasets.hashing import FileHasher, has_change_times
from reidbench.datasets.references import compare_with_reference
from reidbench.datasets.synthetic import Layout, SyntheticSettings
from reidbench.datasets.verify import check_official
from reidbench.errors import ConfigError, DatasetError, DatasetNotFoundError, PluginError, quote
from reidbench.plugin import DatasetSpec
from reidbench.plugin.guard import guard_plugin
from reidbench.plugin.loading import load_target
from reidbench.plugin.manager import Plugins
from reidbench.protocols import Protocol
from reidbench.protocols.schema import SyntheticRule

ENVIRONMENT_VARIABLE = "REIDBENCH_DATA"
log = logging.getLogger(__name__)


def find_dataset(spec: DatasetSpec, data_root: Path | None) -> tuple[Dataset, Path]:
    """Return the reader of a dataset and its folder in the data root.

    Raises:
        DatasetNotFoundError: the folder does not exist; the message names it.
    """
    folder = (data_root or Path(os.environ.get(ENVIRONMENT_VARIABLE, "data")).expanduser()) / spec.folder
    if not folder.is_dir():
        raise DatasetNotFoundError(spec.name, folder, access=f"{spec.access} ({spec.status})")
    return load_reader(spec), folder


def load_reader(spec: DatasetSpec) -> Dataset:
    """Return the reader of a dataset.

    Raises:
        PluginError: it cannot be loaded, or is no `Dataset`.
    """
    reader_class = load_target(spec.name, spec.target)
    with guard_plugin(spec.name, "its reader", kind="dataset"):
        reader = reader_class()
        if not isinstance(reader, Dataset):
            raise PluginError(f"dataset '{spec.name}': {spec.target} must be a subclass of Dataset")
    return reader


def render_dataset(
    spec: DatasetSpec, data_root: Path, settings: Mapping[str, Any], *, workers: int | None = None
) -> Path:
    """Render a synthetic tree in the layout of a dataset and return its folder; see `Layout.synthesize`.

    Args:
        spec: the dataset.
        data_root: folder that receives the dataset folder.
        settings: fields of `SyntheticSettings`.
        workers: processes; None = as many as there are processors, fewer for small trees.

    Raises:
        ConfigError: the dataset cannot be rendered, or a setting is out of range.
        DatasetError: another tree is already there, or a label file cannot be read.
    """
    layout = _layout(spec)
    with guard_plugin(spec.name, "its layout", kind="dataset", passes=(OSError,)):
        return layout.synthesize(data_root, SyntheticSettings(**settings), workers=workers)


def read_tested(
    protocol: Protocol,
    plugins: Plugins,
    cache: Cache,
    *,
    data_root: Path | None,
    synthetic: bool,
    resume: bool = True,
) -> DatasetContents:
    """Read the tested dataset of a protocol; render it first if the protocol or the user chooses that.

    Raises:
        DatasetNotFoundError: the folder of the dataset does not exist.
        DatasetError: the dataset differs from the published one.
        ConfigError: the protocol does not use the data root, or two sources of data were given.
    """
    _check_sources(protocol, data_root, synthetic=synthetic)
    source = _Source(cache, data_root, synthetic=synthetic, resume=resume)
    return _read(plugins.dataset(protocol.dataset), protocol.synthetic, source)


def read_training(
    protocol: Protocol,
    plugins: Plugins,
    cache: Cache,
    *,
    data_root: Path | None,
    synthetic: bool,
    resume: bool = True,
) -> DatasetContents | None:
    """Read the training dataset of a transfer protocol; None if it is the tested one.

    Raises:
        DatasetNotFoundError: as `read_tested`.
        DatasetError: as `read_tested`.
        ConfigError: as `read_tested`.
    """
    rule = protocol.train
    if rule.dataset is None:
        return None
    _check_sources(protocol, data_root, synthetic=synthetic)
    source = _Source(cache, data_root, synthetic=synthetic, resume=resume)
    return _read(plugins.dataset(rule.dataset), rule.synthetic, source)


def read_folder(spec: DatasetSpec, folder: Path, cache: Cache) -> DatasetContents:
    """Read a dataset from its own folder, which may have any name.

    Raises:
        DatasetNotFoundError: the folder does not exist.
        DatasetError: the dataset differs from the published one.
    """
    if not folder.is_dir():
        raise DatasetNotFoundError(spec.name, folder, access=f"{spec.access} ({spec.status})")
    return _check_contents(load_reader(spec), folder, _Source(cache, None, synthetic=False, resume=True))


def _check_sources(protocol: Protocol, data_root: Path | None, *, synthetic: bool) -> None:
    if data_root is None:
        return
    if synthetic:
        raise ConfigError(
            f"--data-root {data_root} cannot be combined with --synthetic: leave out --synthetic to read the data "
            "root, or --data-root to render the data"
        )
    train = protocol.train
    reads_files = protocol.synthetic is None or (train.dataset is not None and train.synthetic is None)
    if not reads_files:
        raise ConfigError(
            f"--data-root {data_root} has no effect: protocol '{protocol.name}' renders its own data; leave it out"
        )


@dataclass(frozen=True)
class _Source:
    """Where data comes from.

    Attributes:
        cache: of rendered trees and of digests.
        data_root: directory that contains the datasets; None uses the environment variable or the default.
        synthetic: use a rendered tree in place of the dataset.
        resume: use remembered digests, also where a changed file cannot be noticed.
    """

    cache: Cache
    data_root: Path | None
    synthetic: bool
    resume: bool

    def hasher(self, folder: Path) -> FileHasher:
        """Return the hasher of a dataset folder."""
        rehash = not self.resume and not has_change_times(folder)
        return FileHasher(memory=self.cache.digests(folder), rehash=rehash, shown=True)


def _read(spec: DatasetSpec, rule: SyntheticRule | None, source: _Source) -> DatasetContents:
    if rule is not None:
        return _read_rendered(spec, SyntheticSettings(**rule.settings()), source)
    if source.synthetic:
        return _read_rendered(spec, _layout(spec).run_settings(), source)
    return _read_folder(spec, source.data_root, source)


def _read_folder(spec: DatasetSpec, data_root: Path | None, source: _Source) -> DatasetContents:
    return _check_contents(*find_dataset(spec, data_root), source)


def _check_contents(dataset: Dataset, folder: Path, source: _Source) -> DatasetContents:
    """Return the contents of a folder; a rendered tree is compared with its marker."""
    contents = replace(dataset.read(folder), hasher=source.hasher(folder))
    check_official(dataset, contents)
    if contents.is_synthetic:
        # Compares the files with the marker. Real files are hashed when their digests are first needed.
        _ = contents.row_digests
    return contents


def _read_rendered(spec: DatasetSpec, settings: SyntheticSettings, source: _Source) -> DatasetContents:
    """Read a tree in the cache; render it first if it is missing or damaged."""
    layout = _layout(spec)
    root = source.cache.tree(layout.digest(settings))
    with source.cache.lock(root):
        is_new = not root.exists()
        try:
            _render(spec, layout, root, settings)
            contents = _read_folder(spec, root, source)
        except DatasetError as error:
            if is_new:
                raise
            source.cache.delete(root)
            log.warning("removed damaged cache entry %s: %s", root, error)
            _render(spec, layout, root, settings)
            contents = _read_folder(spec, root, source)
    if difference := compare_with_reference(contents.digests):
        log.warning("%s", difference)
    return contents


def _layout(spec: DatasetSpec) -> Layout:
    if spec.layout is None:
        raise ConfigError(
            f"dataset '{spec.name}' cannot be rendered: it has no writer of synthetic trees; `reidbench datasets` "
            "lists the datasets that have one"
        )
    layout = load_target(spec.name, spec.layout)
    if not isinstance(layout, Layout):
        raise PluginError(f"dataset '{spec.name}': {spec.layout} must be a Layout, got {quote(layout)}")
    return layout


def _render(spec: DatasetSpec, layout: Layout, root: Path, settings: SyntheticSettings) -> None:
    with guard_plugin(spec.name, "its layout", kind="dataset", passes=(OSError,)):
        layout.synthesize(root, settings)
