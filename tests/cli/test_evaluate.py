"""`reidbench evaluate` on feature files without a protocol."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from reidbench import evaluate as evaluate_features
from reidbench.features import Items, Search, SearchFile, write_searches
from tests.calls import Answer

from .example_searches import example_search

Run = Callable[..., Answer]


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


def test_reranking_is_transductive_and_needs_features(reidbench: Run) -> None:
    write_searches(Path("f.h5"), SearchFile(searches=[example_search()]))
    write_searches(Path("d.h5"), SearchFile(searches=[example_search(distances=np.ones((3, 9)))]))

    assert json.loads(reidbench("evaluate", "f.h5", "--rerank", "--json").out)["transductive"]
    answer = reidbench("evaluate", "d.h5", "--rerank")
    assert answer.code == 2
    assert "cannot re-rank features d.h5: the file has distances between query and gallery only" in answer.err


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
