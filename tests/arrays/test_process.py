"""The child process that reads files: limits of memory and time, crashes, and links to other files."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextvars import Context
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from reidbench.arrays import ArrayError, ArrayReader, NotAnArray, share_reader
from reidbench.arrays import process as process_module
from reidbench.limits import ARRAY_GB, READ_SECONDS

from . import hostile_files as hostile

Write = Callable[[Path, str], Path]
LIMIT = r"; the arrays of a file must have at most 1 GB, set REIDBENCH_MAX_ARRAY_GB to raise the limit"


def read_hdf5(path: Path, name: str = "a") -> object:
    with ArrayReader() as reader:
        groups, _ = reader.read_hdf5(path, [name], pattern="trial_[0-9]+")
        return groups[0].arrays.get(name)


def read_mat(path: Path, name: str = "a") -> object:
    with ArrayReader() as reader:
        return reader.read_mat(path, [name])[0].get(name)


@pytest.mark.parametrize(
    ("read", "write", "message"),
    [
        (
            read_hdf5,
            hostile.write_hdf5_bomb,
            r"'a' has the shape \(750000, 1000\) of float64, which are 6 GB" + LIMIT,
        ),
        (
            read_mat,
            hostile.write_hdf5_bomb,
            r"'a' has the shape \(750000, 1000\) of float64, which are 6 GB" + LIMIT,
        ),
        (
            read_hdf5,
            hostile.write_chunk_bomb,
            r"'a chunk of a' has the shape \(400000000,\) .* 3\.2 GB" + LIMIT,
        ),
        (
            read_mat,
            hostile.write_mat5_bomb,
            r"'a' has the shape \(750000, 1000\) of \|S8, which are 6 GB" + LIMIT,
        ),
        (
            read_mat,
            hostile.write_cell_bomb,
            r"'a' has the shape \(1000000, 1000\) of .*, which are 8 GB" + LIMIT,
        ),
    ],
    ids=["hdf5", "mat73", "chunk", "mat5", "cells"],
)
def test_array_above_the_limit_is_refused_with_its_size(
    tmp_path: Path, read: Callable[[Path], object], write: Write, message: str
) -> None:
    path = write(tmp_path / "f", "a")

    assert path.stat().st_size < 100_000
    with pytest.raises(ArrayError, match=message):
        read(path)


@pytest.mark.parametrize(("dtype", "size"), [("i1", "8 GB"), ("?", "8 GB"), ("f2", "4 GB"), ("f4", "4 GB")])
def test_size_is_that_after_conversion(tmp_path: Path, dtype: str, size: str) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset("a", (10**6, 1000), dtype, chunks=(1000, 100))

    with ArrayReader() as reader, pytest.raises(ArrayError, match=f"which are {size}"):
        reader.read_hdf5(tmp_path / "f.h5", ["a"], pattern="x")


def test_limit_counts_all_arrays_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["a"] = file["b"] = np.zeros(1000)
    monkeypatch.setenv(ARRAY_GB.variable, "1.2e-5")

    with (
        ArrayReader() as reader,
        pytest.raises(ArrayError, match=r"'b' has .* 8e-06 GB after 8e-06 GB of other arrays"),
    ):
        reader.read_hdf5(tmp_path / "f.h5", ["a", "b"], pattern="x")
    monkeypatch.setenv(ARRAY_GB.variable, "1.6e-5")
    with ArrayReader() as reader:
        groups, _ = reader.read_hdf5(tmp_path / "f.h5", ["a", "b"], pattern="x")
    assert groups[0].arrays["b"].shape == (1000,)


@pytest.mark.parametrize("read", [read_hdf5, read_mat], ids=["hdf5", "mat73"])
@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            hostile.write_external_link,
            r"'a' is a link out of the file, to '.*other\.h5'; store the array itself",
        ),
        (hostile.write_external_group, r"'/door' is a link out of the file, to '.*other\.h5'"),
        (hostile.write_endless_link, r"'/a' is a link out of the file, to '/a'"),
        (hostile.write_virtual, r"'a' is a virtual dataset, which has its values in other files"),
        (hostile.write_external_storage, r"'a' has its values in the external file '.*secret\.bin'"),
    ],
    ids=["external-link", "soft-link", "endless-link", "virtual", "external-storage"],
)
def test_values_outside_of_the_file_are_refused(
    tmp_path: Path, read: Callable[[Path], object], write: Write, message: str
) -> None:
    with pytest.raises(ArrayError, match=message):
        read(write(tmp_path / "f.h5", "a"))


def test_soft_link_inside_the_file_is_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["b/c"] = [1, 2]
        file["a"] = h5py.SoftLink("/b/c")

    assert read_hdf5(tmp_path / "f.h5").tolist() == [1, 2]  # type: ignore[attr-defined]


@pytest.mark.parametrize("dtype", ["f2", ">f8", "i1", "u8", "?", "c8", "S3"])
def test_values_arrive_unchanged(tmp_path: Path, dtype: str) -> None:
    values = (np.arange(3_000_000) % 100).reshape(3, -1).astype(dtype)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset("a", data=values, compression="gzip", compression_opts=1)

    array = read_hdf5(tmp_path / "f.h5")
    assert isinstance(array, np.ndarray)
    assert array.dtype == values.dtype
    np.testing.assert_array_equal(array, values)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (2, 0, 4)], ids=str)
def test_shapes_arrive_unchanged(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["a"] = np.ones(shape)

    array = read_hdf5(tmp_path / "f.h5")
    assert isinstance(array, np.ndarray)
    assert array.shape == shape


def test_records_and_references_are_not_arrays(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["a"] = np.zeros(2, [("x", "f8"), ("y", "i4")])
        file["b"] = np.array([file["a"].ref], dtype=h5py.ref_dtype)

    assert isinstance(read_hdf5(tmp_path / "f.h5"), NotAnArray)
    assert read_hdf5(tmp_path / "f.h5", "b") == NotAnArray("references")


def test_nested_cells_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.mat", "w") as file:
        cell = file.create_dataset("a", (1, 1), h5py.ref_dtype)
        cell[0, 0] = cell.ref

    with pytest.raises(ArrayError, match="cells of 'a' must be nested at most 4 deep"):
        read_mat(tmp_path / "f.mat")


def replace_child(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Run code in the child process when the first file is read."""
    start = (
        "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from reidbench.arrays import child\n"
        f"def answer(answers, request):\n    {code}\n"
        "child._answer = answer\nchild.main()"
    )
    monkeypatch.setattr(process_module, "_START", start)


@pytest.mark.skipif(not hasattr(signal, "SIGSEGV") or sys.platform == "win32", reason="needs signals")
def test_crash_of_the_library_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat(tmp_path / "f.mat", {"a": np.ones(2)})

    with ArrayReader() as reader:
        with monkeypatch.context() as patch:
            replace_child(patch, "import os; os.kill(os.getpid(), 11)")
            with pytest.raises(ArrayError, match=r"^it crashes the library that reads it \(SIGSEGV\)$"):
                reader.read_mat(tmp_path / "f.mat", ["a"])
        # The next file gets a new process.
        assert reader.read_mat(tmp_path / "f.mat", ["a"])[0]["a"].tolist() == [[1, 1]]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no timers of processor time")
def test_endless_reading_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat(tmp_path / "f.mat", {"a": np.ones(2)})
    monkeypatch.setenv(READ_SECONDS.variable, "0.2")
    replace_child(monkeypatch, "while True: pass")

    with (
        ArrayReader() as reader,
        pytest.raises(ArrayError, match=r"takes more than 0\.2 seconds; set REIDBENCH_MAX_"),
    ):
        reader.read_mat(tmp_path / "f.mat", ["a"])


def test_waiting_for_ever_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat(tmp_path / "f.mat", {"a": np.ones(2)})
    monkeypatch.setenv(READ_SECONDS.variable, "0.1")
    monkeypatch.setattr(process_module, "_START_SECONDS", 1.0)
    replace_child(monkeypatch, "import time; time.sleep(1000)")

    with ArrayReader() as reader, pytest.raises(ArrayError, match=r"takes more than 0\.1 seconds"):
        reader.read_mat(tmp_path / "f.mat", ["a"])


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="the system does not tell the size of a process"
)
def test_memory_of_the_process_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat(tmp_path / "f.mat", {"a": np.ones(2)})
    replace_child(monkeypatch, "bytearray(4 << 30)")

    with (
        ArrayReader() as reader,
        pytest.raises(ArrayError, match="needs more memory than its arrays may have"),
    ):
        reader.read_mat(tmp_path / "f.mat", ["a"])


def test_error_in_the_middle_of_an_array_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat(tmp_path / "f.mat", {"a": np.ones(2)})
    replace_child(
        monkeypatch,
        "import numpy as np; from reidbench.arrays.messages import send, send_array; "
        "send(answers, {'stored': [], 'names': ['a']}); "
        "send_array(answers, np.dtype('f8'), (8,), (np.ones(4 // k) for k in (1, 0)))",
    )

    with ArrayReader() as reader, pytest.raises(ArrayError, match="division"):
        reader.read_mat(tmp_path / "f.mat", ["a"])


def test_files_of_a_block_share_one_process(tmp_path: Path) -> None:
    savemat(tmp_path / "f.mat", {"a": np.ones(2)})

    def check() -> None:
        with share_reader() as outer:
            processes = set()
            for _ in range(3):
                with share_reader() as reader:
                    reader.read_mat(tmp_path / "f.mat", ["a"])
                    processes.add(reader._process)
            assert len(processes) == 1
            (process,) = processes
            assert process is not None
        assert process.poll() is not None
        assert outer._process is None

    # All tests are inside of such a block.
    Context().run(check)


@pytest.mark.skipif(os.name != "posix", reason="needs file descriptors of POSIX")
def test_output_of_a_library_is_not_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat(tmp_path / "f.mat", {"a": np.ones(2)})
    replace_child(
        monkeypatch,
        "import os; os.write(1, b'noise\\n'); print('noise'); from reidbench.arrays.messages import send; "
        "send(answers, {'stored': ['b'], 'names': []})",
    )

    with ArrayReader() as reader:
        assert reader.read_mat(tmp_path / "f.mat", ["a"]) == ({}, ("b",))
