"""Methods whose embeddings depend on the call: the run ends, and nothing is cached or recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.calls import Answer

from .single_file_plugins import MEAN_COLOR, write_plugin

Run = Callable[..., Answer]

NORMALISED = MEAN_COLOR.replace(
    "torch.stack(rows).float()", "torch.stack(rows).float() / torch.stack(rows).std(0)"
)
RANDOM = "return Embeddings(values=torch.rand(len(tracklets), 4))"
DROPOUT = MEAN_COLOR.replace(
    "torch.stack(rows).float()", "torch.nn.functional.dropout(torch.stack(rows).float(), 0.1)"
)
LENGTHS = "return Embeddings(values=torch.ones(len(tracklets), len(tracklets)))"


@pytest.mark.parametrize(
    "embed", [NORMALISED, RANDOM, DROPOUT, LENGTHS], ids=["normalised", "random", "dropout", "lengths"]
)
def test_embedding_that_depends_on_the_call_ends_the_run(run_method: Run, tmp_path: Path, embed: str) -> None:
    plugin = write_plugin(tmp_path, "unstable", embed)

    for answer in (run_method(plugin), run_method(plugin)):
        assert answer.code == 3
        (line,) = answer.err.splitlines()
        assert "method 'unstable' must return the same embedding of a tracklet in every call" in line
    assert not list(tmp_path.rglob("runs/records"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_rounding_differences_are_allowed(
    record_method: Callable[..., object], tmp_path: Path, dtype: str
) -> None:
    noise = f"(1 + torch.finfo(torch.{dtype}).eps * torch.randint(-1, 2, (len(rows), rows[0].numel())))"
    embed = MEAN_COLOR.replace(
        "torch.stack(rows).float()", f"(torch.stack(rows) * {noise}).to(torch.{dtype})"
    )

    assert record_method(write_plugin(tmp_path, "rounded", embed))


def test_second_run_with_other_figures_keeps_both_records(
    run_method: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = """
import os
seen = [int(view.id[:8], 16) % 997 for view in tracklets]
return Embeddings(values=torch.tensor([[float(os.environ["MEMORY"]) * number % 7] for number in seen]))
"""
    plugin = write_plugin(tmp_path, "moody", embed)
    answers = []
    for value in ("1", "1", "3"):
        monkeypatch.setenv("MEMORY", value)
        answers.append(run_method(plugin, "--no-resume", "--json"))

    first, again, other = (json.loads(answer.out) for answer in answers)
    name = f"moody-{first['fingerprints']['run']}"
    assert first["figures"] == again["figures"] != other["figures"]
    assert first["fingerprints"] == other["fingerprints"]
    folder = tmp_path / "runs/records/ilids"
    assert sorted(path.name for path in folder.glob("*.json")) == [f"{name}.2.json", f"{name}.json"]
    assert json.loads((folder / f"{name}.json").read_text())["figures"] == first["figures"]
    assert json.loads((folder / f"{name}.2.json").read_text()) == other
    assert (folder / other["per_query"]["file"]).exists()
    assert f"{name}.json" not in answers[1].err
    (line,) = answers[2].err.splitlines()
    assert f"{name}.2.json" in line
    assert f"{name}.json" in line
