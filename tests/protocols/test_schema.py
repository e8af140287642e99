from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from reidbench.datasets.digests import Digests
from reidbench.errors import ProtocolError
from reidbench.plugin.manager import Plugins
from reidbench.protocols import load_protocol
from reidbench.protocols.schema import parse_protocol

DATA, OTHER = Digests(labels="d"), Digests(labels="e")
ILIDS = tomllib.loads((files("reidbench_protocols") / "ilids.toml").read_text(encoding="utf-8"))


def with_change(path: str, value: Any) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(
        (files("reidbench_protocols") / "ilids.toml").read_text(encoding="utf-8")
    )
    *parents, last = path.split(".")
    inner = table
    for parent in parents:
        inner = inner.setdefault(parent, {})
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return table


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("trials.count", 0, "trials.count must be at least 1, got 0"),
        ("trials.count", "ten", "trials.count must be an integer, got 'ten'"),
        ("trials.count", True, "trials.count must be an integer, got True"),
        ("trials.people", None, "trials.people must be given together with trials.test_people"),
        ("trials.test_people", 300, r"trials.test_people must be in 1\.\.299, got 300"),
        (
            "conventions.tested_half",
            "third",
            "conventions.tested_half must be one of 'first', 'second', got 'third'",
        ),
        (
            "conventions.tested_half",
            None,
            "conventions.tested_half must be given together with trials.people",
        ),
        ("conventions.pooling", "mean", "query.pooled_from must be given together with conventions.pooling"),
        ("conventions.direction", None, "conventions.direction must be given together with query.camera"),
        ("gallery.camera", None, "gallery.camera must be given together with query.camera"),
        ("trials.splits", "drawn", "trials.splits must be one of 'official', 'seeded', got 'drawn'"),
        ("split_table", {}, "unknown key 'split_table'"),
        ("shots", "two", "shots must be one of 'all', 'single', got 'two'"),
        ("name", "y", "unknown key 'name'; a protocol has the name of its file"),
        (
            "trials.test_peopel",
            3,
            r"unknown key 'trials.test_peopel'; did you mean 'trials.test_people'\?; the keys are count",
        ),
        ("modalty", "image", r"unknown key 'modalty'; did you mean 'modality'\?; the keys are conventions"),
        ("conventions.xyz", "a", "unknown key 'conventions.xyz'; the keys are boxes, direction, pooling"),
        (
            "readings",
            {"direction": "both"},
            r"the table \[readings\] is now called \[conventions\]; rename it",
        ),
        (
            "conventions.direction",
            3,
            "conventions.direction must be one of 'forward', 'reverse', 'both', got 3",
        ),
        ("title", 3, "title must be text, got 3"),
        ("sources.gallery", 3, "sources.gallery must be text, got 3"),
        ("query.part", ["a"], r"query.part must be text, got \['a'\]"),
        ("synthetic", {"people": 3}, "key 'synthetic.seed' is missing"),
        (
            "train.synthetic",
            {"people": 3, "seed": 1},
            "train.dataset must be given together with train.synth",
        ),
        ("dataset", None, "key 'dataset' is missing"),
        ("query", 1, r"\[query\] must be a table, got 1"),
        ("frames.limit", 0, "frames.limit must be at least 1, got 0"),
        ("frames.limit", None, "frames.limit must be given"),
        ("unmatched", "forget", "unmatched must be one of 'exclude', 'miss', got 'forget'"),
    ],
)
def test_file_that_breaks_the_schema_is_an_error_with_key_and_value(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(ProtocolError, match=f"protocol 'x': {message}"):
        parse_protocol("x", with_change(path, value))


def test_fingerprint_depends_on_rules_and_not_on_prose() -> None:
    def fingerprint(path: str, value: Any) -> str:
        return parse_protocol("ilids", with_change(path, value)).fingerprint(DATA, evaluator="1")

    unchanged = fingerprint("version", 1)
    assert fingerprint("title", "other words") == unchanged
    assert fingerprint("sources", {"a": "b"}) == unchanged
    assert (
        len({unchanged, fingerprint("conventions.tested_half", "second"), fingerprint("frames.limit", 64)})
        == 3
    )
    assert parse_protocol("ilids", ILIDS).fingerprint(OTHER, evaluator="1") != unchanged
    assert parse_protocol("ilids", ILIDS).fingerprint(DATA, evaluator="2") != unchanged


def test_fingerprint_depends_on_labels_and_marker_and_not_on_contents() -> None:
    def fingerprint(tested: Digests, training: Digests | None = None) -> str:
        return parse_protocol("ilids", ILIDS).fingerprint(tested, training, evaluator="1")

    unchanged = fingerprint(DATA)
    assert fingerprint(replace(DATA, contents="c")) == unchanged
    others = [fingerprint(OTHER), fingerprint(replace(DATA, marker="m")), fingerprint(DATA, OTHER)]
    assert len({unchanged, *others}) == 4


def test_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("title = ")

    with pytest.raises(ProtocolError, match=r"cannot read protocol 'broken' .*broken\.toml"):
        load_protocol(tmp_path / "broken.toml")


@pytest.mark.parametrize(
    "text",
    [
        "title = " + "[" * 60_000,
        "[" + "a." * 30_000 + "a]",
        "version = " + "9" * 5000,
        "title = '\x1b[31m'",
        "title = '" + "x" * 100_000 + "'",
    ],
    ids=["nested", "dotted", "long-number", "control-character", "long-file"],
)
def test_hostile_toml_is_an_error_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "hostile.toml").write_text(text, encoding="utf-8")

    with pytest.raises(ProtocolError, match="protocol 'hostile'") as caught:
        load_protocol(tmp_path / "hostile.toml")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("trials.count", 10**9, "trials.count must be at most 10000, got 1000000000"),
        ("trials.people", 10**40, "trials.people must be at most 1000000, got 1000"),
        ("trials.seed", -1, "trials.seed must be at least 0, got -1"),
        (
            "query.camera",
            10**5000,
            "query.camera must be at most 2147483647, got a number of about 5,001 digits",
        ),
        ("frames.limit", 2**62, "frames.limit must be at most 1000000, got 46"),
        ("version", 2**70, "version must be "),
        ("unmatched", "x" * 5000, "unmatched must be one of .*, got 'x{76}...'"),
        ("x" * 5000, 1, "unknown key 'x{76}...'"),
        ("\x1b[31m", 1, r"unknown key '\\x1b\[31m'"),
        ("sources.gallery", [["a"] * 1000] * 1000, "sources.gallery must be text, got "),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else "",
)
def test_hostile_values_are_errors_with_at_most_80_characters(path: str, value: Any, message: str) -> None:
    with pytest.raises(ProtocolError, match=f"protocol 'x': {message}") as caught:
        parse_protocol("x", with_change(path, value))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_seeded_splits_need_a_seed() -> None:
    table = with_change("trials.splits", "seeded")
    del table["trials"]["seed"]

    with pytest.raises(ProtocolError, match=r"trials\.seed must be given"):
        parse_protocol("x", table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("1,2,3\n", "must have one line '# unit"),
        ("# unit: people\n1,2\n1,3\n", "must have rows that order the same people"),
        ("# unit: people\n1,1\n", "must have each person once per row"),
        ("# unit: people\n1,two\n", ": Expected `int`, got `str`"),
        ("# unit: people\n1," + "2" * 5000, ": Integer value out of range"),
        ("# unit: people\n1,-2\n", ": Expected `int` >= 0"),
        ("# unit: people\n" + "1," * 600_000 + "1", ": it has more than 1.05 MB"),
        (None, ": .*No such file"),
    ],
)
def test_damaged_split_table_is_an_error(tmp_path: Path, table: str | None, message: str) -> None:
    (tmp_path / "x.toml").write_text(
        (files("reidbench_protocols") / "ilids.toml").read_text(encoding="utf-8")
    )
    (tmp_path / "splits").mkdir()
    if table is not None:
        (tmp_path / "splits/ilids-vid.csv").write_text(table)

    with pytest.raises(
        ProtocolError, match=rf"protocol 'x': trials\.table 'splits/ilids-vid\.csv'.*{message}"
    ):
        load_protocol(tmp_path / "x.toml")


def test_split_table_outside_the_folder_is_an_error(tmp_path: Path) -> None:
    text = (files("reidbench_protocols") / "ilids.toml").read_text(encoding="utf-8")
    (tmp_path / "x.toml").write_text(text.replace("splits/ilids-vid.csv", "../ilids-vid.csv"))

    with pytest.raises(ProtocolError, match="must be a path inside the folder of the protocol file"):
        load_protocol(tmp_path / "x.toml")


def test_split_table_is_part_of_the_fingerprint() -> None:
    with_table = load_protocol(Plugins().protocol("ilids"))

    assert with_table.split_table is not None
    assert with_table.fingerprint(DATA, evaluator="1") != parse_protocol("ilids", ILIDS).fingerprint(
        DATA, evaluator="1"
    )


def test_unknown_convention_is_an_error() -> None:
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


def rules(table: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from rules(value, f"{path}{key}.")
        elif path and path not in ("sources.", "synthetic.") and key != "splits":
            yield f"{path}{key}"


@pytest.mark.parametrize("name", sorted(Plugins().protocols))
def test_every_rule_of_every_protocol_has_a_source(name: str) -> None:
    file = Plugins().protocol(name)
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    protocol = load_protocol(file)

    stated = set(protocol.sources)
    for rule in rules(table):
        # The source of frames.limit covers both sides.
        sides = ("frames.query", "frames.gallery")
        assert rule in stated or rule.split(".")[0] in stated or rule in sides or rule == "train.dataset", (
            rule
        )
    assert all(protocol.sources.values())
    assert stated <= {*rules(table), *table}, "a source without a rule"


@pytest.mark.parametrize("name", ["demo", "demo-image"])
def test_protocols_without_files_render_masks(name: str) -> None:
    rule = load_protocol(Plugins().protocol(name)).synthetic

    assert rule is not None
    assert rule.settings()["masks"] is True


def test_masks_are_off_by_default() -> None:
    rule = parse_protocol("x", with_change("synthetic", {"people": 300, "seed": 1})).synthetic

    assert rule is not None
    assert not rule.masks
    with pytest.raises(ProtocolError, match=r"synthetic\.masks must be true or false, got 1"):
        parse_protocol("x", with_change("synthetic", {"people": 300, "seed": 1, "masks": 1}))
