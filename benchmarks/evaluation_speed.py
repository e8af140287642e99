"""Times the whole evaluation against the bare matrix product of its features, and reads its memory.

    python benchmarks/evaluation_speed.py
    python benchmarks/evaluation_speed.py --million
    python benchmarks/evaluation_speed.py --torchreid
    python benchmarks/evaluation_speed.py --labels ../shared/data

Prints, for the sizes of Market-1501 and MARS, the median and the range of the ratio between `evaluate(...)`, input
checks and all figures included, and `query @ gallery.T`; the two take turns, so that a busy machine slows both. The
same ratio of processor time stands beside it, and the peak of the memory beyond the features, read in a process of
its own. Features are made up: a centre for each person, a shift for each camera and noise (as trained networks
give), or nothing but noise. Labels have the official counts, or are the official ones with `--labels`.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from reidbench.evaluation import evaluate

Labels = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]
]  # as `evaluate` takes them
LATENT = 64  # directions in which people differ
PRODUCT_COLUMNS = (
    1 << 17
)  # of the bare product at once: a million in one piece would be memory, not arithmetic


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """How much there is to evaluate."""

    name: str
    people: int
    queries: int
    gallery: int
    distractors: int
    dimensions: int


SIZES = [
    Size(name="market", people=750, queries=3368, gallery=15913, distractors=2798, dimensions=512),
    Size(name="mars", people=626, queries=1980, gallery=11310, distractors=3248, dimensions=1024),
]
MILLION = Size(
    name="million", people=250, queries=1000, gallery=1_000_000, distractors=985_000, dimensions=512
)


def made_up_labels(size: Size, cameras: int = 6) -> Labels:
    """Draw two or more cameras for each person, one query in each, and gallery items in the same cameras."""
    random = np.random.default_rng(0)
    counts = np.full(size.people, 2)
    while counts.sum() < size.queries:
        person = random.integers(size.people)
        counts[person] += counts[person] < cameras
    pids = np.repeat(np.arange(1, size.people + 1), counts)
    camids = np.concatenate([random.permutation(cameras)[:count] for count in counts])
    more = random.integers(0, size.queries, size.gallery - size.distractors - size.queries)
    strays = random.integers(0, cameras, size.distractors)
    gallery_pids = np.concatenate([pids, pids[more], np.zeros(size.distractors, np.int64)])
    return pids, gallery_pids, camids, np.concatenate([camids, camids[more], strays])


def official_labels(size: Size, folder: Path) -> Labels:
    """Read the official label files, without junk."""
    from scipy.io import loadmat

    def column(file: str, name: str) -> NDArray[np.int64]:
        values: NDArray[np.int64] = loadmat(folder / file)[name].astype(np.int64)
        return values

    if size.name == "mars":
        table, rows = (
            column("mars/tracks_test_info.mat", "track_test_info"),
            column("mars/query_IDX.mat", "query_IDX"),
        )
        gallery, query = table[table[:, 2] >= 0], table[rows.ravel() - 1]
        return query[:, 2], gallery[:, 2], query[:, 3], gallery[:, 3]
    pids, camids = (
        column("market1501/testID.mat", "testID").ravel(),
        column("market1501/testCam.mat", "testCAM").ravel(),
    )
    query_pids = column("market1501/queryID.mat", "queryID").ravel()
    query_camids = column("market1501/queryCam.mat", "queryCAM").ravel()
    return query_pids, pids[pids >= 0], query_camids, camids[pids >= 0]


def made_up_features(size: Size, labels: Labels, noise: float | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw features for both sides; `noise` None means noise alone."""
    generator = torch.Generator().manual_seed(0)
    people = int(max(labels[0].max(), labels[1].max())) + 1
    looks = torch.randn(people, LATENT, generator=generator)
    cameras = 0.4 * torch.randn(16, LATENT, generator=generator)
    spread = torch.randn(LATENT, size.dimensions, generator=generator) / LATENT**0.5

    def side(pids: NDArray[np.int64], camids: NDArray[np.int64]) -> torch.Tensor:
        features = torch.randn(len(pids), size.dimensions, generator=generator)
        if noise is None:
            return features
        for part, pid, camid in zip(
            torch.split(features, 1 << 14),
            torch.split(torch.from_numpy(pids), 1 << 14),
            torch.split(torch.from_numpy(camids), 1 << 14),
            strict=True,
        ):
            look = torch.where(
                pid[:, None] > 0, looks[pid], torch.randn(len(pid), LATENT, generator=generator)
            )
            level = noise * (0.5 + torch.rand(len(pid), 1, generator=generator))
            look = look + cameras[camid] + level * torch.randn(len(pid), LATENT, generator=generator)
            part.mul_(0.1).addmm_(look, spread)
        return features

    return side(labels[0], labels[2]), side(labels[1], labels[3])


def product(query: torch.Tensor, gallery: torch.Tensor) -> None:
    """Do the arithmetic that no exact evaluation can do without."""
    for part in torch.split(gallery, PRODUCT_COLUMNS):
        query @ part.T


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return seconds by the clock and of all processors."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - used


def ratios(
    work: Callable[[], object], base: Callable[[], object], repeats: int
) -> tuple[list[float], list[float], float]:
    """Let both take turns, the first not counted; return the ratios by clock and processor, and the base."""
    turns = [(timed(base), timed(work)) for _ in range(repeats + 1)][1:]
    clock, processor = ([pair[1][kind] / pair[0][kind] for pair in turns] for kind in (0, 1))
    return clock, processor, statistics.median(pair[0][0] for pair in turns)


def status(field: str) -> float:
    """Read a size of this process from the kernel, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def peak_memory(size: Size, labels: Labels, noise: float | None) -> float:
    """Return the MB that one evaluation takes beyond its features; to be called in a process of its own."""
    features = made_up_features(size, labels, noise)
    few = [side[:50] for side in labels]
    evaluate(features[0][:50], features[1][:50], *few)  # loads what is loaded only once
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # lets the peak start anew
    evaluate(*features, *labels)
    return status("VmHWM") - before


def peak_memory_apart(*arguments: Any) -> str:
    """Call `peak_memory` in a fresh process; a dash where the system does not tell."""
    context = multiprocessing.get_context("spawn")
    with contextlib.suppress(OSError), context.Pool(1) as pool:
        return f"{pool.apply(peak_memory, arguments):.0f} MB"
    return "-"


def torchreid_work(query: torch.Tensor, gallery: torch.Tensor, labels: Labels) -> Callable[[], object] | None:
    """Return torchreid's evaluation in Python, or None where it is not installed."""
    try:
        from torchreid import metrics  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        print(f"torchreid is not installed ({error}): pip install torchreid gdown tensorboard")
        return None

    def work() -> object:
        distances = metrics.compute_distance_matrix(query, gallery, "euclidean").numpy()
        pids, gallery_pids, camids, gallery_camids = labels
        return metrics.evaluate_rank(distances, pids, gallery_pids, camids, gallery_camids, use_cython=False)

    return work


def report(size: Size, labels: Labels, noise: float | None, arguments: argparse.Namespace) -> None:
    """Measure and print one line."""
    query, gallery = made_up_features(size, labels, noise)
    scores = evaluate(query, gallery, *labels)
    work = torchreid_work(query, gallery, labels) if arguments.torchreid else None
    if arguments.torchreid and work is None:
        return
    ours: Callable[[], object] = functools.partial(evaluate, query, gallery, *labels)
    base = ours if work else functools.partial(product, query, gallery)
    clock, processor, seconds = ratios(work or ours, base, arguments.repeats)
    memory = "" if work else peak_memory_apart(size, labels, noise)
    print(f"{size.name:8} {'noise' if noise is None else f'people {noise}':11} {scores.map:6.3f} "
          f"{1000 * seconds:8.0f} ms {statistics.median(clock):8.2f} [{min(clock):.2f}, {max(clock):.2f}] "
          f"{statistics.median(processor):8.2f} {memory:>8}", flush=True)  # fmt: skip


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--million", action="store_true", help="1,000 queries and 1,000,000 items instead")
    parser.add_argument("--torchreid", action="store_true", help="torchreid's evaluation over ours instead")
    parser.add_argument("--labels", type=Path, metavar="DIR", help="folder of the official label files")
    parser.add_argument(
        "--noise", type=float, nargs="+", default=[0.6, 0.7], help="noise of the structured features"
    )
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    what = "ours, torchreid / ours" if arguments.torchreid else "product, evaluate / product"
    print(
        f"{torch.get_num_threads()} threads; columns: size, features, mAP, {what}: clock [range], processor; memory"
    )
    for size in [MILLION] if arguments.million else SIZES:
        official = arguments.labels is not None and not arguments.million
        labels = official_labels(size, arguments.labels) if official else made_up_labels(size)
        for noise in [*arguments.noise, None]:
            report(size, labels, noise, arguments)


if __name__ == "__main__":
    main()
