"""Times k-reciprocal re-ranking against the authors' NumPy code, on random features of the size of Market-1501.

    python benchmarks/reranking_speed.py --threads 2
    python benchmarks/reranking_speed.py --device cuda --without-reference

The authors' code is the copy in the package torchreid (0.2.5 was used), of which one file is read; its own
requirements are not needed. Each side runs in a process of its own, whose peak memory is printed. The reference needs
three distance matrices, so making them is part of its time, and its time without them is printed too. Some 9 GB of
memory are needed for it at the default size, and a few minutes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reidbench.evaluation.reranking import rerank
from reidbench.nn import euclidean

Figures = dict[str, float]


def draw_features(queries: int, gallery: int, dimensions: int) -> tuple[Tensor, Tensor]:
    """Return features (Q, D) and (G, D): people, half of them distractors, and noise that hides some matches."""
    generator = torch.Generator().manual_seed(0)
    people = max(2, gallery // 10)
    centres = torch.randn(people, dimensions, generator=generator)
    noise = 1.3 * torch.randn(queries + gallery, dimensions, generator=generator)
    asked = torch.randint(people // 2, (queries,), generator=generator)
    shown = torch.randint(people, (gallery,), generator=generator)
    return noise[:queries] + centres[asked], noise[queries:] + centres[shown]


def reference_path() -> Path | None:
    """Return the file of the authors' code, without importing the package around it."""
    package = importlib.util.find_spec("torchreid")
    folders = package.submodule_search_locations if package else None
    found = [path for folder in folders or [] for path in sorted(Path(folder).rglob("utils/rerank.py"))]
    return found[0] if found else None


def reference() -> Callable[..., NDArray[np.float32]]:
    """Load the authors' function."""
    spec = importlib.util.spec_from_file_location("authors_rerank", reference_path() or "")
    if spec is None or spec.loader is None:
        raise SystemExit("torchreid has no utils/rerank.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.re_ranking  # type: ignore[no-any-return]


def run_reference(query: Tensor, gallery: Tensor) -> tuple[Tensor, Figures]:
    """Return the authors' distances (Q, G) and their seconds."""
    re_ranking = reference()
    started = time.perf_counter()
    pairs = [(query, gallery), (query, query), (gallery, gallery)]
    matrices = [euclidean(left, right).numpy() for left, right in pairs]
    made = time.perf_counter()
    final = torch.from_numpy(re_ranking(*matrices))
    ended = time.perf_counter()
    return final, {"seconds": ended - started, "matrices": made - started}


def run_ours(query: Tensor, gallery: Tensor, device: str) -> tuple[Tensor, Figures]:
    """Return our distances (Q, G), read in the blocks in which they are evaluated, and their seconds."""
    final = torch.empty(len(query), len(gallery))
    started = time.perf_counter()
    reranked = rerank(query, gallery, device=device)
    prepared = time.perf_counter()
    for row in range(0, len(query), 64):
        for column in range(0, len(gallery), 256):
            block = slice(row, min(row + 64, len(query))), slice(column, min(column + 256, len(gallery)))
            final[block] = reranked(*block).cpu()
    return final, {"seconds": time.perf_counter() - started, "prepare": prepared - started}


def run_apart(side: str, arguments: argparse.Namespace, folder: Path) -> Figures:
    """Run one side in a process of its own; return its figures."""
    sizes = [
        f"--{name}={getattr(arguments, name)}" for name in ("queries", "gallery", "dimensions", "threads")
    ]
    command = [sys.executable, __file__, *sizes, f"--device={arguments.device}", f"--side={side}"]
    output = subprocess.run([*command, f"--save={folder / side}.npy"], check=True, stdout=subprocess.PIPE)
    figures: Figures = json.loads(output.stdout)
    return figures


def run_here(arguments: argparse.Namespace) -> None:
    """Run one side in this process, save its distances and print its figures."""
    query, gallery = draw_features(arguments.queries, arguments.gallery, arguments.dimensions)
    if arguments.side == "reference":
        final, figures = run_reference(query, gallery)
    else:
        final, figures = run_ours(query, gallery, arguments.device)
    figures["gigabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    np.save(arguments.save, final.numpy())
    print(json.dumps(figures))


def compare(folder: Path) -> str:
    """Return how far the two results lie apart, a thousand queries at a time."""
    left, right = (np.load(folder / f"{side}.npy", mmap_mode="r") for side in ("ours", "reference"))
    largest, apart = 0.0, 0
    for start in range(0, len(left), 1000):
        difference = np.abs(left[start : start + 1000] - right[start : start + 1000])
        largest, apart = max(largest, float(difference.max())), apart + int((difference > 1e-5).sum())
    return f"largest difference {largest:.1e}; {apart} of {left.size} distances differ by more than 1e-5"


def report(arguments: argparse.Namespace, folder: Path) -> None:
    """Run both sides and print."""
    size = (
        f"{arguments.queries} queries, {arguments.gallery} gallery items, {arguments.dimensions} dimensions"
    )
    print(f"{size}, {arguments.threads} threads")
    ours = run_apart("ours", arguments, folder)
    print(f"reidbench on {arguments.device}: {ours['seconds']:.1f} s ({ours['prepare']:.1f} s before the first "
          f"distance), peak {ours['gigabytes']:.2f} GiB")  # fmt: skip
    if arguments.without_reference:
        return
    if reference_path() is None:
        print("no reference: the package torchreid is not installed (pip install --no-deps torchreid)")
        return
    theirs = run_apart("reference", arguments, folder)
    bare = theirs["seconds"] - theirs["matrices"]
    print(f"authors' code: {theirs['seconds']:.1f} s ({theirs['matrices']:.1f} s for its distance matrices), "
          f"peak {theirs['gigabytes']:.2f} GiB")  # fmt: skip
    print(f"{theirs['seconds'] / ours['seconds']:.1f} times as fast ({bare / ours['seconds']:.1f} times "
          f"where its matrices cost nothing); {compare(folder)}")  # fmt: skip


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=3368)
    parser.add_argument("--gallery", type=int, default=15913)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--device", default="cpu", help="device of our side; the reference runs on the CPU only"
    )
    parser.add_argument("--without-reference", action="store_true")
    parser.add_argument("--side", choices=["ours", "reference"], help=argparse.SUPPRESS)
    parser.add_argument("--save", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.side:
        run_here(arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        report(arguments, Path(folder))


if __name__ == "__main__":
    main()
