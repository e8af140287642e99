from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from reidbench import evaluate as evaluate_features
from reidbench.features import Items, Search, SearchFile, read_searches, write_searches

from .conftest import Answer
from .single_file_plugins import CITY_BLOCK, write_plugin

Run = Callable[..., Answer]


@pytest.fixture
def saved(reidbench: Run, small_root: Path, tmp_path: Path) -> dict[str, Any]:
    """A run of mean colours on the small iLIDS-VID tree: its record, and its features in f.h5."""
    plugin = write_plugin(tmp_path, "mean-color")
    answer = reidbench(
        "run", "-m", "mean-color", "-p", "ilids", "--data-root", str(small_root), "--plugin", str(plugin), "--json",
        "--save-features", "f.h5",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    record: dict[str, Any] = json.loads(answer.out)
    return record


def made_up(**changes: Any) -> Search:
    """Features with junk, distractors and the queries in the gallery, as MARS has them."""
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


def test_distances_of_a_method_of_its_own_are_saved_and_used(
    reidbench: Run, small_root: Path, tmp_path: Path
) -> None:
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


def test_without_a_protocol_the_labels_of_the_file_are_taken(reidbench: Run) -> None:
    one = made_up()
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


def test_the_conventions_are_printed_side_by_side(reidbench: Run) -> None:
    write_searches(Path("f.h5"), SearchFile(searches=[made_up()]))

    answer = reidbench("evaluate", "f.h5", "--conventions")
    assert answer.code == 0, answer.err
    assert "torchreid" in answer.out
    record = json.loads(reidbench("evaluate", "f.h5", "--conventions", "--json").out)
    galleries = {row["gallery"] for row in record["convention_figures"][0]}
    assert galleries == {"given", "queries-removed", "junk-kept", "distractors-dropped"}


def test_reranking_is_marked_and_needs_features(reidbench: Run) -> None:
    write_searches(Path("f.h5"), SearchFile(searches=[made_up()]))
    write_searches(Path("d.h5"), SearchFile(searches=[made_up(distances=np.ones((3, 9)))]))

    assert json.loads(reidbench("evaluate", "f.h5", "--rerank", "--json").out)["transductive"]
    answer = reidbench("evaluate", "d.h5", "--rerank")
    assert answer.code == 2
    assert "hold distances; re-ranking needs those between all items" in answer.err


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


def change(name: str, value: Any) -> Callable[[Any], None]:
    def apply(file: Any) -> None:
        file["trial_03"][name][0] = value

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
        (change("gallery/features", np.nan), "gallery features: row 0, column 0 is nan"),
        (change("query/pid", 0), "trial 3, query: person 0 must have 0 tracklets, got 1"),
    ],
)
def test_features_that_are_not_those_of_the_protocol_are_refused_and_nothing_is_written(
    reidbench: Run, small_root: Path, saved: dict[str, Any], damage: Callable[[Any], None], message: str
) -> None:
    with h5py.File("f.h5", "a") as file:
        del file.attrs["digest"]
        damage(file)

    answer = reidbench(
        "evaluate", "f.h5", "-p", "ilids", "--data-root", str(small_root), "--output", "elsewhere"
    )
    assert answer.code == 2
    (line,) = answer.err.strip().splitlines()
    assert message in line
    assert not Path("elsewhere").exists()


def test_a_gallery_of_junk_only_has_no_figures_and_says_so(reidbench: Run) -> None:
    one = made_up()
    junk = Items(features=one.gallery.features, pid=np.full(9, -1), camid=one.gallery.camid)
    write_searches(Path("f.h5"), SearchFile(searches=[Search(name="", query=one.query, gallery=junk)]))

    record = json.loads(reidbench("evaluate", "f.h5", "--json").out)
    assert record["figures"]["map"]["mean"] is None
    assert record["trials"][0]["queries_without_match"] == 3


def empty_gallery() -> None:
    items = Items(features=np.empty((0, 4)), pid=np.empty(0, int), camid=np.empty(0, int))
    write_searches(Path("bad.h5"), SearchFile(searches=[made_up(gallery=items)]))


def corrupt_file() -> None:
    write_searches(Path("bad.h5"), SearchFile(searches=[made_up()]))
    data = Path("bad.h5").read_bytes()
    Path("bad.h5").write_bytes(data[: len(data) // 2])


def changed_features() -> None:
    write_searches(Path("bad.h5"), SearchFile(searches=[made_up()]))
    with h5py.File("bad.h5", "a") as file:
        file["gallery/features"][3] += 1e-3


def other_dimensions() -> None:
    query = made_up().query
    items = Items(features=query.features[:, :3], pid=query.pid, camid=query.camid)  # type: ignore[index]
    write_searches(Path("bad.h5"), SearchFile(searches=[made_up(query=items)]))


def labels_as_words() -> None:
    query = made_up().query
    items = Items(features=query.features, pid=np.array([b"a", b"b", b"c"]), camid=query.camid)
    write_searches(Path("bad.h5"), SearchFile(searches=[made_up(query=items)]))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (empty_gallery, "bad.h5: gallery/pid is empty"),
        (corrupt_file, "cannot read features bad.h5: "),
        (changed_features, "bad.h5 are damaged: their contents do not match their digest"),
        (other_dimensions, "3 dimensions"),
        (labels_as_words, "bad.h5: query/pid row 0 must be an integer or a string of digits, got 'a'"),
    ],
)
def test_bad_files_are_exit_2_in_one_line_and_write_nothing(
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
def test_bad_usage_is_exit_2(reidbench: Run, arguments: tuple[str, ...], message: str) -> None:
    write_searches(Path("f.h5"), SearchFile(searches=[made_up()]))

    answer = reidbench("evaluate", *arguments)
    assert answer.code == 2
    assert message in " ".join(answer.err.split())
