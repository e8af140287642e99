"""Methods whose embeddings depend on the call: the run ends, and nothing is cached or recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Answer
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
def test_embedding_that_depends_on_the_call_ends_the_run(
    reidbench: Run, small_root: Path, tmp_path: Path, embed: str
) -> None:
    plugin = write_plugin(tmp_path, "unstable", embed)
    command = (
        "run",
        "-m",
        "unstable",
        "-p",
        "ilids",
        "--data-root",
        str(small_root),
        "--plugin",
        str(plugin),
    )

    for answer in (reidbench(*command), reidbench(*command)):
        assert answer.code == 3
        (line,) = answer.err.splitlines()
        assert "method 'unstable' must return the same embedding of a tracklet in every call" in line
    assert not list(tmp_path.rglob("runs/records"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_rounding_differences_are_allowed(
    reidbench: Run, small_root: Path, tmp_path: Path, dtype: str
) -> None:
    noise = f"(1 + torch.finfo(torch.{dtype}).eps * torch.randint(-1, 2, (len(rows), rows[0].numel())))"
    embed = MEAN_COLOR.replace(
        "torch.stack(rows).float()", f"(torch.stack(rows) * {noise}).to(torch.{dtype})"
    )
    plugin = write_plugin(tmp_path, "rounded", embed)

    answer = reidbench(
        "run", "-m", "rounded", "-p", "ilids", "--data-root", str(small_root), "--plugin", str(plugin)
    )

    assert answer.code == 0, answer.err
