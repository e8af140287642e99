from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reidbench.plugin import Plugins

from .conftest import Answer

Run = Callable[..., Answer]


def test_verify_is_exit_0_for_a_whole_tree_and_1_with_the_differences_for_another(
    reidbench: Run, small_root: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_root, tmp_path / "root")
    root = ("--data-root", str(tmp_path / "root"))
    assert reidbench("data", "verify", "ilids-vid", *root, "--deep").code == 0

    frame = sorted((tmp_path / "root/ilids-vid/i-LIDS-VID/sequences/cam2").rglob("*.png"))[3]
    frame.write_bytes(frame.read_bytes()[:100])
    assert reidbench("data", "verify", "ilids-vid", *root).code == 0
    answer = reidbench("data", "verify", "ilids-vid", *root, "--deep", "--json")
    assert answer.code == 1
    (facts,) = json.loads(answer.out)
    assert frame.name in facts["findings"][0]["what"]
    assert not facts["holds"]


def test_verify_says_where_it_looked(reidbench: Run) -> None:
    answer = reidbench("data", "verify", "mars", "--data-root", "nowhere")

    assert answer.code == 2
    assert "dataset 'mars' not found at nowhere/mars" in answer.err


@pytest.mark.parametrize("dataset", sorted(Plugins().datasets))
def test_every_dataset_has_a_reader_a_writer_and_says_how_it_is_obtained(
    reidbench: Run, dataset: str
) -> None:
    (facts,) = json.loads(reidbench("datasets", dataset, "--json").out)

    assert facts["synthetic"]
    assert facts["status"] in ("open", "restricted", "withdrawn")
    assert facts["access"]


@pytest.mark.parametrize("dataset", ["dukemtmc-reid", "dukemtmc-videoreid"])
def test_withdrawn_datasets_say_so(reidbench: Run, dataset: str) -> None:
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
def test_synthesize_refuses_what_the_layout_cannot_do(
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
