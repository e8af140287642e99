"""Names that come from outside: of methods, presets, settings, protocols and their groups, datasets and metrics."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from reidbench.errors import ReidbenchError, quote

E = TypeVar("E", bound=ReidbenchError)

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?", re.ASCII)
"""A name: 1 to 64 letters, digits, dots, dashes and underscores; a letter or digit comes first and no dot last."""
NAME_RULE = (
    "1 to 64 letters, digits, '.', '-' and '_', with a letter or digit first and a letter, digit or '_' last"
)
"""The pattern in words."""


def is_name(value: Any) -> bool:
    """Return whether a value is a text that follows the pattern of names."""
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def check_name(kind: str, value: Any, error: type[E]) -> str:
    """Return a name from outside.

    Names become parts of file names and of messages, so no other characters are allowed.

    Args:
        kind: what the name is of, for the message, such as "method".
        value: the name.
        error: class of the error.

    Raises:
        E: the value does not follow the pattern.
    """
    if not is_name(value):
        raise error(f"name of a {kind} must be {NAME_RULE}, got {quote(value)}; rename it")
    return str(value)


def make_name(text: str) -> str:
    """Return a text as a name: other characters become dashes, and what the pattern does not allow is cut off."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("._-")[:64].rstrip(".-") or "unnamed"
