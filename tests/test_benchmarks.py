from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.calls import Answer

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
synthetic = { people = 8, frames = 5, seed = 3, masks = true }
"""
PROTOCOL_PLUGIN = """
from pathlib import Path
from reidbench.plugin import hookimpl

@hookimpl
def reidbench_protocols():
    return [Path(__file__).parent / "tiny.toml"]
"""


@pytest.fixture
def run_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Answer]]:
    """Run a script in this process, since a new one needs seconds to import torch."""

    def run(name: str, *arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        code = 0
        try:
            runpy.run_path(str(FOLDER / name), run_name="__main__")
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    # Scripts change both.
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    threads = torch.get_num_threads()
    yield run
    torch.set_num_threads(threads)


def run_script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", SCRIPTS)
def test_benchmark_has_help(run_here: Callable[..., Answer], name: str) -> None:
    answer = run_here(name, "--help")

    assert answer.code == 0, answer.err
    assert answer.out.startswith("usage:")


def write_plugin(folder: Path) -> Path:
    """Write a plugin that offers a protocol of eight rendered people, and return its path."""
    (folder / "tiny.toml").write_text(TINY_PROTOCOL)
    plugin = folder / "protocol_plugin.py"
    plugin.write_text(PROTOCOL_PLUGIN)
    return plugin


@pytest.mark.parametrize(
    ("name", "arguments", "printed"),
    [
        ("duatm_pairs.py", "--queries 2 --gallery 3 --length 4 --dimension 8 --repeats 1", "pairs/s"),
        (
            "evaluation_speed.py",
            "--clusters --queries 40 --gallery 200 --dimensions 8 --repeats 1",
            "useless",
        ),
        (
            "reranking_speed.py",
            "--queries 30 --gallery 90 --dimensions 8 --threads 1 --without-reference",
            "reidbench",
        ),
        ("hashing_speed.py", "--files 200 --size 100", "one file replaced"),
        ("rendering_speed.py", "--people 1 --frames 2 --repeats 1", "ms of CPU time per frame"),
        ("siamese_speed.py", "--set batch_pairs=1 --set clip_len=2 --repeats 2", "pair"),
        (
            "stability_cost.py",
            "--methods color-lbp --tracklets 16 --frames 2 --repeats 1",
            "8 tracklets again",
        ),
    ],
    ids=[
        "duatm_pairs",
        "evaluation_speed",
        "reranking_speed",
        "hashing_speed",
        "rendering_speed",
        "siamese_speed",
        "stability_cost",
    ],
)
def test_benchmark_runs_at_a_tiny_size(
    run_here: Callable[..., Answer], name: str, arguments: str, printed: str
) -> None:
    answer = run_here(name, *arguments.split())

    assert answer.code == 0, answer.err
    assert printed in answer.out


def test_network_claims_prints_a_table_of_a_protocol(tmp_path: Path) -> None:
    plugin, output = write_plugin(tmp_path), tmp_path / "runs"

    finished = run_script(
        "network_claims.py", "--protocols", "tiny", "--methods", "color-lbp",
        "--plugin", str(plugin), "--output", str(output),
    )  # fmt: skip

    assert finished.returncode == 0, finished.stderr
    assert "### tiny (synthetic)" in finished.stdout
    assert "| color-lbp" in finished.stdout


def test_instrument_prints_every_bound_and_continues_from_its_results(
    run_here: Callable[..., Answer], tmp_path: Path
) -> None:
    plugin, output = write_plugin(tmp_path), tmp_path / "instrument"
    command = ["--seeds", "1", "2", "--protocols", "tiny", "--plugin", str(plugin), "--output", str(output)]

    def run_parts(*options: str) -> str:
        answer = run_here("instrument.py", *command, *options)
        assert answer.code == 0, answer.err
        # Columns of another table may be wider.
        return re.sub(" +", " ", answer.out)

    first = run_parts("--only", "audits", "oracle")
    second = run_parts("--only", "networks", "--methods", "duatm", "color-lbp", "--set", "epochs=0")

    assert "| audit-border at chance, 25.0 %" in first
    assert "at least 1.2 times audit-colour-histogram" in first
    bounds = [line for line in first.splitlines() if line.startswith("| tiny")]
    assert {line.split("|")[-2].strip() for line in bounds} <= {"ok", "not met"}
    assert set(bounds) <= set(second.splitlines())
    assert "duatm above 2 times duatm untrained by more than the interval" in second
    assert "methods on seeds 1 and 2: Kendall at least 0.8" in second


def test_hostile_inputs_prints_a_table_of_outcomes() -> None:
    finished = run_script(
        "hostile_inputs.py",
        "--inputs",
        "4",
        "--reader",
        "frame",
        "splits",
        "--workers",
        "1",
        "--timeout",
        "60",
    )

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "| same result | accepted | refused |" in finished.stdout
    assert "0 failures in 4 inputs" in finished.stdout


@pytest.mark.slow
def test_interrupted_runs_resume_to_the_same_figures() -> None:
    finished = run_script("interruptions.py", "--kills", "2", "--moments", "train", "extract")

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "2 of 2 ended like the uninterrupted one" in finished.stdout
