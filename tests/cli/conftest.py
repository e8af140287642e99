from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.viper import LAYOUT as VIPER
from tests.calls import Answer, call_main, run_command

from .single_file_plugins import choose_method, write_plugin


@pytest.fixture
def reidbench(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[..., Answer]:
    """Run `reidbench` in this process in an empty directory, through the `main` of the console script."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Answer:
        code = call_main(arguments)
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def two_datasets(tmp_path_factory: pytest.TempPathFactory, small_root: Path) -> Path:
    """A read-only data root with small rendered trees of iLIDS-VID and VIPeR."""
    root = tmp_path_factory.mktemp("root")
    (root / "ilids-vid").symlink_to(small_root / "ilids-vid")
    VIPER.synthesize(root, SyntheticSettings(people=12, seed=3), workers=1, progress=False)
    return root


@pytest.fixture
def run_method(reidbench: Callable[..., Answer], small_root: Path) -> Callable[..., Answer]:
    """Run a method, given by its name or its plugin file, on the small tree of iLIDS-VID."""

    def run(
        method: str | Path,
        *options: str,
        trials: int | None = None,
        protocol: str = "ilids",
        root: Path = small_root,
    ) -> Answer:
        given = [*choose_method(method), "-p", protocol, "--data-root", str(root)]
        if trials is not None:
            given += ["--trials", str(trials)]
        return reidbench("run", *given, *options)

    return run


@pytest.fixture
def record_method(run_method: Callable[..., Answer]) -> Callable[..., dict[str, Any]]:
    """Run a method as `run_method` does, and return its record."""

    def run(method: str | Path, *options: str, **data: Any) -> dict[str, Any]:
        answer = run_method(method, *options, "--json", **data)
        assert answer.code == 0, answer.err
        record: dict[str, Any] = json.loads(answer.out)
        return record

    return run


@pytest.fixture(scope="session")
def _finished_run(tmp_path_factory: pytest.TempPathFactory, small_root: Path, array_reader: None) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    data = ("-p", "ilids", "--data-root", str(small_root))
    options = ("--save-features", "f.h5", "--far", "0.1")
    answer = run_command(folder, ["run", *choose_method(write_plugin(folder, "mean-color")), *data, *options])
    assert answer.code == 0, answer.err + answer.traceback
    return folder


@pytest.fixture
def finished_run(_finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The record of mean colours on the ten trials of the small tree, with the plugin, features in f.h5 and the cache.

    All are copies in the working directory.
    """
    shutil.copytree(_finished_run, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    (record,) = tmp_path.glob("runs/records/ilids/*.json")
    return record


@pytest.fixture
def in_subprocess() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python code in a fresh interpreter."""

    def run(code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )

    return run
