from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Answer

Run = Callable[..., Answer]


@pytest.mark.parametrize("command", ["methods", "protocols", "datasets", "plugins"])
def test_a_listing_is_a_table_for_people_and_an_array_for_programs(reidbench: Run, command: str) -> None:
    table, listed = reidbench(command), json.loads(reidbench(command, "--json").out)

    assert table.code == 0
    assert listed
    assert all(row["name"] in table.out for row in listed)


def test_one_method_is_shown_with_all_settings_and_presets(reidbench: Run) -> None:
    answer = reidbench("methods", "siamese-convgru", "--json")

    (facts,) = json.loads(answer.out)
    assert facts["default"] == "paper"
    assert "small" in facts["presets"]
    assert all(setting["help"] for setting in facts["settings"])
    assert "kernels" in reidbench("methods", "siamese-convgru").out


def test_one_protocol_is_shown_with_its_sources(reidbench: Run) -> None:
    (facts,) = json.loads(reidbench("protocols", "ilids", "--json").out)

    assert facts["trials"]["test_people"] == 150
    assert "ECCV 2014" in facts["sources"]["trials.count"]


def test_one_dataset_is_shown_with_how_it_is_obtained(reidbench: Run) -> None:
    assert "academic use" in reidbench("datasets", "ilids-vid").out


@pytest.mark.parametrize("command", ["methods", "protocols", "datasets"])
def test_an_unknown_name_is_exit_2(reidbench: Run, command: str) -> None:
    answer = reidbench(command, "nonesuch")

    assert answer.code == 2
    assert f"`reidbench {command}` lists all" in answer.err


def test_strict_is_exit_1_when_a_plugin_failed_and_the_others_are_still_listed(
    reidbench: Run, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise RuntimeError('boom')")

    answer = reidbench("plugins", "--strict", "--plugin", str(broken))

    assert answer.code == 1
    assert "boom" in answer.out
    assert "siamese-convgru" in answer.out
    assert reidbench("plugins", "--plugin", str(broken)).code == 0
    assert reidbench("plugins", "--strict").code == 0


def test_data_synthesize_writes_a_tree_that_a_run_can_read(reidbench: Run, tmp_path: Path) -> None:
    answer = reidbench(
        "data", "synthesize", "ilids-vid", "--out", str(tmp_path / "root"), "--people", "4", "--frames", "3",
        "--seed", "55", "--masks", "--workers", "1",
    )  # fmt: skip

    assert answer.code == 0
    assert answer.out.strip() == str(tmp_path / "root/ilids-vid")
    assert (tmp_path / "root/ilids-vid/masks").is_dir()
    assert reidbench("run", "-m", "color-lbp", "-p", "ilids", "--data-root", str(tmp_path / "root")).code == 0


def test_data_synthesize_refuses_impossible_sizes(reidbench: Run, tmp_path: Path) -> None:
    answer = reidbench("data", "synthesize", "ilids-vid", "--out", str(tmp_path / "root"), "--people", "1")

    assert answer.code == 2
    assert "people" in answer.err
    assert not (tmp_path / "root").exists()


def test_a_leaderboard_ranks_complete_records_and_leaves_partial_ones_out(
    reidbench: Run, small_root: Path
) -> None:
    root = ("--data-root", str(small_root))
    reidbench("run", "-m", "color-lbp", "-p", "ilids", *root)
    reidbench("run", "-m", "color-lbp", "-p", "ilids", "--preset", "hellinger", *root)
    reidbench("run", "-m", "color-lbp", "-p", "ilids", "--preset", "color", "--trials", "3", *root)

    board = json.loads(reidbench("leaderboard", "show", "--format", "json").out)
    assert {row["variant"] for row in board} == {"paper", "hellinger"}
    assert board[0]["figures"]["rank1"]["mean"] >= board[1]["figures"]["rank1"]["mean"]
    markdown = reidbench("leaderboard", "show", "-p", "ilids", "--format", "github").out
    assert markdown.count("| color-lbp") == 2
    assert "synthetic data" in markdown
    assert reidbench("leaderboard", "show", "--format", "csv").out.count("\n") == 3
    assert reidbench("leaderboard", "show", "-p", "demo").out == ""


def test_a_record_whose_side_file_was_changed_is_refused(
    reidbench: Run, small_root: Path, tmp_path: Path
) -> None:
    reidbench("run", "-m", "color-lbp", "-p", "ilids", "--data-root", str(small_root))
    (side,) = (tmp_path / "runs/records/ilids").glob("*.csv")
    side.write_text(side.read_text().replace("1", "2"))

    answer = reidbench("leaderboard", "show")

    assert answer.code == 2
    assert "digest differs" in answer.err


def test_names_from_records_are_escaped_in_markdown(reidbench: Run, small_root: Path, tmp_path: Path) -> None:
    reidbench("run", "-m", "color-lbp", "-p", "ilids", "--data-root", str(small_root))
    (file,) = (tmp_path / "runs/records/ilids").glob("*.json")
    record = json.loads(file.read_text())
    record["method"] = "<script>alert(1)</script>|[x](y)"
    file.write_text(json.dumps(record))

    shown = reidbench("leaderboard", "show", "--format", "github").out

    assert "<script>" not in shown
    assert "|[x]" not in shown
