"""The table of conventions of `reidbench evaluate`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reidbench.datasets.readers.mars import Mars
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.mars import LAYOUT
from reidbench.features import Items, Search, SearchFile, write_searches
from reidbench.plugin.manager import Plugins
from reidbench.protocols import trials
from reidbench.protocols.loader import load_protocol
from tests.calls import Answer

from .example_searches import example_search

Run = Callable[..., Answer]


def test_conventions_without_a_protocol_are_printed(reidbench: Run) -> None:
    write_searches(Path("f.h5"), SearchFile(searches=[example_search()]))

    answer = reidbench("evaluate", "f.h5", "--conventions")
    assert answer.code == 0, answer.err
    assert "torchreid" in answer.out
    record = json.loads(reidbench("evaluate", "f.h5", "--conventions", "--json").out)
    galleries = {row["gallery"] for row in record["convention_figures"][0]}
    assert galleries == {"given", "queries-removed", "junk-kept", "distractors-dropped"}


@pytest.fixture(scope="module")
def mars_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A read-only data root with a small MARS tree, which has junk, and the queries in the gallery."""
    root = tmp_path_factory.mktemp("mars")
    LAYOUT.synthesize(root, SyntheticSettings(people=16, frames=2, seed=3), workers=1, progress=False)
    return root


def write_mars_file(root: Path, *, seed: int | None = None, with_ids: bool = False) -> None:
    """Write features for the MARS protocol to f.h5, in the protocol's order or with rows and cameras shuffled."""
    contents = Mars().read(root / "mars")
    table = contents.table
    ((side,),) = trials.list_tested_sides(load_protocol(Plugins().protocol("mars")), contents)
    features = np.random.default_rng(0).normal(size=(len(table), 4)) + table.pids[:, None]
    shuffle = np.random.default_rng(seed)
    codes = np.arange(100) if seed is None else shuffle.permutation(100)

    def items(rows: Any) -> Items:
        rows = rows if seed is None else shuffle.permutation(rows)
        names = np.array([f"t{row}" for row in rows], dtype="S") if with_ids else None
        return Items(
            features=features[rows], pid=table.pids[rows], camid=codes[table.camids[rows]], tracklet_id=names
        )

    search = Search(name="", query=items(side.query), gallery=items(side.gallery))
    write_searches(Path("f.h5"), SearchFile(searches=[search]))


def mars_conventions(reidbench: Run, root: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of the table of conventions by name."""
    answer = reidbench("evaluate", "f.h5", "-p", "mars", "--data-root", str(root), "--conventions", "--json")
    assert answer.code == 0, answer.err
    return {row["name"]: row for row in json.loads(answer.out)["convention_figures"][0]}


def test_conventions_do_not_depend_on_the_order_of_rows_with_tracklet_ids(
    reidbench: Run, mars_root: Path
) -> None:
    write_mars_file(mars_root)
    ordered = mars_conventions(reidbench, mars_root)
    write_mars_file(mars_root, seed=1, with_ids=True)
    shuffled = mars_conventions(reidbench, mars_root)

    assert ordered["queries-removed/trapezoid/miss/market"]["map"] is not None
    assert list(shuffled) == list(ordered)
    for name, row in ordered.items():
        for figure in ("rank1", "rank5", "rank10", "rank20", "map", "minp"):
            assert shuffled[name][figure] == (None if row[figure] is None else pytest.approx(row[figure])), (
                name
            )


def test_conventions_that_cannot_be_computed_have_a_reason(reidbench: Run, mars_root: Path) -> None:
    write_mars_file(mars_root, seed=1)

    table = mars_conventions(reidbench, mars_root)
    assert len(table) == 40
    by_gallery = {row["gallery"]: row for row in table.values()}
    assert by_gallery["given"]["reason"] is None
    assert "cannot tell which gallery rows are the queries" in by_gallery["queries-removed"]["reason"]
    assert "the gallery has no junk (person -1), but the dataset has" in by_gallery["junk-kept"]["reason"]
    for gallery in ("queries-removed", "junk-kept"):
        assert {row["map"] for row in table.values() if row["gallery"] == gallery} == {None}
    text = reidbench("evaluate", "f.h5", "-p", "mars", "--data-root", str(mars_root), "--conventions").out
    assert text.count("no figures for queries-removed: cannot tell which gallery rows are the queries") == 1
    assert text.count("no figures for junk-kept: the gallery has no junk") == 1
    assert len([line for line in text.splitlines() if line.startswith("queries-removed")]) == 10


def test_conventions_with_other_figures_than_the_protocol_are_marked(reidbench: Run, mars_root: Path) -> None:
    write_mars_file(mars_root)

    table = mars_conventions(reidbench, mars_root)
    assert table["given/non-interpolated/exclude/market"]["differs"] == []
    assert table["given/trapezoid/exclude/market"]["differs"] == ["map"]
    assert "rank1" in table["given/non-interpolated/exclude/allshots"]["differs"]
    record = json.loads(
        reidbench("evaluate", "f.h5", "-p", "mars", "--data-root", str(mars_root), "--json").out
    )
    for row in table.values():
        if row["reason"] is None:
            is_same = row["map"] == pytest.approx(record["figures"]["map"]["mean"], abs=1e-9)
            assert ("map" in row["differs"]) != is_same
