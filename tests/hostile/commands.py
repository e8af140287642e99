"""Generated command lines: every option of every command with odd values."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import click

VALUES = (
    "", " ", "-", "--", "0", "-1", "1", "2", "1e400", "nan", "inf", "99999999999999999999999", "0.5", "1.5",
    "../../escaped", "/", "/dev/null", "/proc/self/mem", "missing", ".", "tiny.toml", "tiny_plugin.py", "tiny-rows.h5",
    "runs", "cache", "a=b", "=", "a=", "=b", "a=b=c", "height=0", "\x1b[31mred", "two\nlines", "\u202eabc", "x" * 5000,
    "tiny", "demo", "mars", "ilids-vid", "viper", "tiny-rows", "tiny-scaled", "color-lbp", "siamese-convgru", "cpu",
    "cuda", "cuda:99", "auto", "1,2,4", "1,,2", "0,1", "9" * 400, "\udcff", "direction=both", "\x00",
    "named\tfile", "%s", "[bold]", "{}", "'; drop", "$HOME", "~", "*",
)  # fmt: skip
# Valid arguments that keep a command small: nothing is rendered or trained.
_FIXED = {
    "run": ["--dry-run", "--plugin", "tiny_plugin.py", "-m", "tiny-rows", "-p", "tiny"],
    "synthesize": ["--people", "2", "--workers", "1"],
    "attention": ["-m", "color-lbp"],
}
# Options that would cancel those.
_LEFT_OUT = {
    "run": {"synthetic"},
    "synthesize": {"people", "frames", "workers", "masks"},
    "attention": {"methods"},
}


def list_commands() -> dict[str, click.Command]:
    """Return each command of the program by its full name."""
    from reidbench.cli import reidbench

    commands: dict[str, click.Command] = {}

    def visit(group: click.Group, names: tuple[str, ...]) -> None:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                visit(command, (*names, name))
            elif command is not None:
                commands[" ".join((*names, name))] = command

    visit(reidbench, ())
    return commands


def make_command_line(random: Random, commands: dict[str, click.Command]) -> list[str]:
    """Return the arguments of one command with between 0 and 4 odd values."""
    name = random.choice(sorted(commands))
    last = name.split()[-1]
    arguments = [*name.split(), *_FIXED.get(last, ())]
    parameters = [item for item in commands[name].params if item.name not in _LEFT_OUT.get(last, ())]
    for parameter in parameters:
        if isinstance(parameter, click.Argument) and random.random() < 0.9:
            arguments.append(random.choice(VALUES))
    options = [item for item in parameters if isinstance(item, click.Option)]
    for option in random.sample(options, min(len(options), random.choice((0, 1, 1, 2, 4)))):
        arguments.append(random.choice(option.opts))
        if not option.is_flag and random.random() < 0.95:
            arguments.append(random.choice(VALUES))
    if random.random() < 0.1:
        arguments.insert(random.randrange(len(arguments) + 1), random.choice(VALUES))
    if random.random() < 0.05:
        random.shuffle(arguments)
    # The system cannot pass NUL, and these would write outside of the folder on purpose.
    return [text.replace("\x00", "") for text in arguments if text not in ("/", "~")]


def format_arguments(arguments: Sequence[str]) -> str:
    """Return a command line for a report, without control characters."""
    return " ".join(
        repr(text[:60]) if not text.isprintable() or " " in text else text[:60] for text in arguments
    )
