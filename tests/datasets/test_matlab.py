"""Variables of MATLAB files of both versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from reidbench.datasets.matlab import load_mat
from reidbench.errors import DatasetError

MATRIX = np.array([[1, 2, 3], [4, 5, 6]], np.uint16)
NAMES = ["1_001_1_01.png", "a.png"]


def write_5(path: Path) -> None:
    cells = np.empty((2, 1), dtype=object)
    cells[:, 0] = NAMES
    savemat(path, {"matrix": MATRIX, "text": "abc", "cells": cells, "empty": np.zeros((0, 3))})


def write_7_3(path: Path) -> None:
    """Write the variables as MATLAB does: axes reversed, texts as codes, cells as references."""

    def write(file: h5py.Group, name: str, values: Any, kind: str) -> h5py.Dataset:
        dataset = file.create_dataset(name, data=np.asarray(values).T)
        dataset.attrs["MATLAB_class"] = np.bytes_(kind)
        return dataset

    def codes(text: str) -> Any:
        return np.array([[ord(letter) for letter in text]], np.uint16)

    with h5py.File(path, "w", userblock_size=512) as file:
        write(file, "matrix", MATRIX, "uint16")
        write(file, "text", codes("abc"), "char")
        cells = [write(file, f"#refs#/{index}", codes(name), "char").ref for index, name in enumerate(NAMES)]
        references = file.create_dataset("cells", (1, 2), dtype=h5py.ref_dtype)
        references[0] = cells
        references.attrs["MATLAB_class"] = np.bytes_("cell")
        empty = write(file, "empty", np.array([0, 3], np.uint64), "double")
        empty.attrs["MATLAB_empty"] = np.uint8(1)
        file.create_group("structure")


@pytest.mark.parametrize("write", [write_5, write_7_3], ids=["5", "7.3"])
def test_variables_are_the_same_in_both_versions(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "a.mat")

    variables = load_mat(tmp_path / "a.mat", "matrix", "text", "cells", "empty")

    np.testing.assert_array_equal(variables["matrix"], MATRIX)
    assert variables["text"].tolist() == ["abc"]
    assert variables["cells"].shape == (2, 1)
    assert [cell[0] for cell in variables["cells"].ravel()] == NAMES
    assert variables["empty"].shape == (0, 3)


@pytest.mark.parametrize("write", [write_5, write_7_3], ids=["5", "7.3"])
def test_missing_variable_is_named(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "a.mat")

    with pytest.raises(DatasetError, match=r"a\.mat has no variable 'other'; restore the file"):
        load_mat(tmp_path / "a.mat", "matrix", "other")


def test_structure_is_an_error(tmp_path: Path) -> None:
    write_7_3(tmp_path / "a.mat")

    with pytest.raises(DatasetError, match=r"cannot read .*a\.mat: variable 'structure' is a structure"):
        load_mat(tmp_path / "a.mat", "structure")


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"file .*a\.mat is missing; restore it"):
        load_mat(tmp_path / "a.mat", "matrix")
    write_7_3(tmp_path / "a.mat")
    (tmp_path / "a.mat").write_bytes((tmp_path / "a.mat").read_bytes()[:1500])
    with pytest.raises(DatasetError, match=r"cannot read .*a\.mat: .*; restore the file"):
        load_mat(tmp_path / "a.mat", "matrix")
