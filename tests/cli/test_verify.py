from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reidbench.features import SearchFile, read_searches, write_searches
from reidbench.records import derive_figures, read_record, scores_to_csv
from tests.calls import Answer

from .single_file_plugins import write_protocol

Run = Callable[..., Answer]


@pytest.fixture
def path(finished_run: Path) -> Path:
    """The record of a finished run; its features are in f.h5."""
    return finished_run


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


def test_untouched_record_is_verified_in_one_line(reidbench: Run, path: Path) -> None:
    answer = reidbench("verify", str(path))

    assert (answer.code, answer.err) == (0, "")
    assert answer.out == (
        f"record {path}: the figures of 10 trials with 60 queries follow from its per-query values\n"
    )


def test_edited_figure_is_listed(reidbench: Run, path: Path) -> None:
    edit(path, lambda record: record["figures"]["rank1"].update(mean=0.99, low=0.98))

    answer = reidbench("verify", str(path))

    assert answer.code == 1
    assert [line.split(" is ")[0] for line in answer.out.splitlines()] == [
        "figures.rank1.mean", "figures.rank1.low",
    ]  # fmt: skip


def test_edited_per_query_file_is_reported(reidbench: Run, path: Path) -> None:
    side = path.with_suffix(".per_query.csv")
    side.write_text(side.read_text().replace(",1,1,", ",2,1,", 1))

    answer = reidbench("verify", str(path))

    assert answer.code == 1
    assert "do not have the digest" in answer.out


def test_saved_features_give_the_per_query_values(reidbench: Run, path: Path) -> None:
    answer = reidbench("verify", str(path), "--features", "f.h5")

    assert answer.code == 0, answer.out + answer.err
    assert "follow from the features f.h5" in answer.out


def test_other_features_are_listed_by_query(reidbench: Run, path: Path) -> None:
    file = read_searches(Path("f.h5"))
    searches = [
        replace(search, query=replace(search.query, features=np.roll(search.query.features, 1, axis=0)))  # type: ignore[arg-type]
        for search in file.searches
    ]
    write_searches(Path("rolled.h5"), SearchFile(searches=searches, about=file.about))

    answer = reidbench("verify", str(path), "--features", "rolled.h5")

    assert answer.code == 1
    assert answer.out.startswith("seed 0, trial 0, query ")


def test_record_of_a_feature_file_is_verified_with_its_file_only(
    reidbench: Run, path: Path, small_root: Path, tmp_path: Path
) -> None:
    assert reidbench("evaluate", "f.h5", "--output", "other").code == 0
    (other,) = (tmp_path / "other" / "records").glob("*/*.json")
    assert reidbench("verify", str(other), "--features", "f.h5").code == 0
    Path("g.h5").write_bytes(Path("f.h5").read_bytes() + b" ")
    answer = reidbench("verify", str(other), "--features", "g.h5")
    assert (answer.code, answer.out.split(" ")[0]) == (1, "features.sha256")
    answer = reidbench("verify", str(other), "--data-root", str(small_root))
    assert answer.code == 2
    assert "verify it with --features" in answer.err


@pytest.fixture
def run_anew(reidbench: Run, path: Path, small_root: Path, tmp_path: Path) -> Callable[..., Answer]:
    """Verify the record by a new computation, with the plugin as it is now."""

    def run() -> Answer:
        plugin = next(tmp_path.glob("mean*.py"))
        return reidbench("verify", str(path), "--data-root", str(small_root), "--plugin", str(plugin))

    return run


def test_new_computation_is_equal(run_anew: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run_anew()

    assert answer.code == 0, answer.out + answer.err
    assert "are equal to those of a new computation within 1e-09" in answer.out


def test_new_computation_does_not_use_the_cache(
    run_anew: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The source of the method, which is part of the keys of the cache, stays as it was.
    def fail(*given: object) -> None:
        raise ValueError("was called")

    monkeypatch.setattr("reidbench.datasets.stream_frames", fail)

    answer = run_anew()

    assert answer.code == 3
    assert "was called" in answer.err


def change_values(path: Path, queries: int, *, trials: int = 10, **environment: str) -> None:
    """Put the match of the first queries of some trials last, with the figures that follow; edit the environment."""
    record = read_record(path)
    assert record.environment is not None
    rows = []
    for entry, scores in zip(record.trials, record.read_scores(path)[0], strict=True):
        table = scores.per_query.copy()
        last = scores.gallery
        table.loc[: (queries if entry.trial < trials else 0) - 1, ["first_match_rank", "ap", "inp", "ap_trapezoid"]] = [
            last, 1 / last, 1 / last, 0.5 / last,
        ]  # fmt: skip
        rows.append(
            (entry.seed, entry.trial, replace(scores, per_query=table.astype({"first_match_rank": int})))
        )
    side, derived = scores_to_csv(rows), derive_figures(rows)
    path.with_suffix(".per_query.csv").write_text(side)
    assert record.per_query is not None
    changed = replace(
        record,
        figures=derived.figures,
        trials=derived.trials,
        cmc=derived.cmc,
        per_query=replace(record.per_query, sha256=hashlib.sha256(side.encode()).hexdigest()),
        environment=replace(record.environment, **environment),  # type: ignore[arg-type]
    )
    path.write_text(changed.to_json())


def test_other_figures_of_the_same_machine_are_listed(
    reidbench: Run, path: Path, run_anew: Callable[..., Answer]
) -> None:
    change_values(path, 1)

    answer = run_anew()

    assert reidbench("verify", str(path)).code == 0
    assert answer.code == 1
    assert any(line.startswith("figures.map.mean is ") for line in answer.out.splitlines())
    assert any(line.startswith("seed 0, trial 0, query 0") for line in answer.out.splitlines())


def test_figures_of_another_machine_must_be_inside_the_interval(
    path: Path, run_anew: Callable[..., Answer]
) -> None:
    change_values(path, 1, trials=2, cpu="another model")

    answer = run_anew()

    assert answer.code == 0, answer.out + answer.err
    assert "inside the intervals of the record; other than in the record: cpu" in answer.out


def test_figures_outside_the_interval_are_listed(path: Path, run_anew: Callable[..., Answer]) -> None:
    change_values(path, 6, python="3.9.9")

    answer = run_anew()

    assert answer.code == 1
    assert "figures.map.mean of the new computation is " in answer.out, answer.out


def test_record_of_another_protocol_is_not_computed(path: Path, run_anew: Callable[..., Answer]) -> None:
    edit(path, lambda record: record["fingerprints"].update(protocol="0" * 64))

    answer = run_anew()

    assert answer.code == 1
    assert answer.out.startswith("fingerprints.protocol is ")


def test_settings_seeds_and_lengths_are_those_of_the_record(
    reidbench: Run, small_root: Path, tmp_path: Path
) -> None:
    data = ("--data-root", str(small_root))
    run = reidbench(
        "run", "-m", "color-lbp", "-p", "ilids", *data, "--set", "stripes=3", "--set", "lbp=false", "--trials", "2",
        "--lengths", "1,2", "--far", "0.1", "--rerank",
    )  # fmt: skip
    assert run.code == 0, run.err
    (path,) = (tmp_path / "runs" / "records" / "ilids").glob("*.json")

    answer = reidbench("verify", str(path), *data)

    assert answer.code == 0, answer.out + answer.err
    assert "are equal" in answer.out


def test_record_of_rendered_data_is_computed_anew(reidbench: Run, tmp_path: Path) -> None:
    protocol = str(write_protocol(tmp_path, "synthetic = { people = 12, frames = 2, seed = 3 }\n"))
    answer = reidbench("run", "-m", "color-lbp", "-p", "twelve", "--preset", "color", "--plugin", protocol)
    assert answer.code == 0, answer.err
    (path,) = (tmp_path / "runs/records/twelve").glob("*.json")

    answer = reidbench("verify", str(path), "--synthetic", "--plugin", protocol)
    assert answer.code == 0, answer.out + answer.err
    assert "are equal to those of a new computation" in answer.out

    change_values(path, 1, trials=1)
    assert reidbench("verify", str(path), "--synthetic", "--plugin", protocol).code == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--features", "f.h5", "--synthetic"), "--features cannot be combined"),
        (("--features", "missing.h5"), "does not exist"),
        (("--data-root", "nowhere", "--synthetic"), "cannot be combined"),
    ],
)
def test_bad_usage_ends_with_exit_code_2(
    reidbench: Run, path: Path, options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    plugin = str(next(tmp_path.glob("mean*.py")))

    answer = reidbench("verify", str(path), *options, "--plugin", plugin)

    assert answer.code == 2
    assert message in answer.err


def test_file_that_is_no_record_ends_with_exit_code_2(reidbench: Run, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")

    answer = reidbench("verify", "x.json")

    assert answer.code == 2
    assert answer.err.startswith("error: cannot read record x.json: ")
    assert len(answer.err.splitlines()) == 1
