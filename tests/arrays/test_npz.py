from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from reidbench.arrays import ArrayError, NotAnArray, read_npz

from . import hostile_files as hostile


def test_arrays_are_read_by_name(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "f.npz", a=np.eye(2), b=np.array(["x", "yz"]), c=np.ones(3))

    arrays, stored = read_npz(tmp_path / "f.npz", ["a", "b", "d"])
    assert stored == ("a", "b", "c")
    assert arrays["a"].tolist() == [[1, 0], [0, 1]]
    assert arrays["b"].tolist() == ["x", "yz"]
    assert set(arrays) == {"a", "b"}


def test_array_above_the_limit_is_refused_with_its_size(tmp_path: Path) -> None:
    path = hostile.write_npz_bomb(tmp_path / "f.npz", "a")

    assert path.stat().st_size < 100_000
    with pytest.raises(
        ArrayError, match=r"'a' has the shape .* which are 6 GB; .* set REIDBENCH_MAX_ARRAY_GB to raise"
    ):
        read_npz(path, ["a"])


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    arrays, _ = read_npz(hostile.write_object_npz(tmp_path / "f.npz", "a"), ["a"])

    assert arrays == {"a": NotAnArray("Python objects")}


def test_other_compression_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "f.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", hostile.npy_header((1,)) + bytes(8))

    with pytest.raises(ArrayError, match="compression of 'a' must be deflate or none, got method 14"):
        read_npz(tmp_path / "f.npz", ["a"])


def test_file_of_one_array_is_not_an_archive(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.ones(2))

    with pytest.raises(ArrayError, match="it is not a complete NumPy archive"):
        read_npz(tmp_path / "f.npy", ["a"])
