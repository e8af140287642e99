from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reidbench.errors import RecordError
from reidbench.evaluation import summarize_seeds
from reidbench.records import SCHEMA, Record, read_record, read_records

SAMPLES = Path(__file__).parent.parent / "data/records"
ALL = sorted(SAMPLES.glob("*/*.json"))
V1 = sorted((SAMPLES / "v1").glob("*.json"))
V2 = sorted((SAMPLES / "v2").glob("*.json"))


def test_samples_of_both_schemas_exist() -> None:
    assert V1
    assert V2


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}/{path.name[:24]}")
def test_record_survives_conversion_to_json_and_back(path: Path) -> None:
    record = read_record(path)

    assert record.schema == SCHEMA
    assert Record.from_json(record.to_json()) == record
    assert json.loads(record.to_json()) == record.to_plain()


@pytest.mark.parametrize("path", V2, ids=lambda path: path.name[:24])
def test_schema_2_file_keeps_every_value(path: Path) -> None:
    assert read_record(path).to_plain() == json.loads(path.read_text())


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}/{path.name[:24]}")
def test_figures_follow_from_the_per_query_values(path: Path) -> None:
    record = read_record(path)

    summaries = summarize_seeds(record.read_scores(path))

    for name, figure in record.figures.items():
        for part in ("mean", "std", "low", "high", "std_seeds"):
            value, expected = getattr(figure, part), getattr(summaries[name], part)
            assert value == (None if expected is None else pytest.approx(expected, abs=1e-12)), (name, part)


@pytest.mark.parametrize("path", V1, ids=lambda path: path.name[:24])
def test_schema_1_fields_have_their_new_names(path: Path) -> None:
    old, record = json.loads(path.read_text()), read_record(path)

    assert record.settings == old["variant"]
    assert record.seeds == (old["seed"],)
    assert [trial.queries for trial in record.trials] == [trial["queries"] for trial in old["trials"]]
    assert [trial.trial for trial in record.trials] == list(range(len(old["trials"])))
    assert record.unmatched == "exclude"
    assert record.tested_on.digests.labels == old["fingerprints"]["dataset"]
    assert [source.dataset for source in record.trained_on] == (
        [old["trained_on"]["dataset"]] if "trained_on" in old else []
    )
    assert (record.cmc, record.training, record.source) == ((), (), None)


def edit(path: Path, **changes: Any) -> str:
    return json.dumps({**json.loads(path.read_text()), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": 3}, r"Expected `str`, got `int` - at `\$\.method`"),
        ({"trials": [{"trial": 0}]}, r"missing required field `seed` - at `\$\.trials\[0\]`"),
        ({"figures": {"rank1": 0.5}}, r"at `\$\.figures\[\.\.\.\]`"),
        ({"unmatched": "drop"}, r"Invalid enum value 'drop' - at `\$\.unmatched`"),
        ({"tar_at_far": {"a": 1.0}}, r"matching regex .* - at `key` in `\$\.tar_at_far`"),
        ({"schema": 3}, "this release reads schemas 1 and 2, got 3"),
    ],
    ids=["method", "trials", "figures", "unmatched", "tar_at_far", "schema"],
)
def test_invalid_field_raises_an_error_that_names_it(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError, match=f"cannot read record x: .*{message}"):
        Record.from_json(edit(V2[0], **changes), origin="record x")


@pytest.mark.parametrize("far", [0.0, 1e-7, 0.001, 1 / 3, 0.1, 1.5e-5, 1.0])
def test_names_of_accept_rates_are_valid(far: float) -> None:
    record = Record.from_json(edit(V2[0], tar_at_far={f"{far:g}": 0.5}), origin="record x")
    assert record.tar_at_far == {f"{far:g}": 0.5}


def test_changed_side_file_is_rejected(tmp_path: Path) -> None:
    path = copy_sample(V2[0], tmp_path)
    record = read_record(path)
    assert record.per_query is not None
    side = path.with_name(record.per_query.file)
    side.write_text(side.read_text() + "\n")

    with pytest.raises(RecordError, match="do not have the digest"):
        record.read_scores(path)


def test_side_file_of_other_trials_is_rejected(tmp_path: Path) -> None:
    path = copy_sample(V2[0], tmp_path)
    record = read_record(path)

    with pytest.raises(RecordError, match="do not fit the trials"):
        replace(record, trials=record.trials[:-1]).read_scores(path)


def test_unmatched_rule_of_the_record_is_used_for_its_scores(tmp_path: Path) -> None:
    path = copy_sample(V2[0], tmp_path)
    record = read_record(path)
    assert record.per_query is not None
    side = path.with_name(record.per_query.file)
    table = pd.read_csv(side)
    is_lost = table.index % 2 == 0
    table.loc[is_lost, ["matches", "first_match_rank"]] = 0
    table.loc[is_lost, ["ap", "ap_trapezoid", "inp"]] = float("nan")
    table.to_csv(side, index=False)
    digest = hashlib.sha256(side.read_bytes()).hexdigest()
    record = replace(record, per_query=replace(record.per_query, sha256=digest))

    (excluded, *_), *_ = record.read_scores(path)
    (missed, *_), *_ = replace(record, unmatched="miss").read_scores(path)

    assert missed.map == pytest.approx(excluded.map * (1 - is_lost.mean()), rel=0.2)
    assert missed.map < excluded.map


def test_read_records_filters_by_protocol(tmp_path: Path) -> None:
    for protocol in ("a", "b"):
        copy_sample(V2[0], tmp_path / "records" / protocol)

    assert len(read_records(tmp_path)) == 2
    assert [path.parent.name for path, _ in read_records(tmp_path, ["b"])] == ["b"]


def copy_sample(path: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file in (path, path.with_name(json.loads(path.read_text())["per_query"]["file"])):
        (folder / file.name).write_bytes(file.read_bytes())
    return folder / path.name


@pytest.mark.parametrize("path", V1, ids=lambda path: path.name[:24])
def test_record_without_the_mark_is_not_isolated(path: Path) -> None:
    assert "isolated" not in json.loads(path.read_text())
    assert read_record(path).isolated is False
