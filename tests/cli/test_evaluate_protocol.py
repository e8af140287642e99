"""Feature files compared with a protocol: features of a run, other labels, other rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from reidbench.features import read_searches
from tests.calls import Answer

from .single_file_plugins import CITY_BLOCK, write_plugin

Run = Callable[..., Answer]


@pytest.fixture
def saved(finished_run: Path) -> dict[str, Any]:
    """The record of a finished run; its features are in f.h5."""
    record: dict[str, Any] = json.loads(finished_run.read_text())
    return record


@pytest.fixture
def evaluate(reidbench: Run, small_root: Path) -> Run:
    """Evaluate f.h5 on the protocol of the run."""
    return partial(reidbench, "evaluate", "f.h5", "-p", "ilids", "--data-root", str(small_root))


def test_saved_features_give_the_figures_of_the_run(
    reidbench: Run, evaluate: Run, saved: dict[str, Any]
) -> None:
    answer = evaluate("--json")

    assert answer.code == 0, answer.err
    record = json.loads(answer.out)
    assert record["figures"] == saved["figures"]
    assert record["trials"] == saved["trials"]
    assert record["chance"] == saved["chance"]
    assert record["fingerprints"]["protocol"] == saved["fingerprints"]["protocol"]
    assert (record["method"], record["protocol"], record["synthetic"]) == ("mean-color", "ilids", True)
    board = reidbench("leaderboard", "show", "-p", "ilids").out
    assert board.count("mean-color") == 2
    assert board.count("1=") == 2


def test_distances_of_a_method_are_saved_and_used(
    evaluate: Run, record_method: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    plugin = write_plugin(tmp_path, "city-block", further=CITY_BLOCK)
    record = record_method(plugin, "--save-features", "f.h5", "--convention", "direction=both")

    answer = evaluate("--convention", "direction=both", "--json")

    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["trials"] == record["trials"]
    assert len(read_searches(Path("f.h5")).searches) == 20


def test_renumbered_cameras_and_reordered_rows_agree_with_the_protocol(
    evaluate: Run, saved: dict[str, Any]
) -> None:
    with h5py.File("f.h5", "a") as file:
        # As in a file of another program.
        del file.attrs["digest"]
        for trial in file.values():
            for side in ("query", "gallery"):
                group = trial[side]
                group["camid"][...] = 7 - 3 * group["camid"][()]
                order = np.random.default_rng(0).permutation(len(group["pid"]))
                for name in group:
                    group[name][...] = group[name][()][order]

    answer = evaluate("--json")
    assert answer.code == 0, answer.err
    figures = json.loads(answer.out)["figures"]
    assert {name: figure["mean"] for name, figure in figures.items()} == pytest.approx(
        {name: figure["mean"] for name, figure in saved["figures"].items()}
    )


def test_names_that_are_all_unknown_are_not_compared(evaluate: Run, saved: dict[str, Any]) -> None:
    with h5py.File("f.h5", "a") as file:
        del file.attrs["digest"]
        for trial in file.values():
            for side in trial.values():
                count = len(side["pid"])
                del side["tracklet_id"]
                side["tracklet_id"] = np.array([f"own-{row}" for row in range(count)], dtype="S")

    answer = evaluate("--json")

    assert answer.code == 0
    assert "names of features f.h5 are not compared" in answer.err
    assert len(answer.err.splitlines()) == 1
    assert json.loads(answer.out)["figures"] == saved["figures"]


def change(name: str, value: Any) -> Callable[[Any], None]:
    def apply(file: Any) -> None:
        file["trial_03"][name][0] = value

    return apply


def roll(*names: str) -> Callable[[Any], None]:
    """Return a function that moves the values of some datasets of the gallery of trial 3 by one row."""

    def apply(file: Any) -> None:
        for name in names:
            values = file[f"trial_03/gallery/{name}"]
            values[...] = np.roll(values[()], 1, axis=0)

    return apply


def write_labels(values: Any) -> Callable[[Any], None]:
    """Return a function that replaces the labels of the queries of trial 3."""

    def apply(file: Any) -> None:
        count = len(file["trial_03/query/pid"])
        del file["trial_03/query/pid"]
        file["trial_03/query/pid"] = np.resize(values, count)

    return apply


def drop_a_trial(file: Any) -> None:
    del file["trial_09"]


def drop_a_row(file: Any) -> None:
    for name in ("features", "pid", "camid", "tracklet_id"):
        rest = file["trial_00/gallery"][name][1:]
        del file["trial_00/gallery"][name]
        file["trial_00/gallery"][name] = rest


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            drop_a_trial,
            "f.h5 must have 10 searches, one per trial and direction in the groups trial_00, trial_01, ..., got 9",
        ),
        (drop_a_row, "trial 0, gallery must have 6 tracklets that are not junk, got 5"),
        (change("query/pid", 999), "trial 3, query: person 999 must have 0 tracklets, got 1"),
        (
            change("gallery/features", np.nan),
            "features f.h5 (trial_03): gallery features: row 0, column 0 is nan",
        ),
        (change("query/pid", 0), "trial 3, query: person 0 must have 0 tracklets, got 1"),
        (roll("features", "tracklet_id"), "trial 3, gallery: row 0 must be person "),
        (roll("pid"), "trial 3, gallery: row 0 must be person "),
        (
            change("query/tracklet_id", b"unknown"),
            "tracklet_id of row 0 must be the name of a tracklet of the protocol",
        ),
        (
            write_labels(np.array([2.0**53 + 2])),
            "query/pid row 0 must be at most 9,007,199,254,740,992 as a float",
        ),
        (write_labels(np.array([2**64 - 1], dtype=np.uint64)), "query/pid row 0 must fit into 64 bits"),
    ],
)
def test_other_features_than_the_protocols_exit_2_and_write_nothing(
    evaluate: Run, saved: dict[str, Any], damage: Callable[[Any], None], message: str
) -> None:
    with h5py.File("f.h5", "a") as file:
        del file.attrs["digest"]
        damage(file)

    answer = evaluate("--output", "other")
    assert answer.code == 2
    (line,) = answer.err.strip().splitlines()
    assert message in line
    assert not Path("other").exists()
