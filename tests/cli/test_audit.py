"""`reidbench data audit` and runs of audits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.ilids_vid import LAYOUT
from reidbench.plugin.manager import Plugins
from reidbench.plugin.specs import is_audit

from .conftest import Answer
from .single_file_plugins import MEAN_COLOR, write_plugin

Run = Callable[..., Answer]
NEEDS_MASKS = {"background", "colour-histogram-person", "color-lbp-person", "silhouette"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a tree with masks: 8 people, 3 frames per tracklet."""
    root = tmp_path_factory.mktemp("root")
    LAYOUT.synthesize(
        root, SyntheticSettings(people=8, frames=3, seed=5, masks=True), workers=1, progress=False
    )
    return root


def test_report_has_every_audit_with_interval_and_chance(reidbench: Run, root: Path) -> None:
    answer = reidbench("data", "audit", "ilids", "--data-root", str(root), "--json")

    assert answer.code == 0, answer.err
    report = json.loads(answer.out)
    audits = {name.removeprefix("audit-") for name in Plugins().methods if is_audit(name)}

    assert {row["audit"] for row in report["audits"]} == audits
    assert (report["protocol"], report["dataset"], report["synthetic"]) == ("ilids", "ilids-vid", True)
    assert (report["trials"], report["left_out"]) == (10, {})
    for row in report["audits"]:
        assert row["rank1"]["low"] <= row["rank1"]["mean"] <= row["rank1"]["high"]
        assert row["chance"] == 0.25
        assert row["times_chance"] == pytest.approx(4 * row["rank1"]["mean"])
    assert report["conclusions"]


def test_row_equals_the_record_of_a_run(reidbench: Run, root: Path) -> None:
    report = json.loads(reidbench("data", "audit", "ilids", "--data-root", str(root), "--json").out)

    for name in ("colour-boxes", "silhouette", "track-length", "gait-shuffled", "near-duplicates"):
        answer = reidbench("run", "-m", f"audit-{name}", "-p", "ilids", "--data-root", str(root), "--json")

        figures = json.loads(answer.out)["figures"]
        (row,) = (row for row in report["audits"] if row["audit"] == name)
        assert row["rank1"]["mean"] == pytest.approx(figures["rank1"]["mean"])
        assert row["map"]["mean"] == pytest.approx(figures["map"]["mean"])


def test_folder_dataset_and_protocol_give_one_report(
    reidbench: Run, small_root: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "audit.png"
    one = reidbench("data", "audit", "ilids-vid", "--data-root", str(small_root), "--picture", str(picture))
    other = reidbench("data", "audit", "ilids", "--data", str(small_root / "ilids-vid"))

    assert (one.code, other.code) == (0, 0)
    assert one.out == other.out
    assert one.out.splitlines()[0] == ("ilids: audits of ilids-vid; 10 trials of 6 queries; synthetic data")
    # The tree has no masks.
    assert {
        name for name in NEEDS_MASKS if f"Left out: {name}: the frames have no masks" in one.out
    } == NEEDS_MASKS
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "unknown protocol or dataset 'nothing'"),
        (("demo", "--data", "there"), "--data there has no effect: protocol 'demo' renders its own data"),
        (("mars", "--data", "there", "--synthetic"), "--data there cannot be combined with"),
        (("mars", "--data", "there"), "dataset 'mars' not found at there"),
        (("mars-to-ilids", "--data", "there"), "--data there cannot replace the two datasets"),
        (("demo", "--picture", "a.gif"), "--picture must end in .png, .pdf, .svg, got a.gif"),
    ],
)
def test_impossible_audit_exits_2(reidbench: Run, arguments: tuple[str, ...], message: str) -> None:
    answer = reidbench("data", "audit", *arguments)

    assert answer.code == 2
    (line,) = answer.err.splitlines()
    assert message in line


def test_run_of_an_audit_of_masks_without_masks_exits_2(reidbench: Run, small_root: Path) -> None:
    answer = reidbench("run", "-m", "audit-silhouette", "-p", "ilids", "--data-root", str(small_root))

    assert answer.code == 2
    assert "the frames have no masks; only rendered trees can have them" in answer.err


def test_audit_of_hidden_facts_cannot_be_isolated(reidbench: Run) -> None:
    answer = reidbench("run", "-m", "audit-names", "-p", "demo", "--isolate")

    assert answer.code == 2
    assert "--isolate cannot be combined with 'audit-names'" in answer.err


def test_plugin_of_another_origin_cannot_offer_an_audit(reidbench: Run, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "audit-mine", MEAN_COLOR)

    answer = reidbench("run", "-m", "audit-mine", "-p", "demo", "--plugin", str(plugin))

    assert answer.code in (2, 3)
    assert "must not start with 'audit-': only reidbench itself offers audits" in answer.err


def test_other_method_cannot_read_hidden_facts(reidbench: Run, tmp_path: Path, small_root: Path) -> None:
    command = ("run", "-p", "ilids", "--data-root", str(small_root), "--trials", "1")
    reader = write_plugin(tmp_path, "reads", "return tracklets[0].facts.length")
    declaring = write_plugin(tmp_path, "declares", MEAN_COLOR, further="uses_hidden_facts = True")

    for name, plugin, message in (
        ("reads", reader, "only the audits of reidbench, with uses_hidden_facts"),
        ("declares", declaring, "uses_hidden_facts must be false, got true"),
    ):
        answer = reidbench(*command, "-m", name, "--plugin", str(plugin))
        assert answer.code == 3
        assert message in answer.err
