"""Life-cycle hooks in whole commands: what an experiment tracker is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.calls import Answer

from .single_file_plugins import write_plugin

Run = Callable[..., Answer]
Record = Callable[..., dict[str, Any]]
Told = Callable[[], list[tuple[str, dict[str, Any]]]]

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
def method(tmp_path: Path) -> Path:
    return write_plugin(tmp_path, "mean-color")


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Write the tracker to `tracker.py`; return what it was told since the last call."""
    (tmp_path / "tracker.py").write_text(TRACKER)
    file = tmp_path / "told.jsonl"

    def read() -> list[tuple[str, dict[str, Any]]]:
        lines = file.read_text().splitlines()
        file.unlink()
        return [(hook, given) for hook, given in map(json.loads, lines)]

    return read


def test_tracker_is_told_whether_a_trial_came_from_the_cache(
    record_method: Record, method: Path, told: Told
) -> None:
    record_method(method, "--plugin", "tracker.py", trials=1)
    first = told()
    record = record_method(method, "--plugin", "tracker.py", trials=2)
    second = told()

    assert [hook for hook, _ in first] == ["start", "trial", "end"]
    assert [given["cached"] for hook, given in first if hook == "trial"] == [False]
    assert [given["cached"] for hook, given in second if hook == "trial"] == [True, False]
    assert second[-1][1]["record"] == record
    assert {given["fingerprint"] for hook, given in second if hook != "end"} == {
        record["fingerprints"]["run"]
    }


def test_tracker_cannot_change_a_record(record_method: Record, told: Told) -> None:
    tracked = record_method("color-lbp", "--plugin", "tracker.py", trials=1)
    plain = record_method("color-lbp", trials=1)

    assert told()
    assert tracked["figures"] == plain["figures"]
    assert tracked["config"] == plain["config"] != {}


def test_tracker_is_told_about_an_evaluation(reidbench: Run, finished_run: Path, told: Told) -> None:
    answer = reidbench("evaluate", "f.h5", "--plugin", "tracker.py", "--json")

    record = json.loads(answer.out)
    (_, start), *trials, (_, end) = told()
    assert (start["protocol"], start["fingerprint"]) == ("features", record["fingerprints"]["run"])
    assert [(given["trial"], given["cached"]) for _, given in trials] == [
        (number, False) for number in range(10)
    ]
    assert trials[0][1]["figures"]["rank1"] == record["trials"][0]["rank1"]
    assert end["record"] == record


@pytest.mark.parametrize(
    "statement", ["import sys; sys.exit(0)", "raise KeyboardInterrupt", "raise ValueError('x' * 10**6)"]
)
def test_failing_tracker_ends_nothing_and_is_reported_in_one_line(
    run_method: Run, method: Path, tmp_path: Path, statement: str
) -> None:
    source = f"from reidbench.plugin import hookimpl\n@hookimpl\ndef reidbench_run_end():\n    {statement}\n"
    (tmp_path / "tracker.py").write_text(source)

    answer = run_method(method, "--plugin", "tracker.py", trials=1)

    assert answer.code == 0
    (line,) = [line for line in answer.err.splitlines() if line.startswith("WARNING")]
    assert line.startswith("WARNING: plugin 'tracker' of 'tracker.py' failed: ")
    assert len(line) < 1000
    assert list(tmp_path.glob("runs/records/ilids/*.json"))
