from __future__ import annotations

import contextlib
import logging
import signal
from collections.abc import Callable

import pytest

from reidbench.errors import ConfigError, PluginError
from reidbench.interrupts import Interrupted, handle_interrupts
from reidbench.plugin.guard import guard_plugin


class MessageError(Exception):
    def __str__(self) -> str:
        raise SystemExit(0)


class SuccessError(ConfigError):
    exit_code = 0


def recurse() -> None:
    recurse()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("bad\nvalue"), "ValueError: bad value"),
        (SystemExit(0), "SystemExit: 0"),
        (GeneratorExit(), "GeneratorExit"),
        (BaseException("all"), "BaseException: all"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (StopIteration(), "StopIteration"),
        (MemoryError(), "MemoryError"),
        (MessageError(), "MessageError"),
        (SuccessError("all is well"), "SuccessError: all is well"),
    ],
)
def test_everything_that_a_plugin_raises_becomes_one_line_that_names_it(
    error: BaseException, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="reidbench")

    with handle_interrupts(), pytest.raises(PluginError) as raised, guard_plugin("x", "embed"):
        raise error

    expected = f"method 'x' failed in embed: {reason}; the log or reidbench -v has the traceback"
    assert str(raised.value) == expected
    assert raised.value.exit_code == 3
    (line,) = caplog.records
    # The terminal shows warnings, so it does not show the traceback.
    assert line.levelno == logging.INFO
    assert line.exc_info


def test_endless_recursion_becomes_one_line() -> None:
    with pytest.raises(PluginError, match="failed in fit: RecursionError"), guard_plugin("x", "fit"):
        recurse()


def test_errors_of_reidbench_pass_unchanged() -> None:
    with pytest.raises(ConfigError, match="stripes must be"), guard_plugin("x", "embed"):
        raise ConfigError("stripes must be at least 1, got 0")


def discard_signal() -> None:
    with contextlib.suppress(BaseException):
        signal.raise_signal(signal.SIGINT)


def replace_signal() -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        raise ValueError


@pytest.mark.parametrize("react", [discard_signal, replace_signal])
def test_a_signal_ends_the_command_whatever_the_plugin_makes_of_it(react: Callable[[], None]) -> None:
    with handle_interrupts(), pytest.raises(Interrupted), guard_plugin("x", "embed"):
        react()


def test_without_a_handler_an_interrupt_of_the_user_passes() -> None:
    with pytest.raises(KeyboardInterrupt), guard_plugin("x", "embed"):
        raise KeyboardInterrupt


def test_the_handler_of_the_program_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)

    with handle_interrupts():
        assert signal.getsignal(signal.SIGINT) is not before

    assert signal.getsignal(signal.SIGINT) is before
