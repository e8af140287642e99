"""Life-cycle hooks in whole commands: what an experiment tracker is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Answer

Run = Callable[..., Answer]

# Writes what it is told to a file, and changes all that it is given.
TRACKER = """
import json
from reidbench.plugin import hookimpl

def write(hook, **given):
    with open("told.jsonl", "a") as file:
        file.write(json.dumps([hook, given]) + "\\n")

@hookimpl
def reidbench_run_start(method, protocol, fingerprint, config):
    write("start", method=method, protocol=protocol, fingerprint=fingerprint, config=config)
    config.clear()

@hookimpl
def reidbench_trial_end(fingerprint, trial, figures, seed, cached):
    write("trial", fingerprint=fingerprint, trial=trial, figures=figures, seed=seed, cached=cached)
    figures["rank1"] = 1.0

@hookimpl
def reidbench_run_end(record):
    write("end", record=record)
    record["figures"].clear()
"""


@pytest.fixture
def told(tmp_path: Path) -> Callable[[], list[tuple[str, dict[str, Any]]]]:
    """Write the tracker to `tracker.py`; return what it was told since the last call."""
    (tmp_path / "tracker.py").write_text(TRACKER)
    file = tmp_path / "told.jsonl"

    def read() -> list[tuple[str, dict[str, Any]]]:
        lines = file.read_text().splitlines()
        file.unlink()
        return [(hook, given) for hook, given in map(json.loads, lines)]

    return read


def test_tracker_is_told_whether_a_trial_came_from_the_cache(
    reidbench: Run, small_root: Path, told: Callable[[], list[tuple[str, dict[str, Any]]]]
) -> None:
    data = ("-p", "ilids", "--data-root", str(small_root), "--plugin", "tracker.py", "--json")
    reidbench("run", "-m", "color-lbp", *data, "--trials", "1")
    first = told()
    answer = reidbench("run", "-m", "color-lbp", *data, "--trials", "2")
    second = told()

    assert [hook for hook, _ in first] == ["start", "trial", "end"]
    assert [given["cached"] for hook, given in first if hook == "trial"] == [False]
    assert [given["cached"] for hook, given in second if hook == "trial"] == [True, False]
    record = json.loads(answer.out)
    assert second[-1][1]["record"] == record
    assert {given["fingerprint"] for hook, given in second if hook != "end"} == {
        record["fingerprints"]["run"]
    }


def test_tracker_cannot_change_a_record(
    reidbench: Run, small_root: Path, told: Callable[[], list[tuple[str, dict[str, Any]]]]
) -> None:
    data = ("-p", "ilids", "--data-root", str(small_root))
    command = ("run", "-m", "color-lbp", *data, "--trials", "1", "--json")

    tracked = json.loads(reidbench(*command, "--plugin", "tracker.py").out)
    plain = json.loads(reidbench(*command).out)

    assert told()
    assert tracked["figures"] == plain["figures"]
    assert tracked["config"] == plain["config"] != {}


def test_tracker_is_told_about_an_evaluation(
    reidbench: Run, small_root: Path, told: Callable[[], list[tuple[str, dict[str, Any]]]]
) -> None:
    data = ("-p", "ilids", "--data-root", str(small_root))
    reidbench("run", "-m", "color-lbp", *data, "--trials", "2", "--save-features", "f.h5")

    answer = reidbench("evaluate", "f.h5", "--plugin", "tracker.py", "--json")

    record = json.loads(answer.out)
    (_, start), *trials, (_, end) = told()
    assert (start["protocol"], start["fingerprint"]) == ("features", record["fingerprints"]["run"])
    assert [(given["trial"], given["cached"]) for _, given in trials] == [(0, False), (1, False)]
    assert trials[0][1]["figures"]["rank1"] == record["trials"][0]["rank1"]
    assert end["record"] == record


@pytest.mark.parametrize(
    "statement", ["import sys; sys.exit(0)", "raise KeyboardInterrupt", "raise ValueError('x' * 10**6)"]
)
def test_failing_tracker_ends_nothing_and_is_reported_in_one_line(
    reidbench: Run, small_root: Path, tmp_path: Path, statement: str
) -> None:
    source = f"from reidbench.plugin import hookimpl\n@hookimpl\ndef reidbench_run_end():\n    {statement}\n"
    (tmp_path / "tracker.py").write_text(source)

    answer = reidbench(
        "run", "-m", "color-lbp", "-p", "ilids", "--data-root", str(small_root), "--trials", "1",
        "--plugin", "tracker.py",
    )  # fmt: skip

    assert answer.code == 0
    (line,) = [line for line in answer.err.splitlines() if line.startswith("WARNING")]
    assert line.startswith("WARNING: plugin 'tracker' of 'tracker.py' failed: ")
    assert len(line) < 1000
    assert list(tmp_path.glob("runs/records/ilids/*.json"))
