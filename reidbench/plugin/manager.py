"""The plugin manager: isolated loading, and one registry per kind of name."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from reidbench.errors import ConfigError, PluginError, UnknownNameError
from reidbench.interrupts import Interrupted, check_interrupt, is_interrupt
from reidbench.plugin import hookspecs
from reidbench.plugin.guard import describe_failure, guard_plugin
from reidbench.plugin.loading import file_module, load_file
from reidbench.plugin.offers import check_item, list_items
from reidbench.plugin.specs import AUDIT_PREFIX, DatasetSpec, MethodSpec, is_audit
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
log = logging.getLogger(__name__)


class TakenNameError(PluginError):
    """A name that another plugin uses."""


@dataclass(frozen=True)
class PluginFailure:
    """A plugin that could not be loaded, or a hook or an item of it that failed, with the error."""

    plugin: str
    origin: str
    error: BaseException

    @property
    def reason(self) -> str:
        """The error in one line; errors of reidbench without their class."""
        return str(self.error) if isinstance(self.error, PluginError) else describe_failure(self.error)

    def __str__(self) -> str:
        return f"plugin '{self.plugin}' of '{self.origin}' failed: {self.reason}"


class Plugins:
    """All installed plugins and their methods, datasets and protocols.

    An installed plugin that fails is listed in `failures`, and the other plugins are loaded. If two plugins use one
    name, the first keeps it: first-party plugins come first, then the order of plugin names. A failed item, such as a
    spec with an invalid name, removes only itself.
    """

    def __init__(self, files: Iterable[Path] = (), *, keep_failed_files: bool = False) -> None:
        """Load all plugins.

        Args:
            files: plugin files.
            keep_failed_files: list a failed plugin file in `failures`, as an installed plugin.

        Raises:
            ConfigError: a plugin file cannot be loaded, or its name or a name that it offers is taken.
            PluginError: a hook of a plugin file failed.
        """
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.origins: dict[str, str] = {}
        self.failures: list[PluginFailure] = []
        self._keep_failed_files = keep_failed_files
        # By the name of the plugin.
        self._files: dict[str, Path] = {}
        # The plugin of each name, by hook.
        self._owners: dict[str, dict[str, str]] = {}
        self._sources: dict[str, SourceDigest] = {}
        found = entry_points(group=hookspecs.PROJECT)
        for entry in sorted(found, key=lambda e: (_origin(e) != hookspecs.PROJECT, e.name, _origin(e))):
            self._register(entry.name, _origin(entry), entry.load)
        for file in {file.resolve(): file for file in files}.values():
            self._register(file.stem, str(file), partial(load_file, file), file=file)
        if self._files:
            # A name that is taken ends the command before any work.
            _ = self.methods, self.datasets, self.protocols

    def _register(self, name: str, origin: str, load: Callable[[], Any], *, file: Path | None = None) -> None:
        plugin = None
        try:
            if self.manager.has_plugin(name):
                raise TakenNameError(f"plugin name '{name}' is already used by '{self.origins[name]}'")
            plugin = load()
            self.manager.register(plugin, name=name)
            self.manager.check_pending()
            check_interrupt()
        # A plugin can run any code on import, including sys.exit().
        except BaseException as error:
            if is_interrupt(error):
                raise Interrupted from error
            if plugin is not None and self.manager.get_plugin(name) is plugin:
                self.manager.unregister(plugin)
            failure = self._add_failure(name, origin, error)
            if file is not None and not self._keep_failed_files:
                raise ConfigError(
                    f"cannot load --plugin {file}: {failure.reason}; correct the file"
                ) from error
        else:
            self.origins[name] = origin
            if file is not None:
                self._files[name] = file

    def _add_failure(self, plugin: str, origin: str, error: BaseException) -> PluginFailure:
        failure = PluginFailure(plugin, origin, error)
        log.info("%s", failure, exc_info=error)
        self.failures.append(failure)
        return failure

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of single-file plugins."""
        return tuple(self._files.values())

    @cached_property
    def methods(self) -> Mapping[str, MethodSpec]:
        """Methods by name."""
        return self._collect("method")

    @cached_property
    def datasets(self) -> Mapping[str, DatasetSpec]:
        """Dataset readers by name."""
        return self._collect("dataset")

    @cached_property
    def protocols(self) -> Mapping[str, Traversable]:
        """Protocol files by name."""
        return self._collect("protocol")

    def method(self, name: str) -> MethodSpec:
        """Return a method's spec, or raise UnknownNameError."""
        return self._look_up("method", self.methods, name)

    def dataset(self, name: str) -> DatasetSpec:
        """Return a dataset's spec, or raise UnknownNameError."""
        return self._look_up("dataset", self.datasets, name)

    def protocol(self, name: str) -> Traversable:
        """Return a protocol's file, or raise UnknownNameError."""
        return self._look_up("protocol", self.protocols, name)

    def source(self, name: str) -> SourceDigest:
        """Return the source digest of a method; its class is not imported.

        Raises:
            UnknownNameError: the method does not exist.
            PluginError: its module has no file, or a declared file cannot be read.
        """
        if name not in self._sources:
            spec = self.method(name)
            module = spec.target.partition(":")[0]
            own = self._own_code(name, module)
            self._sources[name] = compute_source_digest(name, module, own, files=spec.files)
        return self._sources[name]

    def _own_code(self, method: str, module: str) -> OwnCode:
        plugin = self._owners["method"][method]
        if plugin in self._files:
            file = self._files[plugin]
            return own_code_of_file(file, file_module(file), module)
        try:
            return own_code_of_distribution(distribution(self.origins.get(plugin, "")), module)
        # A plugin that was registered from memory has no distribution.
        except (PackageNotFoundError, ValueError):
            return OwnCode(packages=frozenset([module.partition(".")[0]]))

    def notify(self, hook: str, **arguments: Any) -> list[PluginFailure]:
        """Call a life-cycle hook of every plugin with copies of the arguments; return the failures."""
        failures = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            name = implementation.plugin_name
            copies = {argument: copy.deepcopy(arguments[argument]) for argument in implementation.argnames}
            try:
                with guard_plugin(name, hook, kind="plugin"):
                    implementation.function(**copies)
            # A failing tracker must not end a run, even with an error of reidbench.
            except Exception as error:  # noqa: BLE001
                failures.append(PluginFailure(name, self.origins.get(name, "?"), error.__cause__ or error))
        return failures

    def hooks_of(self, name: str) -> list[str]:
        """Return the names of the hooks that a loaded plugin implements, sorted."""
        callers = self.manager.get_hookcallers(self.manager.get_plugin(name)) or []
        return sorted(caller.name for caller in callers)

    def _collect(self, kind: str) -> dict[str, Any]:
        """Call the hook of a kind of every plugin and return the valid items by name."""
        hook = f"reidbench_{kind}s"
        offered: dict[str, Any] = {}
        owners = self._owners[kind] = {}
        rank = {name: position for position, name in enumerate(self.origins)}
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        for implementation in sorted(implementations, key=lambda i: rank.get(i.plugin_name, len(rank))):
            plugin = implementation.plugin_name
            for item in self._call_hook(plugin, hook, implementation.function):
                try:
                    with guard_plugin(plugin, hook, kind="plugin"):
                        name = check_item(kind, item)
                        self._check_audit(kind, name, plugin)
                    if name in offered:
                        raise TakenNameError(
                            f"{kind} name '{name}' is already used by plugin '{owners[name]}'"
                        )
                    offered[name], owners[name] = item, plugin
                except PluginError as error:
                    self._report_item(plugin, error)
        return dict(sorted(offered.items()))

    def _check_audit(self, kind: str, name: str, plugin: str) -> None:
        """Raise a PluginError if a plugin of another origin offers an audit, which sees what views hide."""
        if kind == "method" and is_audit(name) and self.origins.get(plugin) != hookspecs.PROJECT:
            raise PluginError(
                f"method name '{name}' must not start with '{AUDIT_PREFIX}': only reidbench itself offers audits; "
                "rename it"
            )

    def _call_hook(self, plugin: str, hook: str, function: Callable[[], Any]) -> list[Any]:
        try:
            with guard_plugin(plugin, hook, kind="plugin"):
                return list_items(function(), hook)
        # Any error: a plugin can raise those of reidbench, too.
        except Exception as error:
            failure = self._add_failure(plugin, self.origins.get(plugin, "?"), error.__cause__ or error)
            if plugin in self._files and not self._keep_failed_files:
                raise PluginError(f"{failure} in {hook}") from error
            return []

    def _report_item(self, plugin: str, error: PluginError) -> None:
        """Add the failure of one item; the other items of the plugin stay."""
        failure = self._add_failure(plugin, self.origins.get(plugin, "?"), error)
        if plugin not in self._files or self._keep_failed_files:
            return
        if isinstance(error, TakenNameError):
            raise ConfigError(f"cannot load --plugin {self._files[plugin]}: {error}; rename it") from error
        log.warning("%s", failure)

    def _look_up(self, kind: str, registry: Mapping[str, T], name: str) -> T:
        if name in registry:
            return registry[name]
        failures = "".join(f" (note: {failure})" for failure in self.failures)
        hint = f", or load a plugin file with --plugin{failures}"
        # A misspelt method is rarely an audit.
        known = [other for other in registry if name.startswith("audit") or not is_audit(other)]
        raise UnknownNameError(kind, name, known, listed_by=f"reidbench {kind}s", hint=hint)


def _origin(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "?"
