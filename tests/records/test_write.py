from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reidbench.records import Record, read_record, write_record

SAMPLE = next((Path(__file__).parent.parent / "data/records/v2").glob("*.json"))


@pytest.fixture
def record() -> Record:
    return read_record(SAMPLE)


def change_rank1(record: Record, mean: float) -> Record:
    return replace(record, figures={**record.figures, "rank1": replace(record.figures["rank1"], mean=mean)})


def test_same_figures_replace_the_record(record: Record, tmp_path: Path) -> None:
    _, first = write_record(record, "a", tmp_path)
    again, second = write_record(
        replace(record, cached=replace(record.cached, embed=not record.cached.embed)), "a", tmp_path
    )

    assert first == second
    assert read_record(second) == again


def test_figures_that_differ_in_the_last_digits_replace_the_record(record: Record, tmp_path: Path) -> None:
    _, first = write_record(record, "a", tmp_path)
    mean = record.figures["rank1"].mean
    assert mean is not None

    _, second = write_record(change_rank1(record, mean + 1e-15), "a", tmp_path)

    assert first == second


def test_other_figures_are_written_next_to_the_record(
    record: Record, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, first = write_record(record, "a", tmp_path)
    paths = []
    for mean in (0.123, 0.456, 0.123):
        other, path = write_record(change_rank1(record, mean), f"{mean}", tmp_path)
        paths.append(path)
        assert other.per_query is not None
        assert other.per_query.file == f"{path.stem}.per_query.csv"
        assert path.with_name(other.per_query.file).read_text() == f"{mean}"
        assert read_record(path) == other

    names = [f"{record.stem}.{number}.json" for number in (2, 3, 2)]
    assert [path.name for path in paths] == names
    assert read_record(first) == record
    assert first.with_name(f"{record.stem}.per_query.csv").read_text() == "a"
    assert len(caplog.messages) == 3
    for message, path in zip(caplog.messages, paths, strict=True):
        assert str(path) in message
        assert first.name in message


def test_damaged_record_is_replaced(record: Record, tmp_path: Path) -> None:
    _, first = write_record(record, "a", tmp_path)
    first.write_text("{")

    _, second = write_record(change_rank1(record, 0.123), "b", tmp_path)

    assert first == second
