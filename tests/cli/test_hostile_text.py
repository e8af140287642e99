"""Names and texts from outside: refused names, and control characters in messages, tables and logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from reidbench.logs import PrintableFormatter
from tests.calls import Answer

PLUGIN = """
from reidbench.plugin import MethodSpec, hookimpl
from reidbench_plugins.color_lbp.method import ColorLbp


class Renamed(ColorLbp):
    name = {name!r}
    presets = {presets}


@hookimpl
def reidbench_methods():
    return [MethodSpec(name={name!r}, target=f"{{__name__}}:Renamed", summary={summary!r})]
"""
LONG = "xx " * 1700
TITLE = "\x1b]0;owned\x07 \x9b31m red \u202e"


def write_plugin(
    folder: Path, *, name: str = "renamed", summary: str = "", presets: str = "ColorLbp.presets"
) -> str:
    file = folder / "hostile.py"
    file.write_text(PLUGIN.format(name=name, summary=summary, presets=presets), encoding="utf-8")
    return str(file)


def list_files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_method_with_a_path_as_its_name_is_not_run(reidbench: Callable[..., Answer], tmp_path: Path) -> None:
    file = write_plugin(tmp_path, name="../../../x")

    answer = reidbench(
        "run", "-m", "../../../x", "-p", "demo", "--output", str(tmp_path / "a" / "runs"), "--plugin", file
    )

    assert answer.code == 2
    assert "name of a method must be 1 to 64 letters, digits, '.', '-' and '_'" in answer.err
    assert "got '../../../x'" in answer.err
    warning, error = answer.err.splitlines()
    assert warning.startswith("WARNING: plugin 'hostile'")
    assert "unknown method '../../../x'" in error
    assert list_files(tmp_path) - list_files(tmp_path / "a") == {Path(file)}


def test_preset_with_a_path_as_its_name_is_refused(reidbench: Callable[..., Answer], tmp_path: Path) -> None:
    file = write_plugin(tmp_path, presets="{'../x': ColorLbp.presets['paper']}")

    answer = reidbench("run", "-m", "renamed", "-p", "demo", "--output", str(tmp_path), "--plugin", file)

    assert answer.code == 3
    assert "name of a preset must be" in answer.err


@pytest.mark.parametrize("arguments", [(), ("--json",), ("renamed",), ("renamed", "--json")], ids=" ".join)
def test_control_characters_do_not_reach_listings(
    reidbench: Callable[..., Answer], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    file = write_plugin(tmp_path, summary=TITLE)

    answer = reidbench("methods", *arguments, "--plugin", file)

    assert answer.code == 0
    assert answer.out.replace("\n", "").isprintable()
    if "--json" in arguments:
        assert TITLE in [row["summary"] for row in json.loads(answer.out)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "-m", f"a{TITLE}", "-p", "demo"),
        ("run", "-m", "color-lbp", "-p", TITLE),
        ("run", "-m", "color-lbp", "-p", "demo", "--preset", TITLE),
        ("run", "-m", "color-lbp", "-p", "demo", "--set", f"{TITLE}=1"),
        ("run", "-m", "color-lbp", "-p", "demo", "--set", TITLE),
        ("run", "-m", "color-lbp", "-p", "demo", "--seed", TITLE),
        ("run", f"--{TITLE}"),
        (TITLE,),
        ("evaluate", f"{TITLE}.h5"),
        ("data", "verify", TITLE),
    ],
    ids=[
        "method",
        "protocol",
        "preset",
        "setting",
        "assignment",
        "seed",
        "option",
        "command",
        "file",
        "dataset",
    ],
)
def test_control_characters_do_not_reach_messages(
    reidbench: Callable[..., Answer], arguments: tuple[str, ...]
) -> None:
    answer = reidbench(*arguments)

    assert answer.code == 2
    assert answer.err.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "-m", LONG, "-p", "demo"),
        ("run", "-m", "color-lbp", "-p", "demo", "--seed", LONG),
        ("run", "-m", "color-lbp", "-p", "demo", "--lengths", LONG),
        ("run", "-m", "color-lbp", "-p", "demo", "--set", LONG),
        ("run", "-m", "color-lbp", "-p", "demo", "--set", f"bins={LONG}"),
        ("run", "-m", "color-lbp", "-p", "demo", f"--{LONG}"),
        ("data", "extract", LONG),
        ("leaderboard", "show", "--format", LONG),
        (LONG,),
    ],
    ids=["method", "seed", "lengths", "assignment", "setting", "option", "dataset", "choice", "command"],
)
def test_message_quotes_at_most_80_characters_of_a_value(
    reidbench: Callable[..., Answer], arguments: tuple[str, ...]
) -> None:
    answer = reidbench(*arguments)

    assert answer.code == 2
    assert "x" * 80 not in answer.err.replace(" ", "")


def test_log_lines_have_no_control_characters() -> None:
    record = logging.LogRecord("reidbench", logging.INFO, "", 0, "removed %s", (TITLE,), None)

    assert PrintableFormatter("%(message)s").format(record).isprintable()
