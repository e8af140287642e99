"""MATLAB files, read without a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from reidbench.datasets.matlab import load_mat
from tests.calls import Answer, call
from tests.hostile.arrays import damage_mat
from tests.hostile.damage import damage_files
from tests.hostile.reader import Reader, write_truth


def prepare_mat(folder: Path) -> None:
    """Write a MATLAB file of version 5 with the variables of several datasets."""
    cell = np.empty((3, 1), dtype=object)
    cell[:, 0] = ["a.png", "bb.png", "ccc.png"]
    numbers = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], dtype=np.uint16)
    savemat(folder / "file.mat", {"numbers": numbers, "names": cell}, do_compression=True)
    write_truth(folder, read_mat(folder))


def read_mat(folder: Path) -> Answer:
    """Read both variables."""

    def read() -> dict[str, Any]:
        return {
            name: np.asarray(value).tolist()
            for name, value in load_mat(folder / "file.mat", "numbers", "names").items()
        }

    return call(folder, read)


READERS = (
    Reader(name="mat", prepare=prepare_mat, damage=damage_files("file.mat", damage_mat), read=read_mat),
)
