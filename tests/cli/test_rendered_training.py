"""Transfer between a protocol that renders its own data and one that reads files."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest

from tests.calls import Answer

from .single_file_plugins import choose_method, write_plugin, write_protocol

Run = Callable[..., Answer]

COUNTS_FITS = """
def fit(self, train, job):
    with open("fits.txt", "a") as file:
        print(len(train), file=file)

def state(self):
    return {}

def restore(self, state):
    pass
"""


@pytest.fixture
def run(reidbench: Run, two_datasets: Path, tmp_path: Path) -> Run:
    """Run a method that counts its training tracklets; a plugin adds `few`, the demo with fewer people."""
    (tmp_path / "root").symlink_to(two_datasets)
    demo = (files("reidbench_protocols") / "demo.toml").read_text(encoding="utf-8")
    text = demo.replace("people = 240", "people = 5").replace("people = 120", "people = 2")
    few = write_protocol(tmp_path, name="few", text=text)
    method = write_plugin(tmp_path, "counts-fits", base="Method", further=COUNTS_FITS)
    return partial(reidbench, "run", *choose_method(method), "--plugin", str(few), "--json")


@pytest.mark.parametrize("tested", ["viper", "ilids"])
def test_training_data_is_rendered_and_tested_data_is_read_from_the_data_root(run: Run, tested: str) -> None:
    answer = run("--train-on", "few", "--test-on", tested, "--data-root", "root")

    assert answer.code == 0, answer.err
    record = json.loads(answer.out)
    assert record["trials"][0]["queries"] == 6
    assert Path("fits.txt").read_text().splitlines() == ["10"]


def test_training_data_is_read_from_the_data_root_and_tested_data_is_rendered(run: Run) -> None:
    answer = run("--train-on", "viper", "--test-on", "few", "--data-root", "root")

    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["trials"][0]["queries"] == 2
    assert Path("fits.txt").read_text().splitlines() == ["24"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("-p", "few", "--data-root", "root"),
            "--data-root root has no effect: protocol 'few' renders its own data; leave it out",
        ),
        (
            ("-p", "viper", "--data-root", "root", "--synthetic"),
            "--data-root root cannot be combined with --synthetic: leave out --synthetic to read the data root, or "
            "--data-root to render the data",
        ),
        (
            ("--train-on", "few", "--test-on", "prid2011", "--data-root", "root"),
            "dataset 'prid2011' not found at root/prid2011",
        ),
        (
            ("--train-on", "few", "--test-on", "few"),
            "protocol 'few' cannot be trained on 'few': both use the dataset 'ilids-vid', so tested people would be "
            "trained on; name a protocol of another dataset",
        ),
        (
            ("--train-on", "mars-to-ilids", "--test-on", "viper"),
            "cannot take the training data of protocol 'mars-to-ilids': it is a transfer protocol that trains on "
            "'mars'; name a protocol of that dataset instead",
        ),
    ],
    ids=["unused data root", "two sources", "missing dataset", "same data", "transfer protocol"],
)
def test_sources_that_do_not_fit_are_refused_with_advice(
    run: Run, options: tuple[str, ...], message: str
) -> None:
    answer = run(*options)

    assert answer.code == 2
    assert message in answer.err
