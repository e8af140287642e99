"""Feature files of every format."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from tests.calls import Answer, run_command
from tests.hostile.arrays import damage_hdf5, damage_mat, damage_npz, put_link, write_hdf5
from tests.hostile.damage import Damage, damage_files
from tests.hostile.reader import Reader, judge_exact, write_truth
from tests.hostile.world import copy_world, keep_figures


def make_search() -> dict[str, Any]:
    """Return the arrays of a small search by the argument names of `reidbench.evaluate`."""
    rng = np.random.default_rng(5)
    sides: dict[str, Any] = {}
    for side, count in (("query", 6), ("gallery", 12)):
        sides[f"{side}_features"] = rng.normal(size=(count, 4)).astype(np.float32)
        sides[f"{side}_pids"] = np.arange(count) % 5 + 1
        sides[f"{side}_camids"] = np.arange(count) % 3 + (side == "gallery")
    return sides


def prepare_features(folder: Path, *, suffix: str, protocol: str | None = None) -> None:
    """Write a feature file, and its figures."""
    if suffix == ".h5":
        copy_world(folder)
        shutil.copy(folder / "tiny-rows.h5", folder / "features.h5")
        shutil.copy(folder / "tiny-scaled.h5", folder / "other.h5")
        shutil.rmtree(folder / "runs")
        if protocol is None:
            shutil.rmtree(folder / "cache")
    elif suffix == ".npz":
        np.savez(folder / "features.npz", **make_search())
    else:
        names = {"features": "f", "pids": "label", "camids": "cam"}
        variables = {
            f"{key.partition('_')[0]}_{names[key.partition('_')[2]]}": value
            for key, value in make_search().items()
        }
        savemat(folder / "features.mat", variables)
    write_truth(folder, read_features(folder, suffix=suffix, protocol=protocol))


def read_features(folder: Path, *, suffix: str, protocol: str | None = None) -> Answer:
    """Evaluate a feature file."""
    options = ["-p", protocol, "--plugin", "tiny_plugin.py"] if protocol else []
    answer = run_command(
        folder, ["evaluate", f"features{suffix}", "--device", "cpu", "--output", "runs", "--json", *options]
    )
    return keep_figures(answer)


def feature_reader(name: str, suffix: str, structure: Damage, **options: Any) -> Reader:
    """Return the reader of one format of feature files."""
    settings = {key: options.pop(key) for key in ("protocol",) if key in options}
    return Reader(
        name=name,
        prepare=partial(prepare_features, suffix=suffix, **settings),
        damage=damage_files(f"features{suffix}", structure, share=0.6),
        read=partial(read_features, suffix=suffix, **settings),
        **options,
    )


def prepare_links(folder: Path) -> None:
    """Write features of another program, without a digest."""
    for name, scale in (("features.h5", 1), ("other.h5", 2)):
        write_hdf5(folder / name, {key.replace("pids", "pid"): scale * v for key, v in make_search().items()})
    write_truth(folder, read_features(folder, suffix=".h5"))


READERS = (
    feature_reader("features-hdf5", ".h5", damage_hdf5, judge=judge_exact, share=2.0),
    feature_reader("features-protocol", ".h5", damage_hdf5, judge=judge_exact, protocol="tiny"),
    feature_reader("features-npz", ".npz", damage_npz, share=1.5),
    feature_reader("features-mat", ".mat", damage_mat),
    # Values of other files must not be read.
    Reader(
        name="features-links",
        prepare=prepare_links,
        damage=damage_files("features.h5", put_link, share=1),
        read=partial(read_features, suffix=".h5"),
        judge=judge_exact,
    ),
)
