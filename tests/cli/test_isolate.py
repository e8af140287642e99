from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.calls import Answer
from tests.fork_server import get_fork_server

from .single_file_plugins import MEAN_COLOR, write_plugin

Run = Callable[..., Answer]
Record = Callable[..., dict[str, Any]]

# Adds an offset that the training set determines, and reports an epoch.
FIT = """
def fit(self, train, job):
    colors = [frames.mean() for frames in stream_frames(train.tracklets, (4, 2))]
    self.offset = torch.tensor([float((train.pids * colors).sum()) % 7])
    job.log(0, loss=float(self.offset))

def state(self):
    return {"offset": self.offset}

def restore(self, state):
    self.offset = state["offset"]
"""
LEARNED = MEAN_COLOR.replace(".float()", ".float() * self.offset.exp()")
# Texts and objects in memory that name a tested person.
SEARCH = """
import gc, json, pathlib, re
names = [type(item).__name__ for item in gc.get_objects()]
texts = [str(file) for item in gc.get_objects() if type(item) in (tuple, list) for file in item
         if type(file) in (str, pathlib.PosixPath) and re.search("person[0-9]{{3}}", str(file))]
found = {{"tables": names.count("TrackletTable"), "contents": names.count("DatasetContents"), "files": len(texts)}}
pathlib.Path({path!r}).write_text(json.dumps(found))
"""


@pytest.fixture
def run(record_method: Record) -> Record:
    """Run one trial of a method and return the record."""
    return partial(record_method, trials=1)


@pytest.fixture
def run_forked(run_method: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a method with `--isolate`; its processes start from a server, since each import of torch takes 2 s."""
    context = get_fork_server()
    monkeypatch.setattr(multiprocessing, "get_context", lambda method: context)
    return lambda method, **data: run_method(method, "--isolate", **data)


def test_isolated_run_has_the_same_figures_and_its_own_cache(run: Record) -> None:
    plain, isolated, again = (run("color-lbp", *more) for more in ((), ("--isolate",), ("--isolate",)))

    assert [record["isolated"] for record in (plain, isolated, again)] == [False, True, True]
    assert isolated["cached"]["embed"] is False
    assert again["cached"]["embed"] is True
    for field in ("figures", "per_query"):
        assert plain[field] == isolated[field] == again[field]
    assert plain["fingerprints"]["run"] == isolated["fingerprints"]["run"]


def test_isolated_fit_has_the_same_figures_and_reports_epochs(run: Record, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "learned", LEARNED, base="Method", further=FIT)

    plain, isolated = run(plugin), run(plugin, "--isolate")

    assert plain["figures"] == isolated["figures"]
    assert plain["training"][0]["epochs"] == isolated["training"][0]["epochs"]
    assert plain["training"][0]["epochs"][0]["values"].keys() == {"loss"}


def test_isolated_process_has_no_labels_and_no_file_names(run: Record, tmp_path: Path) -> None:
    search = SEARCH.format(path=str(tmp_path / "found.json"))
    plugin = write_plugin(tmp_path, "search", search + MEAN_COLOR)

    run(plugin)
    plain = json.loads((tmp_path / "found.json").read_text())
    run(plugin, "--isolate")
    isolated = json.loads((tmp_path / "found.json").read_text())

    assert all(plain.values())
    assert isolated == {"tables": 0, "contents": 0, "files": 0}


@pytest.mark.parametrize(
    ("embed", "message"),
    [
        ("import os; os._exit(0)", "method 'broken' ended its process in embed with exit code 0"),
        ("raise KeyboardInterrupt", "method 'broken' failed in embed: KeyboardInterrupt"),
        ("raise ValueError('bad weights')", "method 'broken' failed in embed: ValueError: bad weights"),
        (
            "return Embeddings(values=torch.ones(2))",
            "method 'broken' must embed 12 tracklets as floating-point",
        ),
        ("return Embeddings(values=torch.rand(len(tracklets), 3))", "must return the same embedding"),
    ],
    ids=["exit", "interrupt", "error", "shape", "random"],
)
def test_failure_in_the_process_exits_3_and_writes_no_record(
    run_forked: Run, tmp_path: Path, embed: str, message: str
) -> None:
    answer = run_forked(write_plugin(tmp_path, "broken", embed))

    assert answer.code == 3
    (line,) = answer.err.splitlines()
    assert message in line
    assert not list(tmp_path.rglob("runs/records"))


def test_failed_fit_has_its_traceback_in_the_log(run_forked: Run, tmp_path: Path) -> None:
    further = FIT.replace("colors = ", "raise ValueError('no colors')\n    colors = ")
    plugin = write_plugin(tmp_path, "unfit", LEARNED, base="Method", further=further)

    answer = run_forked(plugin)

    assert answer.code == 3
    assert "method 'unfit' failed in fit: ValueError: no colors" in answer.err
    (log,) = (tmp_path / "runs/logs").glob("*.log")
    assert "unfit_plugin.py" in log.read_text()


def test_damaged_frame_is_named_by_its_path(run_forked: Run, small_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(small_root, root)
    damaged = []
    for file in sorted((root / "ilids-vid").rglob("*.png")):
        file.write_bytes(file.read_bytes()[:100])
        damaged.append(str(file))

    answer = run_forked("color-lbp", root=root)

    assert answer.code == 2
    assert any(file in answer.err for file in damaged)
