"""Whole commands with plugins that fail: one line, the documented exit code, nothing half written."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.calls import Answer

from .single_file_plugins import write_plugin

Run = Callable[..., Answer]
RunFile = Callable[[Path], Answer]
# Waits for an interrupt and discards it.
WAIT = """
import time
open("started", "w").close()
try:
    time.sleep(60)
except KeyboardInterrupt:
    return None
"""


@pytest.fixture
def run_file(run_method: Run) -> RunFile:
    """Run the method of a plugin file on one trial."""
    return partial(run_method, trials=1)


def check_failure(answer: Answer, code: int, text: str, folder: Path) -> None:
    """Check that a command ended with one line and wrote no record."""
    lines = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert (answer.code, len(lines)) == (code, 1), answer.err
    assert text in lines[0]
    assert "Traceback" not in answer.err
    assert not list(folder.rglob("runs/records/*/*"))


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise BaseException('all')", "BaseException: all"),
        ("return self.embed(tracklets)", "RecursionError"),
    ],
)
def test_failing_embed_exits_with_3(run_file: RunFile, tmp_path: Path, statement: str, reason: str) -> None:
    answer = run_file(write_plugin(tmp_path, "failing", statement))

    check_failure(answer, 3, f"method 'failing' failed in embed: {reason}", tmp_path)
    (log,) = tmp_path.glob("runs/logs/*.log")
    assert "Traceback" in log.read_text()


def test_init_without_that_of_the_base_class_exits_with_3(run_file: RunFile, tmp_path: Path) -> None:
    further = "def __init__(self, config, runtime):\n    pass"
    answer = run_file(write_plugin(tmp_path, "failing", further=further))

    check_failure(
        answer, 3, "method 'failing' must keep its config and runtime; call `super().__init__(", tmp_path
    )


def test_signal_that_embed_discards_ends_the_command(run_file: RunFile, tmp_path: Path) -> None:
    discard = "import signal\ntry:\n    signal.raise_signal(signal.SIGINT)\nexcept BaseException:\n    pass"
    answer = run_file(write_plugin(tmp_path, "failing", discard))

    check_failure(answer, 130, "interrupted; run the same command again to resume", tmp_path)


def test_real_interrupt_of_a_process_exits_with_130(tmp_path: Path, small_root: Path) -> None:
    file = write_plugin(tmp_path, "failing", WAIT)
    data = ["-p", "ilids", "--data-root", str(small_root), "--trials", "1", "--plugin", str(file)]
    command = [sys.executable, "-m", "reidbench", "run", "-m", "failing", *data]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "started").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)

    _, printed = process.communicate(timeout=30)

    assert (process.returncode, "interrupted" in printed) == (130, True), printed


@pytest.mark.parametrize("command", ["methods", "protocols", "datasets"])
@pytest.mark.parametrize(
    "source", ["import sys; sys.exit(0)", "raise KeyboardInterrupt", "import nothing_at_all"]
)
def test_plugin_file_that_fails_to_load_exits_with_2(
    reidbench: Run, tmp_path: Path, command: str, source: str
) -> None:
    (tmp_path / "failing.py").write_text(source)

    answer = reidbench(command, "--plugin", "failing.py")

    check_failure(answer, 2, "cannot load --plugin failing.py: ", tmp_path)
    assert answer.out == ""


def test_plugin_file_with_a_taken_name_exits_with_2(reidbench: Run, tmp_path: Path) -> None:
    file = write_plugin(tmp_path, "color-lbp")

    answer = reidbench("run", "-m", "color-lbp", "-p", "ilids", "--plugin", str(file))

    check_failure(answer, 2, "method name 'color-lbp' is already used by plugin 'color-lbp'", tmp_path)


def test_broken_protocol_file_removes_only_itself(reidbench: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("= no TOML")
    file = tmp_path / "protocols_plugin.py"
    file.write_text(
        "from pathlib import Path\nfrom reidbench.plugin import hookimpl\n@hookimpl\ndef reidbench_protocols():\n"
        "    return [Path(__file__).parent / 'broken.toml', Path('bad name.toml')]\n"
    )

    listing = reidbench("protocols", "--plugin", str(file))
    asked = reidbench("protocols", "broken", "--plugin", str(file))

    assert listing.code == 0
    assert "ilids" in listing.out
    assert [line.split(":")[0] for line in listing.err.splitlines()] == ["WARNING", "WARNING"]
    assert "cannot read protocol 'broken'" in listing.err
    assert "name of a protocol must be" in listing.err
    assert asked.code == 2


def write_method(function: str, statement: str) -> str:
    return f"def {function}(self, *given):\n    {statement}"


# A method that learns the mean of its training data.
LEARN = """
def fit(self, train, job):
    {fit}
def state(self):
    {state}
def restore(self, state):
    pass
"""
WRONG_RETURNS = {
    "None": "return None",
    "array": "import numpy; return numpy.zeros((2, 2))",
    "list": "return [[1.0, 2.0]]",
    "sparse": "return torch.eye(3).to_sparse()",
    "text": "return 'abc'",
    "object": "return object()",
    "stop": "raise StopIteration",
    "exit": "import sys; sys.exit(0)",
}


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (function, name)
        for function in ("distance", "pair_scorer", "weights_digest", "needs_fit_to_match")
        for name in WRONG_RETURNS
        # A digest is a text or None.
        if function != "weights_digest" or name not in ("None", "text")
    ],
)
def test_wrong_return_of_a_method_exits_with_3(
    run_file: RunFile, tmp_path: Path, function: str, name: str
) -> None:
    further = write_method(function, WRONG_RETURNS[name])

    answer = run_file(write_plugin(tmp_path, "failing", further=further))

    check_failure(answer, 3, "method 'failing'", tmp_path)
    assert function in answer.err


@pytest.mark.parametrize(
    "name", [*WRONG_RETURNS, "sparse-values", "meta-values", "no-columns", "array-values"]
)
def test_wrong_return_of_embed_exits_with_3(run_file: RunFile, tmp_path: Path, name: str) -> None:
    values = {
        "sparse-values": "torch.ones(len(tracklets), 2).to_sparse()",
        "meta-values": "torch.ones(len(tracklets), 2, device='meta')",
        "no-columns": "torch.ones(len(tracklets), 0)",
        "array-values": "torch.ones(len(tracklets), 2).numpy()",
    }
    statement = WRONG_RETURNS.get(name) or f"return Embeddings(values={values[name]})"

    check_failure(run_file(write_plugin(tmp_path, "failing", statement)), 3, "method 'failing'", tmp_path)


@pytest.mark.parametrize(
    ("fit", "state", "reason"),
    [
        ("return 'soon'", "return {}", "must return the seconds as a number of at least 0, or None from fit"),
        ("return torch.ones(1)", "return {}", "must return the seconds"),
        ("return float('nan')", "return {}", "must return the seconds"),
        ("return None", "return [1, 2]", "must return a mapping from state"),
        ("return None", "import sys; sys.exit(0)", "failed in state: SystemExit: 0"),
        (
            "job.log('first', loss=1.0)",
            "return {}",
            "epoch must be a whole number in [0, 1000000000], got 'first'",
        ),
        ("job.log(0, loss=float('inf'))", "return {}", "must report finite values"),
        ("job.log(0, **{'a b': 1.0})", "return {}", "name of a value that method 'failing' reports must be"),
        ("job.on_epoch(0, None)", "return {}", "failed in fit: AttributeError"),
    ],
)
def test_wrong_return_of_fit_or_state_exits_with_3(
    run_file: RunFile, tmp_path: Path, fit: str, state: str, reason: str
) -> None:
    further = LEARN.format(fit=fit, state=state)

    answer = run_file(write_plugin(tmp_path, "failing", base="Method", further=further))

    check_failure(answer, 3, reason, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"1", Config', "1, Config", "must have a version, a text of 1 to 64 characters, got 1"),
        ('{"paper": Config()}', "{}", "must have presets, a mapping of names to settings, got {}"),
        ('{"paper": Config()}', "7", "must have presets, a mapping of names to settings, got 7"),
        ('{"paper": Config()}', '{"paper": 7}', "preset 'paper' must be a Config, got 7"),
        ("    pass", "    size: object = object()", "size must be text, a finite number"),
        ("    pass", "    size: float = float('nan')", "size must be text, a finite number"),
        (
            "    pass",
            "    size: int = field(default=1, metadata={'stage': 'emebd'})",
            "must be one of fit, embed, match",
        ),
        ("    pass", "    def __post_init__(self): raise SystemExit(0)", "cannot load --plugin"),
        ("def embed", "def embedd", "must implement embed"),
        ("(FixedMethod)", "", "must be a subclass of Method"),
    ],
)
def test_incomplete_class_is_refused(
    run_file: RunFile, tmp_path: Path, old: str, new: str, reason: str
) -> None:
    file = write_plugin(tmp_path, "failing")
    file.write_text(file.read_text().replace(old, new))

    answer = run_file(file)

    check_failure(answer, 2 if "--plugin" in reason else 3, reason, tmp_path)


def test_settings_that_fail_when_they_are_changed_exit_with_3(reidbench: Run, tmp_path: Path) -> None:
    file = write_plugin(tmp_path, "failing")
    settings = (
        "    size: int = 1\n    def __post_init__(self):\n        if self.size != 1: raise SystemExit(0)"
    )
    file.write_text(file.read_text().replace("    pass", settings))

    answer = reidbench("run", "-m", "failing", "-p", "demo", "--set", "size=2", "--plugin", str(file))

    check_failure(answer, 3, "method 'failing' failed in its settings: SystemExit: 0", tmp_path)


READER = """
from reidbench.datasets import Dataset
from reidbench.plugin import DatasetSpec, hookimpl

class Reader(Dataset):
    name = "ilids-copy"
    def read_layout(self, folder):
        {statement}

@hookimpl
def reidbench_datasets():
    spec = dict(name="ilids-copy", summary="a copy", folder="ilids-vid", access="none")
    return [DatasetSpec(target=f"{{__name__}}:{reader}", **spec)]
"""


@pytest.mark.parametrize(
    ("statement", "reader", "code", "reason"),
    [
        ("import sys; sys.exit(0)", "Reader", 3, "dataset 'ilids-copy' failed in read_layout: SystemExit: 0"),
        ("raise KeyboardInterrupt", "Reader", 3, "failed in read_layout: KeyboardInterrupt"),
        ("return None", "Reader", 3, "must return DatasetContents from read_layout, got None"),
        ("return open('gone')", "Reader", 2, "gone: No such file or directory"),
        ("pass", "DatasetSpec", 3, "dataset 'ilids-copy' failed in its reader: TypeError"),
        ("pass", "Gone", 3, "cannot load 'ilids-copy'"),
    ],
)
def test_failing_reader_of_a_dataset_ends_in_one_line(
    reidbench: Run, small_root: Path, tmp_path: Path, statement: str, reader: str, code: int, reason: str
) -> None:
    (tmp_path / "failing.py").write_text(READER.format(statement=statement, reader=reader))

    answer = reidbench(
        "data", "verify", "ilids-copy", "--data-root", str(small_root), "--plugin", "failing.py"
    )

    check_failure(answer, code, reason, tmp_path)
