"""The import statements of a syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import resolve_name

# Functions whose first argument is the name of a module.
_IMPORTERS = {"import_module", "__import__"}


@dataclass(frozen=True)
class Import:
    """One imported module.

    Attributes:
        module: its absolute name.
        names: what a `from` import takes from it and the names that this binds; None for a plain import.
    """

    module: str
    names: tuple[tuple[str, str], ...] | None = None


def list_imports(tree: ast.Module, package: str, *, typing: bool = False) -> list[Import]:
    """Return the imports of a module, at its top level and inside functions and classes.

    A call of `import_module` with a text counts as an import.

    Args:
        tree: syntax tree of the module.
        package: absolute name of its package, where relative imports start.
        typing: include the imports under `if TYPE_CHECKING`.
    """
    return [found for node in _walk(tree, typing=typing) for found in _read_imports(node, package)]


def _walk(tree: ast.Module, *, typing: bool) -> Iterator[ast.AST]:
    """Yield every node, with a stack, because long sums are nested deeply."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, ast.If) and not typing and _is_type_checking(node.test):
            stack += node.orelse
        else:
            stack += ast.iter_child_nodes(node)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _read_imports(node: ast.AST, package: str) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = _make_absolute("." * node.level + (node.module or ""), package)
        names = tuple((alias.name, alias.asname or alias.name) for alias in node.names)
        if module:
            yield Import(module, names)
    elif isinstance(node, ast.Call) and node.args and _function_name(node) in _IMPORTERS:
        argument = node.args[0]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            module = _make_absolute(argument.value, package)
            if module:
                yield Import(module)


def _function_name(node: ast.Call) -> str | None:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)


def _make_absolute(name: str, package: str) -> str | None:
    """Return the absolute name of a module; None if a relative name leads out of the top package."""
    try:
        return resolve_name(name, package)
    except ImportError:
        return None
