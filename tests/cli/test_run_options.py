"""What a run can do beyond a protocol as it stands: lengths, re-ranking, transfer, other conventions, accept rates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.viper import LAYOUT as VIPER

from .conftest import Answer
from .single_file_plugins import CITY_BLOCK, write_plugin

Run = Callable[..., Answer]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, small_root: Path) -> Path:
    """A data root with small rendered trees of iLIDS-VID and VIPeR."""
    root = tmp_path_factory.mktemp("root")
    (root / "ilids-vid").symlink_to(small_root / "ilids-vid")
    VIPER.synthesize(root, SyntheticSettings(people=12, seed=3), workers=1, progress=False)
    return root


@pytest.fixture
def record(reidbench: Run, root: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run mean colours on a small tree and return the record."""
    plugin = write_plugin(tmp_path, "mean-color")

    def call(*options: str, protocol: str = "ilids", method: str = "mean-color") -> dict[str, Any]:
        answer = reidbench(
            "run",
            "-m",
            method,
            "-p",
            protocol,
            "--data-root",
            str(root),
            "--plugin",
            str(plugin),
            "--json",
            *options,
        )
        assert answer.code == 0, answer.err
        found: dict[str, Any] = json.loads(answer.out)
        return found

    return call


def test_a_length_study_has_the_figures_of_every_pair_of_lengths(record: Callable[..., Any]) -> None:
    study = record("--lengths", "1,6", "--trials", "2")
    plain = record("--trials", "2")

    assert [(cell["query"], cell["gallery"]) for cell in study["lengths"]] == [(1, 1), (1, 6), (6, 1), (6, 6)]
    assert study["figures"] == plain["figures"]
    assert study["lengths"][-1]["figures"] == plain["figures"]  # the tracklets have six frames
    assert study["lengths"][0]["figures"] != plain["figures"]
    assert study["fingerprints"]["run"] != plain["fingerprints"]["run"]
    assert "lengths" not in plain


def test_a_reranked_run_is_transductive_and_stands_on_a_board_of_its_own(
    record: Callable[..., Any], reidbench: Run
) -> None:
    plain, reranked = record(), record("--rerank")

    assert (plain["transductive"], reranked["transductive"]) == (False, True)
    assert reranked["rerank"] == {"method": "k-reciprocal", "k1": 20, "k2": 6, "lambda_value": 0.3}
    assert reranked["fingerprints"]["protocol"] == plain["fingerprints"]["protocol"]
    shown = reidbench("leaderboard", "show").out
    assert shown.count("ilids: iLIDS-VID") == 2
    assert "re-ranked with the other queries (transductive)" in shown


@pytest.mark.parametrize("option", ["--rerank", "--far=0.1"])
def test_a_method_with_a_distance_of_its_own_can_be_reranked_and_verified(
    reidbench: Run, root: Path, tmp_path: Path, option: str
) -> None:
    plugin = write_plugin(tmp_path, "city-block", further=CITY_BLOCK)
    answer = reidbench(
        "run",
        "-m",
        "city-block",
        "-p",
        "ilids",
        "--data-root",
        str(root),
        "--plugin",
        str(plugin),
        "--json",
        option,
    )

    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["figures"]["rank1"]["mean"] >= 0


def test_true_accept_rates_are_given_where_they_are_asked_for(record: Callable[..., Any]) -> None:
    found = record("--far", "0.5", "--far", "0.1")

    assert 0 <= found["tar_at_far"]["0.1"] <= found["tar_at_far"]["0.5"] <= 1
    assert "tar_at_far" not in record()


def test_another_reading_is_another_board(record: Callable[..., Any]) -> None:
    plain, other = record(), record("--convention", "tested_half=second")

    assert other["conventions"] == {"tested_half": "second"}
    assert other["protocol"] == "ilids"
    assert "tested_half = second" in other["protocol_title"]
    assert other["fingerprints"]["protocol"] != plain["fingerprints"]["protocol"]


def test_both_directions_count_all_queries(record: Callable[..., Any]) -> None:
    forward, reverse, both = (
        record("--convention", f"direction={direction}") for direction in ("forward", "reverse", "both")
    )

    for one, other, joint in zip(forward["trials"], reverse["trials"], both["trials"], strict=True):
        assert joint["queries"] == one["queries"] + other["queries"] == 12
        assert joint["rank1"] == pytest.approx((one["rank1"] + other["rank1"]) / 2)
    assert both["chance"]["rank1"] == pytest.approx(1 / 6)


def test_training_data_may_come_from_another_dataset(record: Callable[..., Any]) -> None:
    plain, transfer = record(), record("--train-on", "viper")

    assert transfer["trained_on"]["dataset"] == "viper"
    assert transfer["figures"] == plain["figures"]  # mean colours learn nothing
    assert transfer["fingerprints"]["protocol"] != plain["fingerprints"]["protocol"]


def test_a_method_that_learns_is_fitted_once_for_all_trials_of_a_transfer(
    reidbench: Run, root: Path, tmp_path: Path
) -> None:
    learns = """
def fit(self, train, job):
    with open("fits.txt", "a") as file:
        print(len(train), sorted(set(train.pids.tolist()))[-1], file=file)

def state(self):
    return {}

def restore(self, state):
    pass
"""
    plugin = write_plugin(tmp_path, "counts-fits", base="Method", further=learns)
    answer = reidbench(
        "run", "-m", "counts-fits", "--test-on", "ilids", "--train-on", "viper", "--data-root", str(root), "--plugin",
        str(plugin),
    )  # fmt: skip

    assert answer.code == 0, answer.err
    (line,) = Path("fits.txt").read_text().splitlines()
    assert line.split()[0] == "24"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--train-on", "ilids"), "'ilids' cannot be trained on 'ilids': both use the dataset 'ilids-vid'"),
        (
            ("--convention", "pooling=max"),
            "protocol 'ilids' has no convention 'pooling'; it has tested_half, direction",
        ),
        (("--convention", "direction"), "'direction' is not of the form name=value"),
        (("--lengths", "1,two"), "'1,two' is not a list of numbers like 1,2,4,8"),
        (("--lengths", "0"), "--lengths must be 1 frame or more, got 0"),
        (("--far", "1.5"), "1.5 is not in the range 0<x<1"),
        (("--train-on", "mars"), "dataset 'mars' not found at"),
        (("-p", "viper", "--save-features", "f.h5"), "takes the features of one run, got 2 runs"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(
    reidbench: Run, root: Path, options: tuple[str, ...], message: str
) -> None:
    answer = reidbench("run", "-m", "color-lbp", "-p", "ilids", "--data-root", str(root), *options)

    assert answer.code == 2
    assert message in " ".join(answer.err.replace("│", " ").split())
    assert not Path("runs/records").exists()


def test_lengths_of_still_images_are_refused(reidbench: Run, root: Path) -> None:
    answer = reidbench("run", "-m", "color-lbp", "-p", "viper", "--data-root", str(root), "--lengths", "1")

    assert answer.code == 2
    assert "--lengths needs a video protocol, 'viper' is image" in answer.err
