from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.calls import Answer

from .single_file_plugins import write_plugin

Run = Callable[..., Answer]
SMALL = ("-m", "siamese-convgru", "--preset", "small", "--set", "epochs=0")


def list_written_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".log"]


def test_run_prints_a_table_and_writes_a_record_with_its_side_file(run_method: Run, tmp_path: Path) -> None:
    answer = run_method("color-lbp", trials=2)

    assert answer.code == 0
    assert "color-lbp" in answer.out
    assert "synthetic data" in answer.out
    assert "partial" in answer.out
    (record_file,) = (tmp_path / "runs/records/ilids").glob("*.json")
    record = json.loads(record_file.read_text())
    assert record_file.name == f"color-lbp-{record['fingerprints']['run']}.json"
    assert (record_file.parent / record["per_query"]["file"]).exists()


def test_json_output_is_one_record_per_line(reidbench: Run, small_root: Path) -> None:
    answer = reidbench(
        "run", "-m", "color-lbp", "-m", "siamese-convgru", "-p", "ilids", "--preset", "paper", "--dry-run", "--json",
        "--data-root", str(small_root), "--set", "stripes=3",
    )  # fmt: skip
    # Every method of the command must have the setting.
    assert answer.code == 2
    answer = reidbench(
        "run", "-m", "color-lbp", "-p", "ilids", "--data-root", str(small_root), "--trials", "1", "--json"
    )

    (line,) = answer.out.splitlines()
    record = json.loads(line)
    assert set(record["figures"]) == {"rank1", "rank5", "rank10", "rank20", "map", "map_trapezoid", "minp"}
    assert set(record["figures"]["rank1"]) == {"mean", "std", "low", "high", "std_seeds"}
    # A single trial has no standard deviation.
    assert record["figures"]["rank1"]["std"] is None
    assert record["trials"][0]["queries"] == 6
    assert record["trials"][0]["gallery"] == 6
    assert record["chance"]["rank1"] == pytest.approx(1 / 6)
    assert (record["synthetic"], record["partial"], record["transductive"]) == (True, True, False)
    assert set(record["seconds"]) == {"fit", "embed", "match", "total"}
    assert record["seed"] == 0


def test_repeated_run_reuses_the_cache_with_the_same_figures_and_times(
    reidbench: Run, small_root: Path
) -> None:
    command = ("run", *SMALL, "-p", "ilids", "--data-root", str(small_root), "--trials", "2", "--json")

    first, second, fresh = (json.loads(reidbench(*command, *more).out) for more in ((), (), ("--no-resume",)))

    assert first["cached"] == {"fit": False, "embed": False, "match": False}
    assert second["cached"] == {"fit": True, "embed": True, "match": True}
    assert fresh["cached"] == {"fit": False, "embed": False, "match": False}
    assert second["seconds"] == first["seconds"]
    for field in ("figures", "trials", "fingerprints", "per_query", "config", "environment"):
        assert first[field] == second[field] == fresh[field]


def test_fixed_methods_embed_once_for_all_trials(reidbench: Run, small_root: Path) -> None:
    from reidbench.cache import Cache

    reidbench("run", "-m", "color-lbp", "-p", "ilids", "--data-root", str(small_root))

    # One feature file per frame window.
    assert len(list((Cache().root / "features").iterdir())) == 2
    assert not (Cache().root / "fits").exists()


def test_distance_setting_reuses_fit_and_embeddings(reidbench: Run, small_root: Path) -> None:
    from reidbench.cache import Cache

    command = ("run", *SMALL, "-p", "ilids", "--data-root", str(small_root), "--trials", "1", "--json")
    plain = json.loads(reidbench(*command).out)
    learned = json.loads(reidbench(*command, "--set", "score=similarity").out)

    assert learned["cached"] == {"fit": True, "embed": True, "match": False}
    assert learned["fingerprints"]["fits"] == plain["fingerprints"]["fits"]
    assert learned["fingerprints"]["run"] != plain["fingerprints"]["run"]
    assert len(list((Cache().root / "fits").iterdir())) == 1


def test_seed_and_settings_change_the_run_fingerprint(reidbench: Run, small_root: Path) -> None:
    command = (
        "run",
        *SMALL,
        "-p",
        "ilids",
        "--data-root",
        str(small_root),
        "--trials",
        "1",
        "--dry-run",
        "--json",
    )

    rows = [
        json.loads(reidbench(*command, *more).out)[0]
        for more in ((), ("--seed", "1"), ("--set", "clip_len=3"))
    ]

    assert len({row["fingerprint"] for row in rows}) == 3
    assert {row["done"] for row in rows} == {0}


INVALID_USAGE = {
    "missing-dataset": (
        ["-m", "color-lbp", "-p", "ilids", "--data-root", "nowhere"],
        ["'ilids-vid'", "nowhere/ilids-vid", "--data-root", "--synthetic", "academic use"],
    ),
    "missing-weights": (
        ["-m", "siamese-convgru", "-p", "ilids", "--synthetic", "--set", "weights=gone.pth"],
        ["gone.pth", "weights"],
    ),
    "unknown-method": (
        ["-m", "siamese-convgr", "-p", "ilids"],
        ["Did you mean siamese-convgru", "reidbench methods"],
    ),
    "unknown-protocol": (["-m", "color-lbp", "-p", "ilid"], ["Did you mean ilids", "reidbench protocols"]),
    "unknown-preset": (
        ["-m", "color-lbp", "-p", "ilids", "--preset", "big"],
        ["unknown preset", "color-lbp"],
    ),
    "unknown-setting": (
        ["-m", "color-lbp", "-p", "ilids", "--set", "stripe=3"],
        ["'stripe'", "Did you mean stripes"],
    ),
    "out-of-range": (
        ["-m", "color-lbp", "-p", "ilids", "--set", "stripes=0"],
        ["stripes must be in [1, 64], got 0"],
    ),
    "wrong-type": (
        ["-m", "color-lbp", "-p", "ilids", "--set", "stripes=six"],
        ["stripes must be a whole number"],
    ),
    "not-a-setting": (["-m", "color-lbp", "-p", "ilids", "--set", "stripes"], ["'stripes'", "NAME=VALUE"]),
    "too-many-trials": (["-m", "color-lbp", "-p", "ilids", "--trials", "11"], ["[1, 10]", "got 11"]),
    "no-such-device": (["-m", "color-lbp", "-p", "demo", "--device", "cuda:99"], ["cuda:99"]),
    "not-a-device": (["-m", "color-lbp", "-p", "demo", "--device", "gpu"], ["auto, cpu, cuda", "'gpu'"]),
    "output-not-a-directory": (
        ["-m", "color-lbp", "-p", "demo", "--output", "/dev/null/runs"],
        ["--output /dev/null/runs", "/dev/null is not a writable directory"],
    ),
    "two-sources": (
        ["-m", "color-lbp", "-p", "ilids", "--synthetic", "--data-root", "x"],
        ["--data-root x", "--synthetic"],
    ),
    "data-for-demo": (
        ["-m", "color-lbp", "-p", "demo", "--data-root", "x"],
        ["--data-root x", "renders its own"],
    ),
}


@pytest.mark.parametrize(("arguments", "words"), INVALID_USAGE.values(), ids=INVALID_USAGE)
def test_invalid_usage_exits_2_with_one_line_and_no_file(
    reidbench: Run, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    answer = reidbench("run", *arguments)

    assert answer.code == 2
    assert answer.out == ""
    message = [line for line in answer.err.splitlines() if line.lower().startswith("error:")]
    assert len(message) == 1
    assert not [word for word in words if word not in message[0]]
    assert "Traceback" not in answer.err
    assert list_written_files(tmp_path) == []


@pytest.fixture
def root_copy(small_root: Path, tmp_path: Path) -> Path:
    """A copy of the small tree, free to be damaged."""
    root = tmp_path / "root"
    shutil.copytree(small_root, root)
    return root


def test_truncated_frame_is_named_and_no_record_is_written(
    reidbench: Run, root_copy: Path, tmp_path: Path
) -> None:
    frame = sorted((root_copy / "ilids-vid/i-LIDS-VID/sequences/cam2").rglob("*.png"))[-1]
    frame.write_bytes(frame.read_bytes()[:200])

    answer = reidbench("run", "-m", "color-lbp", "-p", "ilids", "--data-root", str(root_copy))

    assert answer.code == 2
    assert str(frame) in answer.err
    assert "Traceback" not in answer.err
    assert list_written_files(tmp_path / "runs") == []


def test_missing_camera_is_named(reidbench: Run, root_copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(root_copy / "ilids-vid/i-LIDS-VID/sequences/cam2")

    answer = reidbench("run", "-m", "color-lbp", "-p", "ilids", "--data-root", str(root_copy))

    assert answer.code == 2
    assert "cam2 is missing" in answer.err
    assert not (tmp_path / "runs").exists()


def test_failing_plugin_exits_3_with_its_traceback_in_the_log(run_method: Run, tmp_path: Path) -> None:
    answer = run_method(write_plugin(tmp_path, "failing", 'raise KeyError("an error in the plugin")'))

    assert answer.code == 3
    assert "method 'failing' failed in embed" in answer.err.splitlines()[-1]
    (log,) = (tmp_path / "runs/logs").glob("failing-*.log")
    assert "an error in the plugin" in log.read_text()
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("torch.full((len(tracklets), 4), float('nan'))", "must return finite embeddings"),
        ("torch.zeros(len(tracklets) + 1, 4)", "must embed"),
        ("torch.zeros(len(tracklets), 4, 2)", "must embed"),
        ("torch.zeros(len(tracklets), 4, dtype=torch.int64)", "must embed"),
    ],
    ids=["nan", "too-many", "three-axes", "integers"],
)
def test_invalid_embeddings_name_the_plugin(
    run_method: Run, tmp_path: Path, returned: str, words: str
) -> None:
    answer = run_method(write_plugin(tmp_path, "wrong", f"return Embeddings(values={returned})"))

    assert answer.code == 3
    assert "method 'wrong'" in answer.err
    assert words in answer.err


def test_help_and_listings_import_no_heavy_package(
    in_subprocess: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    for command in ("--help", "methods", "protocols", "datasets", "plugins"):
        code = (
            "import sys; sys.argv = ['reidbench', *sys.argv[1:]]\n"
            f"sys.argv = ['reidbench', '{command}']\n"
            "from reidbench.cli import main\n"
            "try: main()\n"
            "except SystemExit: pass\n"
            "print('HEAVY', sorted({'torch', 'pandas', 'h5py', 'cv2', 'scipy', 'skimage', 'numpy'} & set(sys.modules)))"
        )
        assert "HEAVY []" in in_subprocess(code).stdout, command
