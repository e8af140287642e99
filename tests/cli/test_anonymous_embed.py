"""Methods that try to find out who is seen: by the order of tracklets, by their ids, by attributes of views."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.stats import binom

from reidbench.cache import Cache
from reidbench.datasets.readers.ilids_vid import IlidsVid
from tests.calls import Answer

from .single_file_plugins import choose_method, write_plugin, write_protocol

Record = Callable[..., dict[str, Any]]

# In the order of a dataset, the queries come first, then the gallery, both sorted by person.
COUNTER = """
numbers = [self.seen.setdefault(view.id, len(self.seen)) for view in tracklets]
return Embeddings(values=torch.stack([torch.eye({people})[number % {people}] for number in numbers]))
"""
COUNTER_FIT = """
def fit(self, train, job):
    return None

def state(self):
    return {}

def restore(self, state):
    return None

def __init__(self, config, runtime):
    super().__init__(config, runtime)
    self.seen = {}
"""
POSITION = """
def pair_scorer(self, query, gallery):
    first, second = torch.arange(len(query)).float(), torch.arange(len(gallery)).float()
    return lambda rows, columns: (first[rows, None] - second[None, columns]).abs()
"""
TABLE = """
import json, pathlib
table = json.loads(pathlib.Path({table!r}).read_text())
return Embeddings(values=torch.tensor([[float(table.get(view.id, -1))] for view in tracklets]))
"""
INTERNALS = """
people = []
for view in tracklets:
    found = re.findall(r"person(\\d+)", " ".join(list_texts(view, 4)))
    people.append([float(found[0]) if found else -1.0])
return Embeddings(values=torch.tensor(people))
"""
LIST_TEXTS = """
import re

def list_texts(value, depth):
    if isinstance(value, (str, bytes, int, float, type(None))) or depth == 0:
        return [str(value)]
    if hasattr(value, "parts"):
        return [str(value)]
    if isinstance(value, (tuple, list, set)):
        inner = list(value)
    elif isinstance(value, dict):
        inner = [*value, *value.values()]
    else:
        names = [*getattr(value, "__dict__", {}), *getattr(type(value), "__slots__", ())]
        inner = [getattr(value, name) for name in names]
    return [text for item in inner for text in list_texts(item, depth - 1)]

"""


@pytest.fixture
def rank1(record_method: Record) -> Callable[[Path], float]:
    """Return the mean rank-1 of a method over the ten trials of iLIDS-VID."""

    def run(plugin: Path) -> float:
        return float(record_method(plugin)["figures"]["rank1"]["mean"])

    return run


def write_counter(folder: Path, *, people: int) -> Path:
    return write_plugin(folder, "counter", COUNTER.format(people=people), base="Method", further=COUNTER_FIT)


def write_table(folder: Path, features: Path) -> Path:
    """Write a method that looks up its tracklets by the names in a feature file."""
    people: dict[str, int] = {}
    with h5py.File(features) as file:
        for trial in file.values():
            for side in ("query", "gallery"):
                names = [name.decode() for name in trial[side]["tracklet_id"][()]]
                people.update(zip(names, trial[side]["pid"][()].tolist(), strict=True))
    (folder / "table.json").write_text(json.dumps(people))
    return write_plugin(folder, "table", TABLE.format(table=str(folder / "table.json")))


def test_counter_does_not_find_people(rank1: Callable[[Path], float], tmp_path: Path) -> None:
    # Chance is 1/6.
    assert rank1(write_counter(tmp_path, people=6)) < 0.45


def test_distance_does_not_find_people_by_position(rank1: Callable[[Path], float], tmp_path: Path) -> None:
    assert rank1(write_plugin(tmp_path, "position", further=POSITION)) < 0.45


def test_table_of_saved_ids_does_not_find_people(
    record_method: Record, rank1: Callable[[Path], float], tmp_path: Path
) -> None:
    record_method(write_plugin(tmp_path, "mean-color"), "--save-features", "f.h5")
    plugin = write_table(tmp_path, tmp_path / "f.h5")

    assert len(json.loads((tmp_path / "table.json").read_text())) == 24
    assert rank1(plugin) < 0.45


def test_counter_and_table_are_at_chance_on_demo(reidbench: Callable[..., Answer], tmp_path: Path) -> None:
    demo = (files("reidbench_protocols") / "demo.toml").read_text(encoding="utf-8")
    frames = "min_frames = 10\nmax_frames = 20\nmean_frames = 14\nmasks = true\n"
    assert frames in demo
    # Its people and rules; single frames render in seconds, and these methods read none.
    protocol = write_protocol(tmp_path, name="short-demo", text=demo.replace(frames, "frames = 1\n"))

    def run(plugin: Path, *options: str) -> dict[str, Any]:
        added = ("--plugin", str(protocol))
        answer = reidbench("run", *choose_method(plugin), "-p", "short-demo", *added, "--json", *options)
        assert answer.code == 0, answer.err
        record: dict[str, Any] = json.loads(answer.out)
        return record

    chance = run(write_plugin(tmp_path, "mean-color"), "--save-features", "f.h5")["chance"]["rank1"]
    people = tomllib.loads(demo)["trials"]["test_people"]
    assert chance == pytest.approx(1 / people)
    for plugin in (write_counter(tmp_path, people=people), write_table(tmp_path, tmp_path / "f.h5")):
        # Three trials with one query per person; one of 10,000 random orders has more hits.
        hits = binom.ppf(0.9999, 3 * people, chance)
        assert run(plugin)["figures"]["rank1"]["mean"] <= hits / (3 * people)


def test_attributes_of_views_do_not_name_people(rank1: Callable[[Path], float], tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "internals", INTERNALS)
    plugin.write_text(LIST_TEXTS + plugin.read_text())

    assert rank1(plugin) < 0.45


def test_ids_differ_between_fit_and_embed_and_between_settings(record_method: Record, tmp_path: Path) -> None:
    seen = tmp_path / "seen.txt"
    embed = f"""
with open({str(seen)!r}, "a") as file:
    file.writelines(view.id + "\\n" for view in tracklets)
return Embeddings(values=torch.rand(len(tracklets), 2) * 0 + 1)
"""
    fit = COUNTER_FIT.replace(
        "def fit(self, train, job):\n",
        f"def fit(self, train, job):\n    file = open({str(seen)!r}, 'a')\n"
        "    file.writelines(view.id + '\\n' for view in train.tracklets)\n    file.close()\n",
    )
    plugin = write_plugin(tmp_path, "ids", embed, base="Method", further=fit)

    for seed in ("0", "1"):
        record_method(plugin, "--seed", seed, trials=1)

    ids = seen.read_text().split()
    # Of each seed: 12 training tracklets, 12 tested ones; checks may embed some of them again.
    assert len(set(ids)) == 2 * (12 + 12)


def test_tested_tracklets_are_embedded_in_the_order_of_their_ids(
    record_method: Record, tmp_path: Path
) -> None:
    seen = tmp_path / "seen.json"
    embed = f"""
import json, pathlib
file = pathlib.Path({str(seen)!r})
if not file.exists():
    file.write_text(json.dumps([view.id for view in tracklets]))
return Embeddings(values=torch.ones(len(tracklets), 2))
"""

    record_method(write_plugin(tmp_path, "order", embed))

    ids = json.loads(seen.read_text())
    # Queries and gallery tracklets of the first trial, in one call.
    assert len(ids) == 12
    assert ids == sorted(ids)


def test_cached_features_are_stored_under_the_digests_of_the_items(
    record_method: Record, small_root: Path, tmp_path: Path
) -> None:
    record_method(write_plugin(tmp_path, "mean-color"))

    stored = b"".join(path.read_bytes() for path in (Cache().root / "features").rglob("*.h5"))
    for digest in IlidsVid().read(small_root / "ilids-vid").row_digests:
        assert stored.count(digest.encode()) == 1


def test_saved_features_name_items_by_path_without_suffix(
    record_method: Record, small_root: Path, tmp_path: Path
) -> None:
    record_method(write_plugin(tmp_path, "mean-color"), "--save-features", "f.h5", trials=1)

    with h5py.File(tmp_path / "f.h5") as file:
        for side in ("query", "gallery"):
            names = [name.decode() for name in np.asarray(file[side]["tracklet_id"])]
            assert len(set(names)) == 6
            for name in names:
                assert list((small_root / "ilids-vid").glob(f"{name}.*"))
