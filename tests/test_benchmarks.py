from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py"))

TINY_PROTOCOL = """
title = "Tiny"
dataset = "ilids-vid"
version = 1
trials = { count = 1, people = 8, test_people = 4, splits = "seeded", seed = 1 }
query = { camera = 1 }
gallery = { camera = 2 }
conventions = { tested_half = "first", direction = "forward" }
synthetic = { people = 8, frames = 5, seed = 3 }
"""
PROTOCOL_PLUGIN = """
from pathlib import Path
from reidbench.plugin import hookimpl

@hookimpl
def reidbench_protocols():
    return [Path(__file__).parent / "tiny.toml"]
"""


def run_script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", SCRIPTS)
def test_benchmark_has_help(name: str) -> None:
    finished = run_script(name, "--help")

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("usage:")


@pytest.mark.slow
def test_interrupted_runs_resume_to_the_same_figures(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY_PROTOCOL)
    plugin = tmp_path / "protocol_plugin.py"
    plugin.write_text(PROTOCOL_PLUGIN)

    finished = run_script(
        "interruptions.py", "--kills", "1", "--epochs", "1", "--protocol", "tiny", "--plugin", str(plugin)
    )

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "1 of 1 resumed" in finished.stdout
