"""The guard around plugin code: it turns every failure into an error that names the plugin."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from reidbench.errors import PluginError, ReidbenchError, describe_error, quote
from reidbench.interrupts import Interrupted, check_interrupt, is_interrupt

log = logging.getLogger(__name__)


@contextmanager
def guard_plugin(
    name: str, action: str, *, kind: str = "method", passes: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn everything that plugin code raises into a PluginError; the traceback goes to the log.

    This includes SystemExit and a KeyboardInterrupt that the code raises itself. The errors of reidbench pass
    unchanged, because plugins raise them on purpose; classes derived from them do not.

    Args:
        name: of the method, dataset or plugin.
        action: what was called, for example "embed".
        kind: what the name is of, for the message.
        passes: further errors that pass unchanged.

    Raises:
        PluginError: the code failed; the message names it.
        Interrupted: a signal ended the command, even if the code caught it.
    """
    try:
        yield
    # Plugins can raise anything.
    except BaseException as error:
        if is_interrupt(error):
            raise Interrupted from error
        if type(error).__module__ == ReidbenchError.__module__ or isinstance(error, passes):
            raise
        log.info("%s '%s' failed in %s", kind, name, action, exc_info=error)
        raise PluginError(
            f"{kind} '{name}' failed in {action}: {describe_failure(error)}; the log or reidbench -v has the "
            "traceback"
        ) from error
    check_interrupt()


def describe_failure(error: BaseException) -> str:
    """Return the class and the message of any exception in one line; its own code may fail too."""
    name = type(error).__name__
    try:
        message = describe_error(error)
    # The method that makes the message belongs to the plugin.
    except BaseException as failure:
        if is_interrupt(failure):
            raise Interrupted from failure
        message = name
    name = quote(name)[1:-1]
    return name if message == name else f"{name}: {message}"
