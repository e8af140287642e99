"""Files of modules, found without importing them, and the modules that belong to a plugin."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

FIRST_PARTY = "reidbench_plugins"
"""The package of the methods of reidbench; a plugin can extend them."""


@dataclass(frozen=True)
class OwnCode:
    """The modules that belong to the plugin of a method.

    Attributes:
        packages: names of top-level modules and packages.
        folder: folder of an editable project, whose modules belong to the plugin; None without one.
        file_module: name under which a `--plugin` file is loaded; None without one.
        beside: folder of that file, where its imports are looked up first.
    """

    packages: frozenset[str] = frozenset()
    folder: Path | None = None
    file_module: str | None = None
    beside: Path | None = None


def own_code_of_distribution(distribution: Distribution, target: str) -> OwnCode:
    """Return the modules of an installed distribution.

    Args:
        distribution: the distribution that registered the method.
        target: module of the method; its top-level package belongs to the plugin in any case.
    """
    names = (distribution.read_text("top_level.txt") or "").split()
    if not names:
        files = [Path(file) for file in distribution.files or ()]
        names = [file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py"]
    packages = frozenset(name for name in (*names, target.partition(".")[0]) if name.isidentifier())
    return OwnCode(packages=packages, folder=_project_folder(distribution))


def own_code_of_file(file: Path, file_module: str, target: str) -> OwnCode:
    """Return the modules of a plugin file: the file and the modules beside it.

    Args:
        file: the plugin file.
        file_module: the name under which it is loaded.
        target: module of the method; its top-level package belongs to the plugin in any case.
    """
    packages = frozenset([file_module, target.partition(".")[0]])
    return OwnCode(packages=packages, file_module=file_module, beside=file.parent.absolute())


def _project_folder(distribution: Distribution) -> Path | None:
    """Return the folder of a distribution that is installed in editable mode; None for others."""
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        if not origin.get("dir_info", {}).get("editable"):
            return None
        return Path(url2pathname(urlsplit(origin["url"]).path)).absolute()
    except (ValueError, KeyError, AttributeError):
        return None


class ModuleFinder:
    """Finds modules of a plugin and of reidbench without importing them."""

    def __init__(self, own: OwnCode) -> None:
        self.own = own
        self._specs: dict[str, ModuleSpec | None] = {}

    def find(self, name: str) -> ModuleSpec | None:
        """Return the spec of a module; None if it does not exist."""
        if name not in self._specs:
            self._specs[name] = self._find(name)
        return self._specs[name]

    def is_own(self, name: str) -> bool:
        """Return whether a module belongs to the plugin, or to a method of reidbench that it extends."""
        top = name.partition(".")[0]
        if top in self.own.packages or top == FIRST_PARTY:
            return True
        spec = self.find(top) if self.own.folder or self.own.beside else None
        return spec is not None and any(self._is_own_path(path) for path in list_paths(spec))

    def _is_own_path(self, path: Path) -> bool:
        if self.own.beside is not None and path.parent == self.own.beside:
            return True
        if self.own.folder is None or not path.is_relative_to(self.own.folder):
            return False
        # A virtual environment can lie in the folder of the project.
        return "site-packages" not in path.relative_to(self.own.folder).parts

    def _find(self, name: str) -> ModuleSpec | None:
        parent, _, last = name.rpartition(".")
        if not parent:
            beside = self.own.beside and PathFinder.find_spec(name, [str(self.own.beside)])
            return beside or _search(name, None)
        package = self.find(parent)
        locations = None if package is None else package.submodule_search_locations
        return None if locations is None or not last else _search(name, locations)


def list_paths(spec: ModuleSpec) -> list[Path]:
    """Return the file of a module, or the folders of a package without `__init__`."""
    if spec.has_location and spec.origin:
        path = Path(spec.origin)
        return [path.parent if path.stem == "__init__" else path]
    return [Path(location) for location in spec.submodule_search_locations or ()]


def _search(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    # An imported module, such as a plugin file, can have a name that cannot be looked up.
    imported = getattr(sys.modules.get(name), "__spec__", None)
    if isinstance(imported, ModuleSpec):
        return imported
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        spec = find_spec(name, path) if find_spec else None
        if isinstance(spec, ModuleSpec):
            return spec
    return None
