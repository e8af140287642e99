"""Label files with values that are not labels: one line that names file, variable and value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from reidbench.datasets.matlab import load_integers
from reidbench.datasets.readers import cuhk03, ilids_vid, lsvid, mars, prid2011
from reidbench.errors import DatasetError

PIDS = np.array([1, 2, 0])
VALUES = {
    "text": "abc",
    "structure": {"a": 1},
    "cells": np.array([np.ones(2), "x"], dtype=object),
    "nan": np.array([[1.0, np.nan]]),
    "infinite": np.array([[np.inf]]),
    "large": np.array([[1e308]]),
    "fraction": np.array([[1.5]]),
    "complex": np.array([[1 + 2j]]),
    "smallest": np.array([[-(2**63)]]),
    "largest": np.array([[2**64 - 1]], np.uint64),
    "empty": np.zeros((0, 0)),
    "cube": np.ones((2, 2, 2)),
}
READERS: dict[str, Callable[[Path], object]] = {
    "ls_set": lambda path: ilids_vid.read_splits(path, 2),
    "query": lambda path: lsvid.read_queries(path, 3),
    "query_IDX": lambda path: mars.read_queries(path, PIDS),
    "track_test_info": lambda path: mars.read_tracks(path, "track_test_info"),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_value_that_is_no_label_is_an_error(tmp_path: Path, name: str, value: Any) -> None:
    savemat(tmp_path / "a.mat", {name: value})

    with pytest.raises(DatasetError, match=r"a\.mat") as caught:
        READERS[name](tmp_path / "a.mat")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["filelist", "labels", "query_idx"])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_configuration_of_cuhk03_with_other_values_is_an_error(tmp_path: Path, name: str, value: Any) -> None:
    files = np.array(["1_001_1_01.png", "1_001_2_06.png", "1_002_1_01.png"], dtype=object).reshape(3, 1)
    good = {
        "filelist": files,
        "labels": [[1], [1], [2]],
        "train_idx": [[3]],
        "query_idx": [[1]],
        "gallery_idx": [[2]],
    }
    savemat(tmp_path / "a.mat", {**good, name: value})

    if (name, np.size(value)) == ("query_idx", 0):
        return
    with pytest.raises(DatasetError, match=r"a\.mat") as caught:
        cuhk03.read_config(tmp_path / "a.mat")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_whole_numbers_of_any_type_are_read(tmp_path: Path, dtype: type) -> None:
    savemat(tmp_path / "a.mat", {"a": np.array([[1, 2, 100]], dtype)})

    values = load_integers(tmp_path / "a.mat", "a")["a"]
    assert values.dtype == np.int64
    assert values.tolist() == [[1, 2, 100]]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '[{"test": ' + "[" * 100_000,
        '[{"test": [1], "train": []}]',
        '[{"test": ["person_' + "1" * 5000 + '"], "train": []}]',
        '[{"test": ["\\u001b[31m"], "train": []}]',
        "{}",
        "nan",
        "\ufeff[]",
        "9" * 5000,
        "[]",
    ],
    ids=[
        "nested",
        "nested-names",
        "number",
        "long-name",
        "controls",
        "object",
        "nan",
        "mark",
        "long-number",
        "empty",
    ],
)
def test_hostile_split_file_of_prid2011_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "splits.json").write_text(text, encoding="utf-8")

    with pytest.raises(DatasetError, match=r"split file .*splits\.json") as caught:
        prid2011.read_splits(tmp_path / "splits.json", [1, 2])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500 + len(str(tmp_path))


@pytest.mark.parametrize(
    "line", ["a 1" + "0" * 5000, "a/b ²", "x" * 5000, "a/../b 1", "\x1b[31m"], ids=range(5)
)
def test_hostile_line_of_a_list_is_quoted_in_80_characters(tmp_path: Path, line: str) -> None:
    (tmp_path / "list.txt").write_text(line, encoding="utf-8")

    with pytest.raises(DatasetError, match=r"list\.txt, line 1 must be") as caught:
        lsvid._read_list(tmp_path / "list.txt")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 350 + len(str(tmp_path))
