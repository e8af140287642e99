"""The image protocol that needs no files, on a tree of fewer people."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from reidbench.datasets.readers.market1501 import Market1501
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.market1501 import LAYOUT, plan_tree
from reidbench.protocols.trials import draw_trials

from .worlds import protocol


def test_half_of_the_people_are_trained_on_and_half_queried() -> None:
    rule = protocol("demo-image").synthetic
    assert rule is not None
    jobs = plan_tree(LAYOUT.resolve(SyntheticSettings(**rule.settings()))).jobs
    files = [Path(file) for job in jobs for file in job.frames]

    def people(folder: str) -> set[str]:
        return {file.name.split("_")[0] for file in files if file.parent.name == folder}

    trained, queried = people("bounding_box_train"), people("query")
    assert len(trained) == len(queried) == 120
    assert not trained & queried
    assert queried <= people("bounding_box_test")
    assert 1800 < sum(file.parent.name == "bounding_box_train" for file in files) < 2400
    assert all(job.masks is not None for job in jobs)


def test_rules_are_those_of_market1501(tmp_path: Path) -> None:
    rule = protocol("demo-image")
    market = protocol("market1501")
    folder = LAYOUT.synthesize(tmp_path, SyntheticSettings(people=8, seed=1), workers=1, progress=False)
    contents = Market1501().read(folder)

    (trial,) = draw_trials(rule, contents)
    (same,) = draw_trials(market, contents)

    assert (rule.modality, rule.unmatched, rule.shots) == (market.modality, market.unmatched, market.shots)
    np.testing.assert_array_equal(trial.train, same.train)
    for side in ("query", "gallery"):
        np.testing.assert_array_equal(getattr(trial.sides[0], side), getattr(same.sides[0], side))
    assert msgspec.structs.replace(rule, synthetic=None).semantics() == {
        **market.semantics(),
        "name": "demo-image",
        "version": rule.version,
    }
