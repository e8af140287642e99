"""The command line: `reidbench`."""

from __future__ import annotations

import logging
import os
import sys

import click

from reidbench import __version__
from reidbench.errors import ReidbenchError

COMMANDS = {
    "data": "reidbench.cli.data:data",
    "datasets": "reidbench.cli.listings:datasets",
    "evaluate": "reidbench.cli.evaluate:evaluate",
    "leaderboard": "reidbench.cli.leaderboard:leaderboard",
    "methods": "reidbench.cli.listings:methods",
    "plot": "reidbench.cli.plot:plot",
    "plugins": "reidbench.cli.listings:plugins",
    "protocols": "reidbench.cli.listings:protocols",
    "run": "reidbench.cli.run:run",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed."""

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
@click.option("-v", "--verbose", is_flag=True, help="Show log lines and tracebacks on stderr.")
@click.pass_context
def reidbench(ctx: click.Context, verbose: bool) -> None:
    """Benchmark person re-identification: a method, a protocol, exact figures with intervals."""
    ctx.obj = {"verbose": verbose}
    shown = logging.StreamHandler(sys.stderr)
    shown.setLevel(
        logging.INFO if verbose else logging.WARNING
    )  # a run's log file takes more than the terminal
    shown.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.getLogger().addHandler(shown)
    logging.getLogger("reidbench").setLevel(logging.INFO)


def main() -> None:
    """Run the command line; every error of our own ends in one line and its exit code."""
    # Threads of small operations wait for each other all the time. By default they spin meanwhile, and where anything
    # else wants a core that made training six times slower; see docs/performance.md. Read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        reidbench.main(standalone_mode=False)
    except ReidbenchError as error:
        logging.getLogger("reidbench").info("the traceback", exc_info=error)
        _fail(str(error), error.exit_code)
    except click.UsageError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; the same command goes on where it stopped", 130)
    except BrokenPipeError:  # an OSError too, so it comes first
        sys.stderr.close()  # the reader of our output has gone; there is nobody to tell
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(
            f"{place}{error.strerror or error}; check the path, its permissions and the space on the disk", 2
        )


def _fail(message: str, code: int) -> None:
    click.echo(f"error: {' '.join(message.split())}", err=True)
    sys.exit(code)
