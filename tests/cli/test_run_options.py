"""Options of `reidbench run`: lengths, re-ranking, transfer, conventions and true accept rates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.calls import Answer

from .single_file_plugins import CITY_BLOCK, choose_method, write_plugin

Run = Callable[..., Answer]
Record = Callable[..., dict[str, Any]]


@pytest.fixture
def record(record_method: Record, two_datasets: Path, tmp_path: Path) -> Record:
    """Run the mean-color plugin on two trials and return the record."""
    return partial(record_method, write_plugin(tmp_path, "mean-color"), root=two_datasets, trials=2)


def test_length_study_reports_every_pair_of_lengths(record: Record) -> None:
    study = record("--lengths", "1,6")
    plain = record()

    assert [(cell["query"], cell["gallery"]) for cell in study["lengths"]] == [(1, 1), (1, 6), (6, 1), (6, 6)]
    assert study["figures"] == plain["figures"]
    # The tracklets have six frames.
    assert study["lengths"][-1]["figures"] == plain["figures"]
    assert study["lengths"][0]["figures"] != plain["figures"]
    assert study["fingerprints"]["run"] != plain["fingerprints"]["run"]
    assert plain["lengths"] == []


def test_reranked_run_is_transductive_and_has_a_separate_board(record: Record, reidbench: Run) -> None:
    # A board has complete records only.
    plain, reranked = record(trials=None), record("--rerank", trials=None)

    assert (plain["transductive"], reranked["transductive"]) == (False, True)
    assert reranked["rerank"] == {"method": "k-reciprocal", "k1": 20, "k2": 6, "lambda_value": 0.3}
    assert reranked["fingerprints"]["protocol"] == plain["fingerprints"]["protocol"]
    boards = reidbench("leaderboard", "show").out
    assert boards.count("ilids: iLIDS-VID") == 2
    assert "re-ranked with the other queries (transductive)" in boards


@pytest.mark.parametrize("option", ["--rerank", "--far=0.1"])
def test_custom_distance_supports_reranking_and_accept_rates(
    record_method: Record, tmp_path: Path, option: str
) -> None:
    plugin = write_plugin(tmp_path, "city-block", further=CITY_BLOCK)

    assert record_method(plugin, option, trials=2)["figures"]["rank1"]["mean"] >= 0


def test_true_accept_rates_are_reported_only_with_far(record: Record) -> None:
    rates = record("--far", "0.5", "--far", "0.1")["tar_at_far"]

    assert 0 <= rates["0.1"] <= rates["0.5"] <= 1
    assert record()["tar_at_far"] is None


def test_convention_is_recorded_and_changes_the_protocol_fingerprint(record: Record) -> None:
    plain, other = record(), record("--convention", "tested_half=second")

    assert other["conventions"] == {"tested_half": "second"}
    assert other["protocol"] == "ilids"
    assert "tested_half = second" in other["protocol_title"]
    assert other["fingerprints"]["protocol"] != plain["fingerprints"]["protocol"]


def test_direction_both_averages_the_queries_of_both_directions(record: Record) -> None:
    forward, reverse, both = (
        record("--convention", f"direction={direction}") for direction in ("forward", "reverse", "both")
    )

    for first, second, joint in zip(forward["trials"], reverse["trials"], both["trials"], strict=True):
        assert joint["queries"] == first["queries"] + second["queries"] == 12
        assert joint["rank1"] == pytest.approx((first["rank1"] + second["rank1"]) / 2)
    assert both["chance"]["rank1"] == pytest.approx(1 / 6)


def test_train_on_uses_the_training_data_of_another_dataset(record: Record) -> None:
    plain, transfer = record(), record("--train-on", "viper")

    assert [source["dataset"] for source in transfer["trained_on"]] == ["viper"]
    # Mean colours need no training, so the figures do not change.
    assert transfer["figures"] == plain["figures"]
    assert transfer["fingerprints"]["protocol"] != plain["fingerprints"]["protocol"]


def test_transfer_fits_a_trainable_method_once_for_all_trials(
    reidbench: Run, two_datasets: Path, tmp_path: Path
) -> None:
    trainable = """
def fit(self, train, job):
    with open("fits.txt", "a") as file:
        print(len(train), sorted(set(train.pids.tolist()))[-1], file=file)

def state(self):
    return {}

def restore(self, state):
    pass
"""
    plugin = write_plugin(tmp_path, "counts-fits", base="Method", further=trainable)
    data = ("--test-on", "ilids", "--train-on", "viper", "--data-root", str(two_datasets))
    answer = reidbench("run", *choose_method(plugin), *data)

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
        (("--convention", "direction"), "must have the form NAME=VALUE, got 'direction'"),
        (("--lengths", "1,two"), "must be a list of whole numbers such as 1,2,4,8, got '1,two'"),
        (("--lengths", "0"), "--lengths must be at least 1, got 0"),
        (("--far", "1.5"), "1.5 is not in the range 0<x<1"),
        (("--train-on", "mars"), "dataset 'mars' not found at"),
        (("-p", "viper", "--save-features", "f.h5"), "needs one method and one protocol, got 2 runs"),
    ],
)
def test_invalid_options_exit_2_and_write_no_record(
    reidbench: Run, two_datasets: Path, options: tuple[str, ...], message: str
) -> None:
    answer = reidbench("run", "-m", "color-lbp", "-p", "ilids", "--data-root", str(two_datasets), *options)

    assert answer.code == 2
    assert message in " ".join(answer.err.replace("│", " ").split())
    assert not Path("runs/records").exists()


def test_lengths_option_needs_a_video_protocol(reidbench: Run, two_datasets: Path) -> None:
    answer = reidbench(
        "run", "-m", "color-lbp", "-p", "viper", "--data-root", str(two_datasets), "--lengths", "1"
    )

    assert answer.code == 2
    assert "--lengths needs a video protocol, but 'viper' has image data" in answer.err
