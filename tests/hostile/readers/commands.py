"""Command lines."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.calls import Answer, run_command
from tests.hostile.commands import format_arguments, list_commands, make_command_line
from tests.hostile.reader import Reader
from tests.hostile.world import copy_world


@cache
def _commands() -> dict[str, Any]:
    return list_commands()


def damage_command(folder: Path, random: Random) -> str:
    """Write a command line to a file."""
    arguments = make_command_line(random, _commands())
    (folder / "arguments.json").write_text(json.dumps(arguments))
    return format_arguments(arguments)


def read_command(folder: Path) -> Answer:
    """Run the command line."""
    answer = run_command(folder, json.loads((folder / "arguments.json").read_text()))
    return replace(answer, out="")


READERS = (Reader(name="command", prepare=copy_world, damage=damage_command, read=read_command, share=3),)
