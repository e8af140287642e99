"""Runs on a damaged cache: each damaged entry is named, removed and computed again, and the figures are true."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reidbench.cache import Cache
from tests.calls import Answer

from .single_file_plugins import write_plugin

Run = Callable[..., Answer]
# Learns the mean of the training frames, and reports one value per epoch.
MEAN = """
def fit(self, train, job):
    rows = [torch.tensor(frames.mean((0, 2)).ravel()) for frames in stream_frames(train.tracklets, (16, 8))]
    self.mean = torch.stack(rows).float().mean(0)
    job.log(0, loss=1.0)

def state(self):
    return {"mean": self.mean}

def restore(self, state):
    self.mean = state["mean"]
"""
EMBED = """
rows = [torch.tensor(frames.mean((0, 2)).ravel()) for frames in stream_frames(tracklets, (16, 8))]
return Embeddings(values=torch.stack(rows).float() * self.mean)
"""


@pytest.fixture
def run(run_method: Run, tmp_path: Path) -> Callable[[], Answer]:
    """Run the method on two trials."""
    plugin = write_plugin(tmp_path, "mean", EMBED, base="Method", further=MEAN)
    return partial(run_method, plugin, "--json", trials=2)


def flip(path: Path, offset: int) -> None:
    contents = bytearray(path.read_bytes())
    contents[offset] ^= 0x20
    path.write_bytes(contents)


def improve_ranks(path: Path) -> None:
    """Give every query of a trial the first rank."""
    fields = json.loads(path.read_text())
    ranks = fields["per_query"]["first_match_rank"]
    fields["per_query"]["first_match_rank"] = [1] * len(ranks)
    path.write_text(json.dumps(fields))


def swap_trials(path: Path) -> None:
    """Exchange the results of two trials."""
    (other,) = set(path.parent.iterdir()) - {path}
    path.write_bytes(other.read_bytes())


@pytest.mark.parametrize("change", [improve_ranks, swap_trials, lambda path: path.write_text("{}")])
def test_an_edited_trial_file_is_named_and_computed_again(
    run: Callable[[], Answer], change: Callable[[Path], None]
) -> None:
    first: dict[str, Any] = json.loads(run().out)
    trial = min((Cache().root / "trials").iterdir())
    change(trial)

    answer = run()

    assert json.loads(answer.out)["figures"] == first["figures"]
    (line,) = answer.err.splitlines()
    assert line.startswith(f"WARNING: removed damaged cache entry {trial}: ")
    assert json.loads(run().out)["cached"] == {"fit": True, "embed": True, "match": True}


@pytest.mark.parametrize("kept", ["fits", "features"])
def test_flipped_bits_are_named_and_computed_again(run: Callable[[], Answer], kept: str) -> None:
    first = json.loads(run().out)
    for folder in {"trials", "features", "fits"} - {kept}:
        for path in [path for path in (Cache().root / folder).rglob("*") if path.is_file()]:
            path.unlink()
    entry = min(path for path in (Cache().root / kept).rglob("*") if path.is_file())
    flip(entry, len(entry.read_bytes()) // 2)

    answer = run()

    assert json.loads(answer.out)["figures"] == first["figures"]
    assert answer.err.splitlines()[0].startswith(f"WARNING: removed damaged cache entry {entry}: ")


STATES = {
    "array": ('{"mean": self.mean.numpy()}', r"state\['mean'\] is of type numpy.ndarray"),
    "object": ('{"mean": self.mean, "frames": stream_frames}', r"state\['frames'\] is of type builtins.function"),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_a_state_that_cannot_be_read_back_is_an_error_of_the_plugin(
    run: Callable[[], Answer], tmp_path: Path, name: str
) -> None:
    returned, words = STATES[name]
    further = MEAN.replace('{"mean": self.mean}', returned)
    write_plugin(tmp_path, "mean", EMBED, base="Method", further=further)

    answer = run()

    assert answer.code == 3
    assert re.search(f"method 'mean' returned an invalid state: .*{words}", answer.err.splitlines()[-1])
    assert list(Cache().root.rglob("fitted.pt")) == []


def test_embeddings_that_overflow_float32_are_refused(run_method: Run, tmp_path: Path) -> None:
    embed = "return Embeddings(values=torch.full((len(tracklets), 2), 1e39, dtype=torch.float64))"

    answer = run_method(write_plugin(tmp_path, "large", embed))

    assert answer.code == 3
    assert "method 'large' must return embeddings that fit float32, got 1e+39 in row 0" in answer.err
    assert list(Cache().root.rglob("*.h5")) == []


def test_damaged_epochs_restart_an_interrupted_fit(tmp_path: Path) -> None:
    from reidbench.runner.epochs import EpochLog

    EpochLog(tmp_path, "mean", lambda epoch, values: None).add(0, {"loss": 1.0})
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    intact = EpochLog(tmp_path, "mean", lambda epoch, values: None)
    assert intact.rows() == [(0, {"loss": 1.0})]
    assert (tmp_path / "checkpoint.pt").exists()
    flip(tmp_path / "epochs.json", 20)

    damaged = EpochLog(tmp_path, "mean", lambda epoch, values: None)

    assert damaged.rows() == []
    assert not (tmp_path / "checkpoint.pt").exists()
