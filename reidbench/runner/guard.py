"""The guard around plugin code: it turns every error into one that names the plugin."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from reidbench.errors import PluginError, ReidbenchError

log = logging.getLogger(__name__)


@contextmanager
def guard_plugin(method: str, action: str) -> Iterator[None]:
    """Turn any error of a method into a PluginError that names the method; the traceback goes to the log.

    Errors of reidbench itself pass unchanged.
    """
    try:
        yield
    except ReidbenchError:
        raise
    except Exception as error:
        log.exception("method '%s' failed in %s", method, action)
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise PluginError(
            f"method '{method}' failed in {action}: {reason}; the log has the traceback"
        ) from error
