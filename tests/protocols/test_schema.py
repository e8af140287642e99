from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from reidbench.errors import ProtocolError
from reidbench.plugin import Plugins
from reidbench.protocols import load_protocol
from reidbench.protocols.schema import parse_protocol

ILIDS = tomllib.loads((files("reidbench_protocols") / "ilids.toml").read_text(encoding="utf-8"))


def with_change(path: str, value: Any) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(
        (files("reidbench_protocols") / "ilids.toml").read_text(encoding="utf-8")
    )
    *parents, last = path.split(".")
    place = table
    for parent in parents:
        place = place.setdefault(parent, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return table


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("trials.count", 0, "trials.count must be at least 1, got 0"),
        ("trials.count", "ten", "trials.count must be of type int, got 'ten'"),
        ("trials.count", True, "trials.count must be of type int, got True"),
        ("trials.people", None, "trials.people must be given where trials divide people"),
        ("trials.test_people", 300, r"trials.test_people must be in 1\.\.299, got 300"),
        (
            "conventions.tested_half",
            "third",
            "conventions.tested_half must be one of 'first', 'second', got 'third'",
        ),
        ("conventions.tested_half", None, "conventions.tested_half belongs to protocols that divide"),
        ("conventions.pooling", "mean", "conventions.pooling belongs to protocols with query.pooled_from"),
        ("conventions.direction", None, "conventions.direction belongs to protocols with query.camera"),
        ("gallery.camera", None, "query.camera and gallery.camera must be given together"),
        ("trials.splits", "drawn", "trials.splits must be one of 'official', 'seeded', got 'drawn'"),
        ("split_table", {}, "unknown key 'split_table'"),
        ("shots", "two", "shots must be one of 'all', 'single', got 'two'"),
        ("trials.trails", 3, "unknown key 'trials.trails'; the keys are count"),
        ("dataset", None, "key 'dataset' is missing"),
        ("query", 1, r"\[query\] must be a table, got 1"),
        ("frames.limit", 0, "frames.limit must be at least 1, got 0"),
        ("frames.limit", None, "frames.limit must be given"),
        ("unmatched", "forget", "unmatched must be one of 'exclude', 'miss', got 'forget'"),
    ],
)
def test_a_file_that_breaks_the_schema_is_refused_with_key_and_value(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(ProtocolError, match=f"protocol 'x': {message}"):
        parse_protocol("x", with_change(path, value))


def test_the_fingerprint_follows_the_rules_and_not_the_prose() -> None:
    def fingerprint(path: str, value: Any) -> str:
        return parse_protocol("ilids", with_change(path, value)).fingerprint(dataset="d", evaluator="1")

    unchanged = fingerprint("version", 1)
    assert fingerprint("title", "other words") == unchanged
    assert fingerprint("sources", {"a": "b"}) == unchanged
    assert (
        len({unchanged, fingerprint("conventions.tested_half", "second"), fingerprint("frames.limit", 64)})
        == 3
    )
    assert parse_protocol("ilids", ILIDS).fingerprint(dataset="e", evaluator="1") != unchanged
    assert parse_protocol("ilids", ILIDS).fingerprint(dataset="d", evaluator="2") != unchanged


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("title = ")

    with pytest.raises(ProtocolError, match=r"protocol 'broken' .*cannot be read"):
        load_protocol(tmp_path / "broken.toml")


def test_a_seed_is_needed_where_divisions_are_drawn() -> None:
    table = with_change("trials.splits", "seeded")
    del table["trials"]["seed"]

    with pytest.raises(ProtocolError, match=r"trials\.seed must be given"):
        parse_protocol("x", table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("1,2,3\n", "must name its unit once"),
        ("# unit: people\n1,2\n1,3\n", "rows that order the same people"),
        ("# unit: people\n1,1\n", "names a person twice"),
        ("# unit: people\n1,two\n", "cannot be read: invalid literal"),
        (None, "cannot be read: .*No such file"),
    ],
)
def test_a_damaged_table_of_divisions_is_refused(tmp_path: Path, table: str | None, message: str) -> None:
    (tmp_path / "x.toml").write_text(
        (files("reidbench_protocols") / "ilids.toml").read_text(encoding="utf-8")
    )
    (tmp_path / "splits").mkdir()
    if table is not None:
        (tmp_path / "splits/ilids-vid.csv").write_text(table)

    with pytest.raises(
        ProtocolError, match=rf"protocol 'x': trials\.table 'splits/ilids-vid\.csv' .*{message}"
    ):
        load_protocol(tmp_path / "x.toml")


def test_a_table_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    text = (files("reidbench_protocols") / "ilids.toml").read_text(encoding="utf-8")
    (tmp_path / "x.toml").write_text(text.replace("splits/ilids-vid.csv", "../ilids-vid.csv"))

    with pytest.raises(ProtocolError, match="must lie in the folder of the protocol file, or below"):
        load_protocol(tmp_path / "x.toml")


def test_the_table_is_part_of_the_fingerprint() -> None:
    with_table = load_protocol(Plugins().protocol("ilids"))

    assert with_table.split_table is not None
    assert with_table.fingerprint(dataset="d", evaluator="1") != parse_protocol("ilids", ILIDS).fingerprint(
        dataset="d", evaluator="1"
    )


def test_readings_that_the_protocol_does_not_have_are_refused() -> None:
    ilids = parse_protocol("ilids", ILIDS)

    assert ilids.with_conventions({}) == ilids
    assert "tested_half = second" in ilids.with_conventions({"tested_half": "second"}).title
    with pytest.raises(
        ProtocolError, match="'ilids' has no convention 'pooling'; it has tested_half, direction"
    ):
        ilids.with_conventions({"pooling": "max"})
    with pytest.raises(
        ProtocolError, match=r"conventions\.tested_half must be one of 'first', 'second', got 'last'"
    ):
        ilids.with_conventions({"tested_half": "last"})


def leaves(table: dict[str, Any], place: str = "") -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{place}{key}.")
        elif place and place not in ("sources.", "synthetic.") and key != "splits":
            yield f"{place}{key}"


@pytest.mark.parametrize("name", sorted(Plugins().protocols))
def test_every_protocol_says_where_each_of_its_rules_comes_from(name: str) -> None:
    file = Plugins().protocol(name)
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    protocol = load_protocol(file)

    stated = set(protocol.sources)
    for rule in leaves(table):
        sides = ("frames.query", "frames.gallery")  # what frames.limit says, says it of both
        assert rule in stated or rule.split(".")[0] in stated or rule in sides or rule == "train.dataset", (
            rule
        )
    assert all(protocol.sources.values())
    assert stated <= {*leaves(table), *table}, "a source of a rule that is not there"


@pytest.mark.parametrize("name", ["demo", "demo-image"])
def test_protocols_that_need_no_files_render_masks(name: str) -> None:
    rule = load_protocol(Plugins().protocol(name)).synthetic

    assert rule is not None
    assert rule.settings()["masks"] is True


def test_a_rendered_tree_has_no_masks_unless_a_protocol_asks_for_them() -> None:
    rule = parse_protocol("x", with_change("synthetic", {"people": 300, "seed": 1})).synthetic

    assert rule is not None
    assert not rule.masks
    with pytest.raises(ProtocolError, match=r"synthetic\.masks must be of type bool, got 1"):
        parse_protocol("x", with_change("synthetic", {"people": 300, "seed": 1, "masks": 1}))
