"""Entries of the cache, and checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from reidbench.checkpoint import load_checkpoint, save_checkpoint
from tests.calls import Answer, call
from tests.hostile.arrays import damage_hdf5
from tests.hostile.damage import TEXT_EDITS, damage_files
from tests.hostile.outcomes import Outcome
from tests.hostile.reader import Reader, judge_exact, write_truth
from tests.hostile.structures import damage_json
from tests.hostile.world import copy_world, keep_figures, run_tiny


def prepare_cache(folder: Path, *, method: str, deleted: Sequence[str] = (), stopped: bool = False) -> None:
    """Write the cache of a run, without some kinds of entries, and the figures of the run."""
    copy_world(folder)
    truth = keep_figures(run_tiny(folder, method))
    shutil.rmtree(folder)
    folder.mkdir()
    copy_world(folder, stopped=stopped)
    write_truth(folder, truth)
    shutil.rmtree(folder / "runs")
    for kind in deleted:
        for path in folder.glob(f"cache/**/{kind}"):
            shutil.rmtree(path)


def read_cached_run(folder: Path, *, method: str) -> Answer:
    """Run the method again."""
    return keep_figures(run_tiny(folder, method))


def cache_reader(
    name: str,
    method: str,
    pattern: str,
    *,
    deleted: Sequence[str] = (),
    stopped: bool = False,
    **options: Any,
) -> Reader:
    """Return the reader of one kind of cache entry: the repeated run must print the true figures."""
    return Reader(
        name=name,
        prepare=partial(prepare_cache, method=method, deleted=deleted, stopped=stopped),
        damage=damage_files(pattern, **options),
        read=partial(read_cached_run, method=method),
        judge=judge_exact,
    )


def prepare_checkpoint(folder: Path) -> None:
    """Write a checkpoint of its own."""
    import torch

    contents = {"network": {"weight": torch.arange(6.0).reshape(2, 3)}, "epoch": 3, "names": ["a", "b"]}
    save_checkpoint(folder / "checkpoint.pt", "fingerprint", contents)
    write_truth(folder, read_checkpoint(folder))


def judge_checkpoint(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """A missing file is no checkpoint."""
    return (Outcome.SAME, "") if answer.out.strip() == '"None"' else judge_exact(valid, folder, answer)


def read_checkpoint(folder: Path) -> Answer:
    """Load a checkpoint."""
    return call(folder, lambda: str(load_checkpoint(folder / "checkpoint.pt", "fingerprint")))


READERS = (
    cache_reader("cache-trial", "tiny-rows", "trials/*", structure=damage_json, edits=TEXT_EDITS),
    cache_reader("cache-features", "tiny-rows", "features/*/*.h5", structure=damage_hdf5, deleted=["trials"]),
    cache_reader("cache-fit", "tiny-scaled", "fitted.pt", deleted=["trials", "features"]),
    cache_reader("cache-checkpoint", "tiny-net", "checkpoint*", stopped=True),
    cache_reader("cache-tree", "tiny-rows", "trees/**/*.*", deleted=["trials", "features"]),
    Reader(
        name="checkpoint",
        prepare=prepare_checkpoint,
        damage=damage_files("checkpoint.pt"),
        read=read_checkpoint,
        judge=judge_checkpoint,
    ),
)
