"""The digest of one source file: its syntax tree without what cannot change a result."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from itertools import groupby
from typing import Any

# Kept out: the prefix u of a string, which Python 3 ignores.
_UNUSED_FIELDS = {"kind"}


def parse_source(source: bytes) -> ast.Module | None:
    """Return the syntax tree of a source file; None if this Python cannot parse it."""
    try:
        return ast.parse(source)
    # A syntax of a later Python, a null byte, or too many nested brackets.
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def tree_digest(tree: ast.Module) -> str:
    """Return the SHA-256 of a syntax tree without positions, comments, docstrings and empty fields.

    It is the same on every supported version of Python: fields that only some versions have, such as `type_params`,
    are empty in sources that all of them can parse, and f-strings are brought to one form.
    """
    digest = hashlib.sha256()
    for token in _list_tokens(tree):
        data = token.encode("utf-8", "surrogatepass")
        # The length keeps two tokens apart from one that contains both.
        digest.update(b"%d:%b" % (len(data), data))
    return digest.hexdigest()


def _list_tokens(tree: ast.AST) -> Iterator[str]:
    """Yield the tree in one fixed order, with a stack, because long sums are nested deeply."""
    stack: list[Any] = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, _Mark):
            yield item
        elif isinstance(item, ast.AST):
            yield f"({type(item).__name__}"
            stack.append(_Mark(")"))
            for name, value in reversed(_list_fields(item)):
                stack += [value, _Mark(name)]
        elif isinstance(item, list):
            yield "["
            stack.append(_Mark("]"))
            stack += reversed(item)
        else:
            yield _write_constant(item)


class _Mark(str):
    """A token that is already text."""

    __slots__ = ()


def _list_fields(node: ast.AST) -> list[tuple[str, Any]]:
    """Return the names and values of the fields that are not empty, sorted by name."""
    fields = {name: value for name, value in ast.iter_fields(node) if name not in _UNUSED_FIELDS}
    if isinstance(node, ast.JoinedStr):
        fields["values"] = _merge_texts(node.values)
    # Lists of patterns and default values can contain None, so only statements are filtered.
    for name in ("body", "orelse", "finalbody"):
        if isinstance(fields.get(name), list):
            fields[name] = [statement for statement in fields[name] if not _is_docstring(statement)]
    return sorted((name, value) for name, value in fields.items() if value is not None and value != [])


def _is_docstring(node: ast.AST) -> bool:
    """Return whether a statement is a string alone: the docstring of a module, class, function or attribute."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _merge_texts(values: list[ast.expr]) -> list[ast.expr]:
    """Return the parts of an f-string; adjacent texts are one part, and empty texts are left out."""
    merged: list[ast.expr] = []
    for is_text, group in groupby(values, lambda value: isinstance(value, ast.Constant)):
        if not is_text:
            merged += group
        elif text := "".join(str(value.value) for value in group if isinstance(value, ast.Constant)):
            merged.append(ast.Constant(text))
    return merged


def _write_constant(value: object) -> str:
    """Return a constant as text that does not depend on the tables of a Python version."""
    if isinstance(value, int) and not isinstance(value, bool):
        # Decimal digits of huge integers are limited, and slow.
        return f"int {value:x}"
    if isinstance(value, str):
        return f"str {value}"
    return f"{type(value).__name__} {value!r}"
