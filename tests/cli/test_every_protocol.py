"""Every protocol, end to end, on a small rendered tree of its dataset's layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.plugin.loading import load_target
from reidbench.plugin.manager import Plugins
from reidbench.protocols import load_protocol
from tests.calls import Answer

PEOPLE = {"lsvid": 16, "mars": 12, "market1501": 10}
PROTOCOLS = {
    name: load_protocol(file)
    for name, file in Plugins().protocols.items()
    if load_protocol(file).synthetic is None
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    for spec in Plugins().datasets.values():
        assert spec.layout is not None
        layout = load_target(spec.name, spec.layout)
        frames = None if layout.lengths is None else 3
        settings = SyntheticSettings(people=PEOPLE.get(spec.name, 10), frames=frames, seed=21)
        layout.synthesize(root, settings, workers=1, progress=False)
    return root


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_protocol_runs_and_colour_beats_chance(
    reidbench: Callable[..., Answer], root: Path, name: str
) -> None:
    method = ("-m", "color-lbp", "--preset", "color")
    answer = reidbench("run", *method, "-p", name, "--data-root", str(root), "--json")

    assert answer.code == 0, answer.err
    record = json.loads(answer.out)
    assert (record["protocol"], record["synthetic"], record["partial"]) == (name, True, False)
    assert len(record["trials"]) == PROTOCOLS[name].trials.count
    assert all(trial["queries"] >= 1 and trial["gallery"] >= 1 for trial in record["trials"])
    # Only this convention leaves queries without a match.
    if "9330" not in name:
        assert all(trial["queries_without_match"] == 0 for trial in record["trials"])
    # People keep their clothes, so colour helps. With wrong labels, mAP would be at chance.
    assert record["figures"]["map"]["mean"] > record["chance"]["rank1"]
