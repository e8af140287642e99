from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reidbench.cli.output import print_listing
from reidbench.plugin.manager import Plugins
from tests.calls import Answer

Run = Callable[..., Answer]


@pytest.fixture
def copied_root(small_root: Path, tmp_path: Path) -> Path:
    return shutil.copytree(small_root, tmp_path / "root")


def frames(root: Path) -> list[Path]:
    return sorted((root / "ilids-vid/i-LIDS-VID/sequences/cam2").rglob("*.png"))


def test_verify_says_that_a_tree_is_rendered(reidbench: Run, copied_root: Path) -> None:
    command = ("data", "verify", "ilids-vid", "--data-root", "root")
    answer = reidbench(*command, "--deep", "--json")

    assert answer.code == 0
    (facts,) = json.loads(answer.out)
    assert facts["holds"]
    assert facts["synthetic"]
    assert (facts["marker"]["people"], facts["marker"]["seed"], facts["marker"]["files"]) == (12, 77, 169)
    assert "synthetic    yes" in reidbench(*command).out


@pytest.mark.parametrize("options", [(), ("--deep",)], ids=["plain", "deep"])
def test_verify_names_the_missing_file_of_a_rendered_tree(
    reidbench: Run, copied_root: Path, options: tuple[str, ...]
) -> None:
    frame = frames(copied_root)[3]
    frame.unlink()

    answer = reidbench("data", "verify", "ilids-vid", "--data-root", "root", "--json", *options)

    assert answer.code == 1
    (facts,) = json.loads(answer.out)
    path = frame.relative_to(copied_root / "ilids-vid").as_posix()
    assert facts["findings"][0]["what"] == f"1 missing file: {path}"
    assert not facts["holds"]


def test_verify_exits_1_for_a_truncated_frame(reidbench: Run, copied_root: Path) -> None:
    frame = frames(copied_root)[3]
    frame.write_bytes(frame.read_bytes()[:100])

    answer = reidbench("data", "verify", "ilids-vid", "--data-root", "root", "--deep", "--json")

    assert answer.code == 1
    (facts,) = json.loads(answer.out)
    assert [finding["where"] for finding in facts["findings"]] == ["files", "frames"]
    assert all(frame.name in finding["what"] for finding in facts["findings"])


def test_run_refuses_a_rendered_tree_with_a_changed_frame(reidbench: Run, copied_root: Path) -> None:
    frame = frames(copied_root)[3]
    before = frame.stat()
    frame.write_bytes(frame.read_bytes()[:-1] + b"x")
    os.utime(frame, ns=(before.st_atime_ns, before.st_mtime_ns))

    answer = reidbench("run", "-m", "color-lbp", "-p", "ilids", "--data-root", "root", "--trials", "1")

    assert answer.code == 2
    assert f"differs from its marker (1 changed: root/{frame.relative_to(copied_root)}); " in answer.err


def test_update_needs_deep(reidbench: Run, copied_root: Path) -> None:
    answer = reidbench("data", "verify", "ilids-vid", "--data-root", "root", "--update")

    assert answer.code == 2
    assert "--update needs --deep" in answer.err


def test_closed_pipe_is_not_a_failed_check() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        # A command that exits with 1 if a check fails, and needs little time to start.
        ended = subprocess.run(
            [sys.executable, "-m", "reidbench", "plugins", "--strict"],
            stdout=write_end, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(write_end)

    assert (ended.returncode, ended.stderr) == (141, "")


def test_table_shows_false_as_no(capsys: pytest.CaptureFixture[str]) -> None:
    print_listing([{"is_certain": False, "optional": True}], as_json=False)

    assert capsys.readouterr().out.split()[-2:] == ["no", "yes"]


def test_missing_dataset_is_named_with_its_path(reidbench: Run) -> None:
    answer = reidbench("data", "verify", "mars", "--data-root", "nowhere")

    assert answer.code == 2
    assert "dataset 'mars' not found at nowhere/mars" in answer.err


@pytest.mark.parametrize("dataset", sorted(Plugins().datasets))
def test_every_dataset_has_a_reader_a_writer_and_its_source(reidbench: Run, dataset: str) -> None:
    (facts,) = json.loads(reidbench("datasets", dataset, "--json").out)

    assert facts["synthetic"]
    assert facts["status"] in ("open", "restricted", "withdrawn")
    assert facts["access"]


@pytest.mark.parametrize("dataset", ["dukemtmc-reid", "dukemtmc-videoreid"])
def test_withdrawn_datasets_are_described_as_such(reidbench: Run, dataset: str) -> None:
    assert "withdrawn by Duke University in June 2019" in reidbench("datasets", dataset).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("market1501", "--frames", "3"), "layout 'market1501' has still images: leave out frames"),
        (("ilids-vid", "--people", "3", "--labels", "."), "cannot combine people with labels"),
        (("viper", "--labels", "."), "layout 'viper' does not support labels"),
        (("mars", "--labels", "."), "cannot read label file"),
        (("nonesuch",), "unknown dataset 'nonesuch'"),
    ],
)
def test_synthesize_reports_impossible_settings(
    reidbench: Run, arguments: tuple[str, ...], message: str
) -> None:
    answer = reidbench("data", "synthesize", *arguments, "--out", "root")

    assert answer.code == 2
    assert message in answer.err
    assert not Path("root").exists()


def test_extract_writes_the_images_of_cuhk03_once(reidbench: Run, tmp_path: Path) -> None:
    reidbench("data", "synthesize", "cuhk03", "--out", "root", "--people", "4", "--workers", "1")
    for folder in (tmp_path / "root/cuhk03").glob("images_*"):
        shutil.rmtree(folder)
    run = ("run", "-m", "color-lbp", "-p", "cuhk03-detected", "--data-root", "root")
    assert "`reidbench data extract cuhk03`" in reidbench(*run).err

    answer = reidbench("data", "extract", "cuhk03", "--data-root", "root")
    assert answer.code == 0, answer.err
    assert int(answer.out.split()[0]) > 0
    assert reidbench("data", "extract", "cuhk03", "--data-root", "root").out.startswith("0 images")
    assert reidbench(*run).code == 0
