"""The plugin manager: isolated loading, and one registry per kind of name."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from reidbench.errors import PluginError, UnknownNameError
from reidbench.names import check_name
from reidbench.plugin import hookspecs
from reidbench.plugin.specs import DatasetSpec, MethodSpec
from reidbench.source import (
    OwnCode,
    SourceDigest,
    compute_source_digest,
    own_code_of_distribution,
    own_code_of_file,
)

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

T = TypeVar("T")


@dataclass(frozen=True)
class PluginFailure:
    """A plugin that could not be loaded, or whose hook failed, with the error."""

    plugin: str
    origin: str
    error: BaseException

    def __str__(self) -> str:
        reason = " ".join(f"{type(self.error).__name__}: {self.error}".split())
        return f"plugin '{self.plugin}' of '{self.origin}' failed: {reason}"


class Plugins:
    """All installed plugins and their methods, datasets and protocols.

    A plugin that fails is listed in `failures`, and the other plugins are loaded. If two plugins use one name, the
    first keeps it: first-party plugins come first, then the order of plugin names.
    """

    def __init__(self, files: Iterable[Path] = ()) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.origins: dict[str, str] = {}
        self.failures: list[PluginFailure] = []
        self._files: dict[str, Path] = {}
        # The plugin of each name, by hook.
        self._owners: dict[str, dict[str, str]] = {}
        self._sources: dict[str, SourceDigest] = {}
        found = entry_points(group=hookspecs.PROJECT)
        for entry in sorted(found, key=lambda e: (_origin(e) != hookspecs.PROJECT, e.name, _origin(e))):
            self._register(entry.name, _origin(entry), entry.load)
        for file in files:
            self._register(file.stem, str(file), lambda file=file: _load_file(file))
            self._files.setdefault(str(file), file)

    def _register(self, name: str, origin: str, load: Any) -> None:
        plugin = None
        try:
            if self.manager.has_plugin(name):
                raise ValueError(f"plugin name '{name}' is already used by '{self.origins[name]}'")
            plugin = load()
            self.manager.register(plugin, name=name)
            self.manager.check_pending()
        # A plugin can run any code on import, including sys.exit().
        except (Exception, SystemExit) as error:  # noqa: BLE001
            if plugin is not None and self.manager.get_plugin(name) is plugin:
                self.manager.unregister(plugin)
            self.failures.append(PluginFailure(name, origin, error))
        else:
            self.origins[name] = origin

    @cached_property
    def methods(self) -> Mapping[str, MethodSpec]:
        """Methods by name."""
        return self._collect("reidbench_methods", lambda spec: spec.name)

    @cached_property
    def datasets(self) -> Mapping[str, DatasetSpec]:
        """Dataset readers by name."""
        return self._collect("reidbench_datasets", lambda spec: spec.name)

    @cached_property
    def protocols(self) -> Mapping[str, Traversable]:
        """Protocol files by name."""
        return self._collect("reidbench_protocols", lambda file: file.name.removesuffix(".toml"))

    def method(self, name: str) -> MethodSpec:
        """Return a method's spec, or raise UnknownNameError."""
        return self._look_up("method", self.methods, name, "reidbench methods")

    def dataset(self, name: str) -> DatasetSpec:
        """Return a dataset's spec, or raise UnknownNameError."""
        return self._look_up("dataset", self.datasets, name, "reidbench datasets")

    def protocol(self, name: str) -> Traversable:
        """Return a protocol's file, or raise UnknownNameError."""
        return self._look_up("protocol", self.protocols, name, "reidbench protocols")

    def source(self, name: str) -> SourceDigest:
        """Return the source digest of a method; its class is not imported.

        Raises:
            UnknownNameError: the method does not exist.
            PluginError: its module has no file, or a declared file cannot be read.
        """
        if name not in self._sources:
            spec = self.method(name)
            module = spec.target.partition(":")[0]
            file = self._files.get(self.origins.get(self._owners["reidbench_methods"][name], ""))
            is_file = file is not None and module == _module_of(file)
            self._sources[name] = compute_source_digest(
                name,
                module,
                self._own_code(name, module),
                files=spec.files,
                # The name of the file is not part of the method.
                name="plugin file" if is_file else None,
            )
        return self._sources[name]

    def _own_code(self, method: str, module: str) -> OwnCode:
        origin = self.origins.get(self._owners["reidbench_methods"][method], "")
        if origin in self._files:
            return own_code_of_file(self._files[origin], _module_of(self._files[origin]))
        try:
            return own_code_of_distribution(distribution(origin), module)
        # A plugin that was registered from memory has no distribution.
        except (PackageNotFoundError, ValueError):
            return OwnCode(packages=frozenset([module.partition(".")[0]]))

    def notify(self, hook: str, **arguments: Any) -> list[PluginFailure]:
        """Call a life-cycle hook of every plugin and return the failures."""
        failures = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            wanted = {name: arguments[name] for name in implementation.argnames}
            try:
                implementation.function(**wanted)
            # A failing tracker must not end a run.
            except Exception as error:  # noqa: BLE001
                name = implementation.plugin_name
                failures.append(PluginFailure(name, self.origins.get(name, "?"), error))
        return failures

    def hooks_of(self, name: str) -> list[str]:
        """Return the names of the hooks that a loaded plugin implements, sorted."""
        callers = self.manager.get_hookcallers(self.manager.get_plugin(name)) or []
        return sorted(caller.name for caller in callers)

    def _collect(self, hook: str, name_of: Any) -> dict[str, Any]:
        offered: dict[str, Any] = {}
        owners: dict[str, str] = {}
        rank = {name: position for position, name in enumerate(self.origins)}
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        for implementation in sorted(implementations, key=lambda i: rank.get(i.plugin_name, len(rank))):
            plugin = implementation.plugin_name
            try:
                for item in implementation.function():
                    name = check_name(
                        hook.removeprefix("reidbench_").removesuffix("s"), name_of(item), PluginError
                    )
                    if name in offered:
                        raise ValueError(f"name '{name}' is already used by plugin '{owners[name]}'")
                    offered[name], owners[name] = item, plugin
            # A hook can run any code.
            except Exception as error:  # noqa: BLE001
                self.failures.append(PluginFailure(plugin, self.origins.get(plugin, "?"), error))
        self._owners[hook] = owners
        return dict(sorted(offered.items()))

    def _look_up(self, kind: str, registry: Mapping[str, T], name: str, listed_by: str) -> T:
        if name in registry:
            return registry[name]
        failures = "".join(f" (note: {failure})" for failure in self.failures)
        hint = f", or load a plugin file with --plugin{failures}"
        raise UnknownNameError(kind, name, registry, listed_by=listed_by, hint=hint)


def _origin(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "?"


def _module_of(file: Path) -> str:
    return f"reidbench_file_plugin_{file.stem}"


def _load_file(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(_module_of(file), file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Targets such as "module:Class" and dataclasses look the module up by name.
    sys.modules[spec.name] = module
    # Modules beside the file can be imported; installed ones come first.
    if (folder := str(file.parent.absolute())) not in sys.path:
        sys.path.append(folder)
    spec.loader.exec_module(module)
    return module
