from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from reidbench import evaluate as evaluate_features
from reidbench.datasets.readers.mars import Mars
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.mars import LAYOUT
from reidbench.features import Items, Search, SearchFile, read_searches, write_searches
from reidbench.plugin.manager import Plugins
from reidbench.protocols import trials
from reidbench.protocols.loader import load_protocol

from .conftest import Answer
from .single_file_plugins import CITY_BLOCK, write_plugin

Run = Callable[..., Answer]


@pytest.fixture
def saved(reidbench: Run, small_root: Path, tmp_path: Path) -> dict[str, Any]:
    """The record of a run of mean colours on the small iLIDS-VID tree; its features are in f.h5."""
    plugin = write_plugin(tmp_path, "mean-color")
    answer = reidbench(
        "run", "-m", "mean-color", "-p", "ilids", "--data-root", str(small_root), "--plugin", str(plugin), "--json",
        "--save-features", "f.h5",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    record: dict[str, Any] = json.loads(answer.out)
    return record


def example_search(**changes: Any) -> Search:
    """Return features with junk, distractors and the queries in the gallery, as in MARS."""
    random = np.random.default_rng(5)
    pid = np.array([1, 1, 2, 2, 2, 0, -1, 3, 3])
    camid = np.array([1, 2, 1, 2, 3, 1, 2, 1, 2])
    names = np.array([f"t{row}" for row in range(9)], dtype="S")
    features = random.normal(size=(9, 4)) + 2 * pid[:, None]
    gallery = Items(features=features, pid=pid, camid=camid, tracklet_id=names)
    rows = [0, 2, 7]
    query = Items(features=features[rows], pid=pid[rows], camid=camid[rows], tracklet_id=names[rows])
    return Search(**{"name": "", "query": query, "gallery": gallery, **changes})


def test_saved_features_give_the_figures_of_the_run(
    reidbench: Run, small_root: Path, saved: dict[str, Any]
) -> None:
    answer = reidbench("evaluate", "f.h5", "-p", "ilids", "--data-root", str(small_root), "--json")

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


def test_distances_of_a_method_are_saved_and_used(reidbench: Run, small_root: Path, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "city-block", further=CITY_BLOCK)
    ran = reidbench(
        "run", "-m", "city-block", "-p", "ilids", "--data-root", str(small_root), "--plugin", str(plugin), "--json",
        "--save-features", "f.h5", "--convention", "direction=both",
    )  # fmt: skip
    answer = reidbench(
        "evaluate",
        "f.h5",
        "-p",
        "ilids",
        "--data-root",
        str(small_root),
        "--convention",
        "direction=both",
        "--json",
    )

    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["trials"] == json.loads(ran.out)["trials"]
    assert len(read_searches(Path("f.h5")).searches) == 20


def test_labels_of_the_file_are_used_without_a_protocol(reidbench: Run) -> None:
    one = example_search()
    write_searches(Path("f.h5"), SearchFile(searches=[one]))
    q, g = one.query, one.gallery
    expected = evaluate_features(q.features, g.features, q.pid, g.pid, q.camid, g.camid)

    record = json.loads(reidbench("evaluate", "f.h5", "--json", "--far", "0.2").out)
    assert record["figures"]["map"]["mean"] == expected.map
    assert record["trials"][0]["gallery"] == 8
    assert 0 <= record["tar_at_far"]["0.2"] <= 1
    assert record["protocol"] == "features"
    (file,) = Path("runs/records/features").glob("f-*.json")
    assert json.loads(file.read_text()) == record


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


def test_reranking_is_transductive_and_needs_features(reidbench: Run) -> None:
    write_searches(Path("f.h5"), SearchFile(searches=[example_search()]))
    write_searches(Path("d.h5"), SearchFile(searches=[example_search(distances=np.ones((3, 9)))]))

    assert json.loads(reidbench("evaluate", "f.h5", "--rerank", "--json").out)["transductive"]
    answer = reidbench("evaluate", "d.h5", "--rerank")
    assert answer.code == 2
    assert "cannot re-rank features d.h5: the file has distances between query and gallery only" in answer.err


def test_renumbered_cameras_and_reordered_rows_agree_with_the_protocol(
    reidbench: Run, small_root: Path, saved: dict[str, Any]
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

    answer = reidbench("evaluate", "f.h5", "-p", "ilids", "--data-root", str(small_root), "--json")
    assert answer.code == 0, answer.err
    figures = json.loads(answer.out)["figures"]
    assert {name: figure["mean"] for name, figure in figures.items()} == pytest.approx(
        {name: figure["mean"] for name, figure in saved["figures"].items()}
    )


def test_names_that_are_all_unknown_are_not_compared(
    reidbench: Run, small_root: Path, saved: dict[str, Any]
) -> None:
    with h5py.File("f.h5", "a") as file:
        del file.attrs["digest"]
        for trial in file.values():
            for side in trial.values():
                count = len(side["pid"])
                del side["tracklet_id"]
                side["tracklet_id"] = np.array([f"own-{row}" for row in range(count)], dtype="S")

    answer = reidbench("evaluate", "f.h5", "-p", "ilids", "--data-root", str(small_root), "--json")

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
    reidbench: Run, small_root: Path, saved: dict[str, Any], damage: Callable[[Any], None], message: str
) -> None:
    with h5py.File("f.h5", "a") as file:
        del file.attrs["digest"]
        damage(file)

    answer = reidbench("evaluate", "f.h5", "-p", "ilids", "--data-root", str(small_root), "--output", "other")
    assert answer.code == 2
    (line,) = answer.err.strip().splitlines()
    assert message in line
    assert not Path("other").exists()


def test_a_gallery_of_junk_has_null_figures_and_a_note(reidbench: Run) -> None:
    one = example_search()
    junk = Items(features=one.gallery.features, pid=np.full(9, -1), camid=one.gallery.camid)
    write_searches(Path("f.h5"), SearchFile(searches=[Search(name="", query=one.query, gallery=junk)]))

    record = json.loads(reidbench("evaluate", "f.h5", "--json").out)
    assert record["figures"]["map"]["mean"] is None
    assert record["trials"][0]["queries_without_match"] == 3
    note = "3 of 3 queries have no match and are left out"
    assert note in reidbench("evaluate", "f.h5").out
    for form in ("table", "github", "csv", "json"):
        assert reidbench("leaderboard", "show", "--format", form).out.count(note) == 1


def write_empty_gallery() -> None:
    items = Items(features=np.empty((0, 4)), pid=np.empty(0, int), camid=np.empty(0, int))
    write_searches(Path("bad.h5"), SearchFile(searches=[example_search(gallery=items)]))


def truncate_file() -> None:
    write_searches(Path("bad.h5"), SearchFile(searches=[example_search()]))
    data = Path("bad.h5").read_bytes()
    Path("bad.h5").write_bytes(data[: len(data) // 2])


def change_features() -> None:
    write_searches(Path("bad.h5"), SearchFile(searches=[example_search()]))
    with h5py.File("bad.h5", "a") as file:
        file["gallery/features"][3] += 1e-3


def write_other_dimensions() -> None:
    query = example_search().query
    items = Items(features=query.features[:, :3], pid=query.pid, camid=query.camid)  # type: ignore[index]
    write_searches(Path("bad.h5"), SearchFile(searches=[example_search(query=items)]))


def write_text_labels() -> None:
    query = example_search().query
    items = Items(features=query.features, pid=np.array([b"a", b"b", b"c"]), camid=query.camid)
    write_searches(Path("bad.h5"), SearchFile(searches=[example_search(query=items)]))


def write_distractor_query() -> None:
    query = example_search().query
    items = Items(features=query.features, pid=np.array([1, 0, 3]), camid=query.camid)
    write_searches(Path("bad.h5"), SearchFile(searches=[example_search(query=items)]))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (write_distractor_query, "features bad.h5: query_pids: row 1 is 0"),
        (write_empty_gallery, "bad.h5: gallery/pid is empty"),
        (truncate_file, "cannot read features bad.h5: "),
        (change_features, "bad.h5 are damaged: their contents do not match their digest"),
        (write_other_dimensions, "features bad.h5: query_features has 3 dimensions"),
        (write_text_labels, "bad.h5: query/pid row 0 must be an integer or a string of digits, got 'a'"),
    ],
)
def test_bad_files_exit_2_in_one_line_and_write_nothing(
    reidbench: Run, write: Callable[[], None], message: str
) -> None:
    write()

    for options in ((), ("--rerank",), ("--conventions",)):
        answer = reidbench("evaluate", "bad.h5", *options)
        assert answer.code == 2
        (line,) = answer.err.strip().splitlines()
        assert message in line
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("absent.h5",), "does not exist"),
        (("f.h5", "--synthetic"), "need a protocol; add -p"),
        (("f.h5", "-p", "ilids", "--data-root", "nowhere"), "dataset 'ilids-vid' not found at nowhere"),
        (("f.h5", "-p", "nonesuch"), "unknown protocol 'nonesuch'"),
    ],
)
def test_bad_usage_exits_2(reidbench: Run, arguments: tuple[str, ...], message: str) -> None:
    write_searches(Path("f.h5"), SearchFile(searches=[example_search()]))

    answer = reidbench("evaluate", *arguments)
    assert answer.code == 2
    assert message in " ".join(answer.err.split())
