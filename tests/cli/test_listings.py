from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.calls import Answer

Run = Callable[..., Answer]


@pytest.mark.parametrize("command", ["methods", "protocols", "datasets", "plugins"])
def test_listing_prints_a_table_or_a_json_array(reidbench: Run, command: str) -> None:
    table, rows = reidbench(command), json.loads(reidbench(command, "--json").out)

    assert table.code == 0
    assert rows
    assert all(row["name"] in table.out for row in rows)


def test_method_page_lists_settings_and_presets(reidbench: Run) -> None:
    answer = reidbench("methods", "siamese-convgru", "--json")

    (facts,) = json.loads(answer.out)
    assert facts["default"] == "paper"
    assert "small" in facts["presets"]
    assert all(setting["help"] for setting in facts["settings"])
    assert "kernels" in reidbench("methods", "siamese-convgru").out


def test_protocol_page_lists_its_sources(reidbench: Run) -> None:
    (facts,) = json.loads(reidbench("protocols", "ilids", "--json").out)

    assert facts["trials"]["test_people"] == 150
    assert "ECCV 2014" in facts["sources"]["trials.count"]


def test_dataset_page_tells_how_to_obtain_it(reidbench: Run) -> None:
    assert "academic use" in reidbench("datasets", "ilids-vid").out


@pytest.mark.parametrize("command", ["methods", "protocols", "datasets"])
def test_unknown_name_exits_2(reidbench: Run, command: str) -> None:
    answer = reidbench(command, "nonesuch")

    assert answer.code == 2
    assert f"Run `reidbench {command}` to list all" in answer.err


def test_plugins_strict_exits_1_after_listing_all_plugins(reidbench: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise RuntimeError('boom')")

    answer = reidbench("plugins", "--strict", "--plugin", str(broken))

    assert answer.code == 1
    assert "boom" in answer.out
    assert "siamese-convgru" in answer.out
    assert reidbench("plugins", "--plugin", str(broken)).code == 0
    assert reidbench("plugins", "--strict").code == 0


def test_synthesized_tree_can_be_used_by_a_run(reidbench: Run, tmp_path: Path) -> None:
    answer = reidbench(
        "data", "synthesize", "ilids-vid", "--out", str(tmp_path / "root"), "--people", "4", "--frames", "3",
        "--seed", "55", "--masks", "--workers", "1",
    )  # fmt: skip

    assert answer.code == 0
    assert answer.out.strip() == str(tmp_path / "root/ilids-vid")
    assert (tmp_path / "root/ilids-vid/masks").is_dir()
    answer = reidbench(
        "run", "-m", "color-lbp", "-p", "ilids", "--trials", "1", "--data-root", str(tmp_path / "root")
    )
    assert answer.code == 0, answer.err


def test_synthesize_rejects_too_few_people(reidbench: Run, tmp_path: Path) -> None:
    answer = reidbench("data", "synthesize", "ilids-vid", "--out", str(tmp_path / "root"), "--people", "1")

    assert answer.code == 2
    assert "people" in answer.err
    assert not (tmp_path / "root").exists()


def test_leaderboard_ranks_complete_records_only(reidbench: Run, run_method: Run, finished_run: Path) -> None:
    run_method("color-lbp", "--preset", "color")
    run_method("color-lbp", "--set", "stripes=3", trials=1)

    board = json.loads(reidbench("leaderboard", "show", "--format", "json").out)
    assert {(row["method"], row["settings"]) for row in board} == {
        ("mean-color", "paper"),
        ("color-lbp", "color"),
    }
    assert board[0]["figures"]["rank1"]["mean"] >= board[1]["figures"]["rank1"]["mean"]
    markdown = reidbench("leaderboard", "show", "-p", "ilids", "--format", "github").out
    assert [markdown.count(f"| {name}") for name in ("color-lbp", "mean-color")] == [1, 1]
    assert "synthetic data" in markdown
    assert reidbench("leaderboard", "show", "--format", "csv").out.count("\n") == 3
    assert reidbench("leaderboard", "show", "-p", "demo").out == ""


def test_leaderboard_leaves_out_a_record_with_a_changed_side_file(reidbench: Run, finished_run: Path) -> None:
    side_file = finished_run.with_suffix(".per_query.csv")
    side_file.write_text(side_file.read_text().replace("1", "2"))

    answer = reidbench("leaderboard", "show")

    assert answer.code == 0
    assert "mean-color" not in answer.out
    warning = answer.err.splitlines()[0]
    assert warning.startswith("WARNING: left out: ")
    assert "do not have the digest" in warning


def test_record_names_are_escaped_in_markdown(reidbench: Run, finished_run: Path) -> None:
    record = json.loads(finished_run.read_text())
    record["method"] = "<script>alert(1)</script>|[x](y)"
    finished_run.write_text(json.dumps(record))

    markdown = reidbench("leaderboard", "show", "--format", "github").out

    assert "<script>" not in markdown
    assert "|[x]" not in markdown
