from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reidbench.cli import COMMANDS, reidbench
from reidbench.plugin import hookspecs

ROOT = Path(__file__).parent.parent
REFERENCE = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def options(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from options(inner, f"{path} {name}")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield from ((path, option) for option in (*parameter.opts, *parameter.secondary_opts))


@pytest.mark.parametrize(("command", "option"), sorted(set(options(reidbench, "reidbench"))))
def test_every_option_is_documented(command: str, option: str) -> None:
    assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", REFERENCE), f"{command} {option}"


@pytest.mark.parametrize("hook", sorted(name for name in vars(hookspecs) if name.startswith("reidbench_")))
def test_every_hook_is_documented(hook: str) -> None:
    assert f"`{hook}`" in REFERENCE
    assert getattr(hookspecs, hook).__doc__


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_a_line_of_help(command: str) -> None:
    loaded = reidbench.get_command(click.Context(reidbench), command)

    assert loaded is not None
    assert loaded.get_short_help_str()


@pytest.mark.parametrize("name", ["run", "test"])
def test_the_readme_has_each_of_the_two_commands_on_one_line(name: str) -> None:
    _, _, rest = README.partition(f"<!-- command: {name} -->\n```sh\n")
    command, _, _ = rest.partition("\n```")

    assert command.startswith("python3 -m venv")
    assert "\n" not in command


def test_links_and_pictures_of_the_readme_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)

    assert targets
    assert not [target for target in targets if "://" not in target and not (ROOT / target).exists()]
