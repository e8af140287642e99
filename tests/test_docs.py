from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import cast, get_args, get_type_hints

import click
import pytest

from reidbench.cli import COMMANDS, reidbench
from reidbench.plugin import hookspecs
from reidbench.records import Record
from tests.test_architecture import LAYERS

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
MARKDOWN = [*PAGES, *sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("plugins/*/README.md"))]
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("reidbench_"))


def read(path: str | Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def find_commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command and every group with options, with its path."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from find_commands(inner, f"{path} {name}")
    if list_options(command) or not isinstance(command, click.Group):
        yield path, command


def list_options(command: click.Command) -> set[str]:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return {name for option in options for name in (*option.opts, *option.secondary_opts)}


ALL_COMMANDS = dict(find_commands(reidbench, "reidbench"))
SECTIONS = dict(
    re.findall(r"^## (reidbench.*?)\n(.*?)(?=^## |\Z)", read("docs/commands.md"), flags=re.M | re.S)
)


def list_documented(section: str) -> set[str]:
    """Return the options in the first column of a section's table."""
    cells = re.findall(r"^\| (`-.*?) \|", section, flags=re.M)
    return {option for cell in cells for option in re.findall(r"`(--?[a-z-]+)`", cell)}


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", read(path), flags=re.M | re.S)


def list_shown_commands() -> list[str]:
    """Return every reidbench command of the shell blocks."""
    lines = [line for path in MARKDOWN for block in blocks(path, "sh") for line in block.splitlines()]
    return sorted({line for line in lines if line.startswith("reidbench ")})


def test_every_command_has_a_section() -> None:
    assert set(SECTIONS) == set(ALL_COMMANDS)


@pytest.mark.parametrize("path", sorted(ALL_COMMANDS))
def test_section_of_a_command_documents_its_options(path: str) -> None:
    help_options = {"-h", "--help"} if path == "reidbench" else set()

    assert list_documented(SECTIONS[path]) == list_options(ALL_COMMANDS[path]) | help_options


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_is_documented_with_its_arguments(hook: str) -> None:
    arguments = ", ".join(f"`{name}`" for name in inspect.signature(getattr(hookspecs, hook)).parameters)

    assert re.search(rf"^\| `{hook}` \| {arguments or 'none'} \|", read("docs/plugins.md"), flags=re.M)
    assert getattr(hookspecs, hook).__doc__


def test_documented_hooks_exist() -> None:
    assert sorted(re.findall(r"^\| `(reidbench_\w+)` \|", read("docs/plugins.md"), flags=re.M)) == HOOKS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_a_line_of_help(command: str) -> None:
    loaded = reidbench.get_command(click.Context(reidbench), command)

    assert loaded is not None
    assert loaded.get_short_help_str()


@pytest.mark.parametrize("line", list_shown_commands())
def test_shown_command_has_existing_options(line: str) -> None:
    command: click.Command = reidbench
    words = shlex.split(line, comments=True)[1:]
    while isinstance(command, click.Group):
        inner = command.get_command(click.Context(command), words.pop(0))
        assert inner is not None
        command = inner
    if words == ["--help"]:
        return

    # Raises click.NoSuchOption.
    command.make_parser(click.Context(command)).parse_args(words)


@pytest.mark.parametrize("name", ["run", "test"])
def test_readme_has_both_ci_commands_on_one_line(name: str) -> None:
    _, _, rest = read("README.md").partition(f"<!-- command: {name} -->\n```sh\n")
    command, _, _ = rest.partition("\n```")

    assert command.startswith("python3 -m venv")
    assert "\n" not in command


def test_readme_lists_the_layers_of_the_architecture_test() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", read("README.md"), flags=re.M)

    assert [int(number) for number, _ in rows] == list(range(len(rows), 0, -1))
    names = [set(re.findall(r"`(\w+)`", text)) for _, text in reversed(rows)]
    assert names == LAYERS


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", read(path), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", MARKDOWN, ids=relative)
def test_links_and_pictures_exist(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", read(path)):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_page_can_be_rendered_by_sphinx(path: Path) -> None:
    """A page has one title, no raw HTML, and a link in the index."""
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", read(path), flags=re.M | re.S)

    assert len(re.findall(r"^# ", text, flags=re.M)) == 1
    assert not re.findall(r"<[a-z/!]", text)
    assert path.name == "index.md" or f"]({path.name})" in read("docs/index.md")


@pytest.mark.parametrize("path", MARKDOWN, ids=relative)
def test_markdown_is_wrapped_at_120_columns(path: Path) -> None:
    text = re.sub(r"^(\||```sh\n.*?^```$)", "|", read(path), flags=re.M | re.S)

    assert not [line for line in text.splitlines() if len(line) > 120 and not line.startswith("|")]


def list_fields(kind: type) -> Iterator[str]:
    """Yield the names of the fields of a record, and of the structures in it."""
    for name, hint in get_type_hints(kind).items():
        yield name
        for inner in (hint, *get_args(hint)):
            if is_dataclass(inner):
                yield from list_fields(cast(type, inner))


@pytest.mark.parametrize("name", sorted(set(list_fields(Record))))
def test_record_field_is_documented(name: str) -> None:
    section = read("docs/files.md").partition("## Records")[2].partition("\n## ")[0]

    assert f"`{name}`" in section or f"`{name}`" in read("docs/figures.md")
