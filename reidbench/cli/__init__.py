"""The command line: `reidbench`."""

from __future__ import annotations

import gc
import io
import logging
import os
import sys
from contextlib import suppress
from typing import Any

import click

from reidbench import __version__
from reidbench.cli.output import echo
from reidbench.errors import PluginError, ReidbenchError, shorten_quotes
from reidbench.interrupts import handle_interrupts, is_interrupt
from reidbench.logs import PrintableFormatter

COMMANDS = {
    "cache": "reidbench.cli.cache:cache",
    "check": "reidbench.cli.check:check",
    "data": "reidbench.cli.data:data",
    "datasets": "reidbench.cli.listings:datasets",
    "evaluate": "reidbench.cli.evaluate:evaluate",
    "leaderboard": "reidbench.cli.leaderboard:leaderboard",
    "methods": "reidbench.cli.listings:methods",
    "plot": "reidbench.cli.plot:plot",
    "plugins": "reidbench.cli.listings:plugins",
    "protocols": "reidbench.cli.listings:protocols",
    "run": "reidbench.cli.run:run",
    "verify": "reidbench.cli.verify:verify",
}


# Exit code of a program that SIGPIPE ended: 128 + 13. Code 1 means that a check failed.
CLOSED_PIPE = 141


class LazyGroup(click.Group):
    """A group whose commands are imported on first use."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; if the reader of stdout closed the pipe, exit like a program ended by SIGPIPE."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Otherwise Python fails once more when it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(CLOSED_PIPE)
        # Caught here, because click prints an empty line for it. A signal to the whole process group also ends worker
        # processes, which raises other errors.
        except BaseException as error:
            _exit_if_interrupted(error)
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        from importlib import import_module

        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reidbench")
@click.option("-v", "--verbose", is_flag=True, help="Print log lines and tracebacks on stderr.")
@click.pass_context
def reidbench(ctx: click.Context, verbose: bool) -> None:
    """Benchmark person re-identification methods under fixed protocols."""
    ctx.obj = {"verbose": verbose}
    # The log file of a run contains more than the terminal shows.
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.INFO if verbose else logging.WARNING)
    handler.setFormatter(PrintableFormatter("%(levelname)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger("reidbench").setLevel(logging.INFO)


def main() -> None:
    """Run the command line; an error of reidbench ends it with one line and its exit code."""
    # OpenMP threads spin by default while they wait for each other. With small operations and another busy process,
    # spinning made training six times slower (docs/performance.md). torch reads the variable when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # The imports create about a million objects. With the default threshold, the collector walks them many times, which
    # took a sixth of the time of a run whose results are cached.
    gc.set_threshold(50_000, 20, 20)
    with handle_interrupts():
        _run()


def _run() -> None:
    try:
        reidbench.main(standalone_mode=False)
    except ReidbenchError as error:
        logging.getLogger("reidbench").info("the traceback", exc_info=error)
        _fail(str(error), type(error).exit_code)
    except click.UsageError as error:
        shown = io.StringIO()
        error.show(shown)
        echo(shorten_quotes(shown.getvalue().rstrip()), err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except (click.Abort, KeyboardInterrupt) as error:
        _exit_if_interrupted(error)
        _fail("a plugin raised KeyboardInterrupt; reidbench -v has the traceback", PluginError.exit_code)
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        _fail(
            f"{name}{error.strerror or error}; check the path, its permissions and the space on the disk", 2
        )


def _exit_if_interrupted(error: BaseException) -> None:
    if is_interrupt(error):
        _fail("interrupted; run the same command again to resume", 130)


def _fail(message: str, code: int) -> None:
    # The terminal may be closed.
    with suppress(OSError):
        echo(f"error: {shorten_quotes(' '.join(message.split()))}", err=True)
    sys.exit(code)
