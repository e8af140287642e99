"""Loading of plugin files and of the classes that specs name."""

from __future__ import annotations

import importlib.util
import logging
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from reidbench.errors import PluginError
from reidbench.interrupts import Interrupted, is_interrupt
from reidbench.plugin.guard import describe_failure, guard_plugin
from reidbench.plugin.method import Method
from reidbench.plugin.offers import check_method_class
from reidbench.plugin.specs import MethodSpec

log = logging.getLogger(__name__)


def load_method(spec: MethodSpec) -> type[Method]:
    """Import the class of a method.

    Raises:
        PluginError: the class cannot be imported, is not a complete `Method`, or has another name than its spec.
    """
    method_class = load_target(spec.name, spec.target)
    with guard_plugin(spec.name, "its class"):
        return check_method_class(spec, method_class)


def load_target(name: str, target: str) -> Any:
    """Import the object that a spec names.

    Raises:
        PluginError: the module cannot be imported or lacks the object.
    """
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    # The import runs any code of the plugin, including sys.exit().
    except BaseException as error:
        if is_interrupt(error):
            raise Interrupted from error
        log.info("cannot load %s", target, exc_info=error)
        raise PluginError(f"cannot load '{name}' from {target}: {describe_failure(error)}") from error


def file_module(file: Path) -> str:
    """Return the name under which a plugin file is loaded."""
    return f"reidbench_file_plugin_{re.sub(r'[^A-Za-z0-9_]', '_', file.stem)}"


def load_file(file: Path) -> ModuleType:
    """Run a plugin file and return its module; the modules beside it can be imported, installed ones come first."""
    spec = importlib.util.spec_from_file_location(file_module(file), file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Targets such as "module:Class" and dataclasses look the module up by name.
    sys.modules[spec.name] = module
    if (folder := str(file.parent.absolute())) not in sys.path:
        sys.path.append(folder)
    spec.loader.exec_module(module)
    return module
