"""The walk from the module of a method to everything that its figures depend on."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import ModuleSpec
from pathlib import Path

from reidbench.errors import PluginError
from reidbench.fingerprints import fingerprint
from reidbench.source.imports import Import, list_imports
from reidbench.source.modules import ModuleFinder, OwnCode
from reidbench.source.tree import parse_source, tree_digest

CORE = "reidbench"
WITHOUT_VALUES = frozenset(
    f"{CORE}.{name}"
    for name in (
        # Reads the files of datasets, whose digests are part of the keys.
        "arrays",
        "cache",
        "checkpoint",
        "entries",
        "errors",
        "files",
        "interrupts",
        "limits",
        "logs",
        "names",
        "progress",
        "source",
        # The digests of a dataset are part of the keys.
        "datasets.digests",
        "datasets.hashing",
    )
)
"""Modules of reidbench that store, report or identify, but compute no value of a method."""


@dataclass(frozen=True)
class SourceDigest:
    """The source of a method.

    Attributes:
        parts: SHA-256 by module or declared file; a declared file has the name "file NAME".
    """

    parts: Mapping[str, str]

    @cached_property
    def value(self) -> str:
        """SHA-256 of all parts as 64 hexadecimal digits."""
        return fingerprint(dict(self.parts))


def compute_source_digest(
    method: str, module: str, own: OwnCode, *, files: Sequence[str] = ()
) -> SourceDigest:
    """Return the source digest of a method; nothing is imported.

    Args:
        method: name of the method, for messages.
        module: the module of its class.
        own: the modules that belong to the plugin.
        files: declared data files, relative to the folder of the module.

    Raises:
        PluginError: the module has no file, or a declared file cannot be read.
    """
    walk = _Walk(own)
    try:
        walk.run([module] if own.file_module is None else [module, own.file_module])
        # The name of a plugin file is not part of the method.
        parts = {
            "plugin file" if part == own.file_module else part: digest for part, digest in walk.parts.items()
        }
        folder = _folder_of(walk.finder.find(module))
        parts |= {f"file {file}": _file_digest(folder / file) for file in files}
    except OSError as error:
        raise PluginError(
            f"cannot read the source of method '{method}': {error.filename}: {error.strerror}; "
            "restore the file, or correct the spec of the method"
        ) from error
    if module not in walk.parts:
        raise PluginError(f"cannot find the source of method '{method}': module {module} has no file")
    return SourceDigest(dict(sorted(parts.items())))


class _Walk:
    """Follows imports; each module is visited once."""

    def __init__(self, own: OwnCode) -> None:
        self.finder = ModuleFinder(own)
        self.parts: dict[str, str] = {}
        self._exports: dict[str, Mapping[str, tuple[str, str]]] = {}

    def run(self, modules: Sequence[str]) -> None:
        pending, seen = [target for module in modules for target in self._targets(Import(module))], set()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            pending += self._visit(name)

    def _visit(self, name: str) -> list[str]:
        """Add the digest of a module and return the modules that it imports."""
        if _is_without_values(name):
            return []
        spec = self.finder.find(name)
        path = None if spec is None else _path_of(spec)
        if spec is None or path is None:
            return []
        source = path.read_bytes()
        tree = parse_source(source) if path.suffix == ".py" else None
        if tree is None:
            self.parts[name] = hashlib.sha256(source).hexdigest()
            return []
        self.parts[name] = tree_digest(tree)
        imports = list_imports(tree, _package_of(spec))
        return [target for found in imports for target in self._targets(found)]

    def _targets(self, found: Import) -> Iterator[str]:
        if _is_core(found.module):
            yield from self._core_targets(found)
        elif self.finder.is_own(found.module):
            # Importing a module runs the `__init__` of every package on the way.
            parts = found.module.split(".")
            yield from (".".join(parts[: count + 1]) for count in range(len(parts)))
            for name, _ in found.names or ():
                if self.finder.find(f"{found.module}.{name}"):
                    yield f"{found.module}.{name}"

    def _core_targets(self, found: Import) -> Iterator[str]:
        """Yield the modules of reidbench that define what an import takes."""
        if found.names is None:
            # `import reidbench.nn` gives access to all that reidbench.nn and its parents offer.
            parts = found.module.split(".")
            for count in range(len(parts)):
                yield from self._all_of(".".join(parts[: count + 1]))
            return
        for name, _ in found.names:
            if name == "*":
                yield from self._all_of(found.module)
            else:
                yield from self._definition(found.module, name)

    def _all_of(self, module: str) -> Iterator[str]:
        exports = self._read_exports(module)
        if not exports:
            yield module
        for source, original in exports.values():
            yield from self._definition(source, original)

    def _definition(self, module: str, name: str) -> Iterator[str]:
        """Yield the module of reidbench that defines a name, or all of a package if the name is one."""
        if self.finder.find(f"{module}.{name}"):
            yield from self._all_of(f"{module}.{name}")
        elif name in (exports := self._read_exports(module)):
            yield from self._definition(*exports[name])
        elif _is_core(module):
            yield module

    def _read_exports(self, module: str) -> Mapping[str, tuple[str, str]]:
        """Return what a package of reidbench offers: name -> module and name there; empty for a module."""
        if module not in self._exports:
            spec = self.finder.find(module)
            path = None if spec is None else _path_of(spec)
            tree = parse_source(path.read_bytes()) if path and path.name == "__init__.py" else None
            # Packages that import on first use list their names for type checkers.
            imports = list_imports(tree, module, typing=True) if isinstance(tree, ast.Module) else []
            self._exports[module] = {
                bound: (found.module, name)
                for found in imports
                if _is_core(found.module)
                for name, bound in found.names or ()
            }
        return self._exports[module]


def _is_core(module: str) -> bool:
    return module.partition(".")[0] == CORE


def _is_without_values(module: str) -> bool:
    # Of the contract with plugins, only the base class computes values: the default distance.
    if module.startswith(f"{CORE}.plugin."):
        return module != f"{CORE}.plugin.method"
    return any(module == name or module.startswith(f"{name}.") for name in WITHOUT_VALUES)


def _package_of(spec: ModuleSpec) -> str:
    return spec.name if spec.submodule_search_locations is not None else spec.name.rpartition(".")[0]


def _path_of(spec: ModuleSpec) -> Path | None:
    return Path(spec.origin) if spec.has_location and spec.origin else None


def _folder_of(spec: ModuleSpec | None) -> Path:
    path = None if spec is None else _path_of(spec)
    return Path() if path is None else path.parent


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
