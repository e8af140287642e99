"""The border around plugin code: what goes wrong inside is named, never swallowed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from reidbench.errors import PluginError, ReidbenchError

log = logging.getLogger(__name__)


@contextmanager
def guard_plugin(method: str, doing: str) -> Iterator[None]:
    """Turn any error of a method into a PluginError with its name; the traceback goes to the log.

    Errors that reidbench itself defines pass as they are: they already say what to do.
    """
    try:
        yield
    except ReidbenchError:
        raise
    except Exception as error:
        log.exception("method '%s' failed in %s", method, doing)
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise PluginError(
            f"method '{method}' failed in {doing}: {reason}; the log has the traceback"
        ) from error
