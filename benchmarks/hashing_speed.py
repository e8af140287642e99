"""Measure how long hashing the frames of a dataset takes, the first time and with the memory of a previous run.

    python benchmarks/hashing_speed.py
    python benchmarks/hashing_speed.py --files 1000000 --folder /data/scratch

Writes files of random bytes in the structure of MARS (tracklets of 58 frames, 16 tracklets per folder) to a temporary
folder, and removes them at the end. The files have just been written, so the system has them in memory: a disk adds its
own time. Prints the seconds, the files per second, and the seconds for a million files at this rate.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

from reidbench.datasets.hashing import FileHasher, Group
from reidbench.files import replacing

FRAMES, TRACKLETS = 58, 16
# Files that changed within two seconds before hashing are not remembered.
SETTLE_SECONDS = 2.1


def write_files(root: Path, count: int, size: int) -> list[Group]:
    """Write `count` files of `size` random bytes and return the tracklets."""
    groups: list[Group] = []
    block = os.urandom(size)
    for first in range(0, count, FRAMES):
        folder = f"{len(groups) // TRACKLETS:04d}"
        (root / folder).mkdir(exist_ok=True)
        names = [f"{index:07d}.jpg" for index in range(first, min(first + FRAMES, count))]
        for name in names:
            # Different contents, since equal ones would be faster on some file systems.
            (root / folder / name).write_bytes(name.encode() + block[len(name) :])
        groups.append((folder, names))
    return groups


def measure(label: str, hasher: FileHasher, root: Path, groups: list[Group]) -> None:
    """Hash all groups and print the time."""
    files = sum(len(names) for _, names in groups)
    started = time.perf_counter()
    hasher.hash_groups(root, groups)
    seconds = time.perf_counter() - started
    print(
        f"{label:<28} {seconds:8.2f} s  {files / seconds:12,.0f} files/s  {1e6 * seconds / files:8.1f} s per million"
    )


def main() -> None:
    """Write the files, measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=100_000, help="number of files, at least 1")
    parser.add_argument("--size", type=int, default=10_000, help="bytes of a file, at least 100")
    parser.add_argument("--folder", type=Path, help="parent of the temporary folder")
    arguments = parser.parse_args()
    for name, minimum in (("files", 1), ("size", 100)):
        if getattr(arguments, name) < minimum:
            parser.error(f"--{name} must be at least {minimum}, got {getattr(arguments, name)}")
    folder = Path(tempfile.mkdtemp(prefix="hashing_speed.", dir=arguments.folder))
    try:
        root, memory = folder / "files", folder / "digests"
        root.mkdir()
        groups = write_files(root, arguments.files, arguments.size)
        time.sleep(SETTLE_SECONDS)
        print(f"{arguments.files:,} files of {arguments.size:,} bytes, {os.cpu_count()} cores")
        measure("first run", FileHasher(memory=memory), root, groups)
        measure("with the digests in memory", FileHasher(memory=memory), root, groups)
        # One file with other contents and the same size and time stamp.
        with replacing(root / groups[0][0] / groups[0][1][0]) as path:
            path.write_bytes(os.urandom(arguments.size))
        measure("one file replaced", FileHasher(memory=memory), root, groups)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
