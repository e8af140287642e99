"""Hashing with a memory: which files are hashed again, and which are not."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reidbench import progress
from reidbench.datasets import digest_memory, hashing
from reidbench.datasets.hashing import FileHasher, Group
from reidbench.errors import CacheError, DatasetError

GROUPS: list[Group] = [("a", ("1.png", "2.png")), ("a", ("3.png",)), ("", ("b/c/4.png",))]
FILES = [f"{folder}/{name}".lstrip("/") for folder, names in GROUPS for name in names]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, file in enumerate(FILES):
        path = tmp_path / "data" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([number]) * 100)
    return tmp_path / "data"


@pytest.fixture
def hash_again(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Hash all groups an hour later, and return the files that were read."""
    read: list[str] = []
    now = time.time_ns
    monkeypatch.setattr(hashing.time, "time_ns", lambda: now() + 3_600_000_000_000)

    def check(path: str, head: bytes) -> None:
        read.append(Path(path).relative_to(root).as_posix())

    def run(**options: bool) -> list[str]:
        read.clear()
        hasher = FileHasher(memory=tmp_path / "cache/digests.bin", **options)
        assert hasher.hash_groups(root, GROUPS, check) == FileHasher().hash_groups(root, GROUPS)
        return sorted(read)

    return run


def test_digest_of_a_group_is_of_the_digests_of_its_files(root: Path) -> None:
    digests = FileHasher().hash_groups(root, GROUPS)

    for digest, (folder, names) in zip(digests, GROUPS, strict=True):
        files = [hashlib.sha256((root / folder / name).read_bytes()).digest() for name in names]
        assert digest == hashlib.sha256(b"".join(files)).digest()


def test_unchanged_files_are_hashed_once(hash_again: Callable[..., list[str]]) -> None:
    assert hash_again() == sorted(FILES)
    assert hash_again() == []


@pytest.mark.parametrize("shown", [True, False])
def test_progress_is_printed_on_request(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shown: bool
) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0)
    monkeypatch.setattr(hashing, "_BATCH", 1)

    FileHasher(shown=shown).hash_groups(root, GROUPS)

    # The first group has two files.
    lines = [f"hash {number} of 4" for number in (2, 3, 4)]
    assert capsys.readouterr().err.splitlines() == (lines if shown else [])


def test_files_larger_than_a_piece_are_hashed_in_full(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = FileHasher().hash_groups(root, GROUPS)
    monkeypatch.setattr(hashing, "_PIECE", 7)

    assert FileHasher().hash_groups(root, GROUPS) == whole


def test_processes_and_threads_give_equal_digests(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = FileHasher().hash_groups(root, GROUPS)
    monkeypatch.setattr(hashing, "_FILES_PER_PROCESS", 2)
    monkeypatch.setattr(hashing, "_BATCH", 1)

    assert FileHasher().hash_groups(root, GROUPS) == threads
    (root / "a/2.png").chmod(0o000)
    (root / "a/2.png").unlink()
    (root / "a/2.png").symlink_to("/proc/self/mem")
    with pytest.raises(DatasetError, match=r"2\.png"):
        FileHasher().hash_groups(root, GROUPS)


def overwrite_at_equal_size_and_time(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_another_file(path: Path) -> None:
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(b"y" * before.st_size)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"z")


@pytest.mark.parametrize("change", [overwrite_at_equal_size_and_time, replace_by_another_file, append])
def test_changed_file_and_its_group_are_hashed_again(
    root: Path, hash_again: Callable[..., list[str]], change: Callable[[Path], None]
) -> None:
    hash_again()
    change(root / "a/2.png")

    assert hash_again() == ["a/1.png", "a/2.png"]
    assert hash_again() == []


def test_files_changed_within_two_seconds_are_not_remembered(root: Path, tmp_path: Path) -> None:
    memory = tmp_path / "digests.bin"
    FileHasher(memory=memory).hash_groups(root, GROUPS)

    assert not memory.exists()


def test_file_that_changes_while_it_is_hashed_is_not_remembered(
    root: Path, hash_again: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_file = hashing._hash_file

    def change(path: str, check: Callable[[str, bytes], None] | None) -> bytes:
        if path.endswith("3.png"):
            Path(path).write_bytes(b"w" * 100)
        return hash_file(path, check)

    with monkeypatch.context() as patch:
        patch.setattr(hashing, "_hash_file", change)
        hash_again()

    assert hash_again() == ["a/3.png"]


def test_rehash_reads_all_files(hash_again: Callable[..., list[str]]) -> None:
    hash_again()

    assert hash_again(rehash=True) == sorted(FILES)
    assert hash_again() == []


def test_interrupted_hashing_continues(
    hash_again: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_file = hashing._hash_file

    def interrupt(path: str, check: Callable[[str, bytes], None] | None) -> bytes:
        if path.endswith("4.png"):
            raise KeyboardInterrupt
        return hash_file(path, check)

    monkeypatch.setattr(hashing, "_BATCH", 1)
    with monkeypatch.context() as patch:
        patch.setattr(hashing, "_hash_file", interrupt)
        with pytest.raises(KeyboardInterrupt):
            hash_again()

    assert hash_again() == ["b/c/4.png"]


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + b"!", lambda data: b""])
def test_damaged_memory_is_named_and_replaced(
    hash_again: Callable[..., list[str]],
    damage: Callable[[bytes], bytes],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hash_again()
    memory = tmp_path / "cache/digests.bin"
    memory.write_bytes(damage(memory.read_bytes()))

    with caplog.at_level(logging.WARNING):
        assert hash_again() == sorted(FILES)
    assert f"removed damaged cache entry {memory}" in caplog.text
    assert hash_again() == []


def test_cache_that_cannot_be_written_does_not_stop_hashing(
    hash_again: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, payload: bytes) -> None:
        raise CacheError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(digest_memory, "write_entry", refuse)
        assert hash_again() == sorted(FILES)
    assert hash_again() == sorted(FILES)


def test_system_without_change_times_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hashing, "has_change_times", lambda path: False)

    FileHasher(memory=tmp_path / "digests.bin").hash_groups(root, GROUPS)

    (line,) = caplog.messages
    assert "does not store when a file was changed (ctime)" in line
    assert "--no-resume hashes all files again" in line


@pytest.mark.parametrize("kind", ["missing", "folder", "dangling link"])
def test_frame_that_is_not_a_file_is_named(root: Path, kind: str) -> None:
    path = root / "a/2.png"
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "dangling link":
        path.symlink_to("nowhere")

    with pytest.raises(DatasetError, match=r"frame .*/a/2\.png is missing; restore it"):
        FileHasher().hash_groups(root, GROUPS)


def test_missing_folder_is_named(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read folder .*/c: No such file or directory; restore it"):
        FileHasher().hash_groups(root, [("c", ("1.png",))])
