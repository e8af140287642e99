"""What the keys of a run depend on: labels decide the board and the seed of a fit, contents decide cached parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reidbench_plugins.siamese_convgru.method import SiameseConvGru

from reidbench.datasets import DatasetContents, TrackletTable
from reidbench.datasets.views import FrameWindow
from reidbench.plugin.manager import Plugins
from reidbench.protocols import load_protocol
from reidbench.protocols.trials import Sides, Trial
from reidbench.runner.keys import RunKeys, Windows

PEOPLE = (1, 2)
TRIAL = Trial(index=0, train=np.array([0, 1]), sides=(Sides(np.array([2]), np.array([3]), None),))
WINDOWS = Windows(FrameWindow(), FrameWindow())


def read(root: Path, suffix: str = "jpg") -> DatasetContents:
    rows = [(pid, camera, f"{pid}/{camera}", (f"1.{suffix}",)) for pid in PEOPLE for camera in (1, 2)]
    return DatasetContents(TrackletTable.of(root, rows), people=PEOPLE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for pid in PEOPLE:
        for camera in (1, 2):
            (tmp_path / f"{pid}/{camera}").mkdir(parents=True)
            (tmp_path / f"{pid}/{camera}/1.jpg").write_bytes(bytes([pid, camera]))
    return tmp_path


def make_keys(contents: DatasetContents) -> RunKeys:
    plugins = Plugins()
    return RunKeys(
        method=SiameseConvGru,
        config=SiameseConvGru.presets["small"],
        weights=None,
        source="s",
        protocol=load_protocol(plugins.protocol("demo")),
        contents=contents,
        training=contents,
        rerank=None,
        fars=(),
    )


@pytest.mark.parametrize("file", ["1/1/1.jpg", "2/2/1.jpg"], ids=["training frame", "tested frame"])
def test_other_contents_keep_the_board_and_change_every_other_key(root: Path, file: str) -> None:
    before = make_keys(read(root))
    keys, run = before.task(TRIAL, 0, WINDOWS), before.run(trials=1, seeds=[0], lengths=[])
    (root / file).write_bytes(b"xx")

    after = make_keys(read(root))

    assert after.protocol_fingerprint == before.protocol_fingerprint
    assert after.run(trials=1, seeds=[0], lengths=[]) != run
    new = after.task(TRIAL, 0, WINDOWS)
    pairs = (
        (new.fit, keys.fit),
        (new.query, keys.query),
        (new.gallery, keys.gallery),
        (new.scores, keys.scores),
    )
    assert all(one != other for one, other in pairs)


def test_re_encoded_copy_shares_board_and_training_labels(root: Path) -> None:
    before = read(root)
    board, labels = make_keys(before).protocol_fingerprint, before.table.label_rows(TRIAL.train)
    for path in sorted(root.rglob("*.jpg")):
        path.with_suffix(".png").write_bytes(path.read_bytes() + b"x")

    copy = read(root, "png")

    assert make_keys(copy).protocol_fingerprint == board
    # The seed of a fit derives from these and the run's seed.
    assert copy.table.label_rows(TRIAL.train) == labels
    assert replace(before.digests, contents=None) == replace(copy.digests, contents=None)
