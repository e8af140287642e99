"""Time the evaluation against the matrix product of its features, and measure its memory.

    python benchmarks/evaluation_speed.py --clusters
    python benchmarks/evaluation_speed.py
    python benchmarks/evaluation_speed.py --million
    python benchmarks/evaluation_speed.py --torchreid
    python benchmarks/evaluation_speed.py --labels DIR

`--clusters` needs no label files. It times four cases in one run, on 3,368 queries and 15,913 gallery items in 512
dimensions, which are Gaussian clusters of 750 people: good, weak and useless features, and good features while another
process is busy.

The other commands time the sizes of Market-1501 and MARS. Their features are random: a centre per person, a shift per
camera and noise (as trained networks return), or noise only. Labels have the official counts, or are the official
labels with `--labels`.

Each line prints the median and the range of the ratio of `evaluate(...)`, with input checks and all figures, to
`query @ gallery.T`. The two are timed in turns, so that other load slows both. The line ends with the ratio of
processor time and the peak memory beyond the features, measured in a process of its own.

`--clusters --queries 40 --gallery 200 --dimensions 16 --repeats 1` runs in seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from reidbench.evaluation import evaluate

# In the order of `evaluate`.
Labels = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
Features = tuple[torch.Tensor, torch.Tensor]
# Directions in which people differ.
LATENT = 64
# The product of a million items in one piece would measure memory instead of arithmetic.
PRODUCT_COLUMNS = 1 << 17
PEOPLE = 750
# Distance of the cluster centres in units of the noise, and whether another process is busy.
CLUSTERS = {
    "good": (0.495, False),
    "weak": (0.395, False),
    "useless": (0.0, False),
    "good, busy": (0.495, True),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """The size of an evaluation."""

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


def draw_labels(size: Size, cameras: int = 6) -> Labels:
    """Draw two or more cameras per person, one query in each, and gallery items in the same cameras."""
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


def draw_features(size: Size, labels: Labels, noise: float | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw features for both sides; `noise` None draws noise only."""
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


def cluster_case(spread: float, arguments: argparse.Namespace) -> tuple[Features, Labels]:
    """Draw Gaussian clusters of people: queries in camera 0, gallery items in six other cameras."""
    generator = torch.Generator().manual_seed(0)
    centres = spread * torch.randn(PEOPLE, arguments.dimensions, generator=generator)
    query_pids, gallery_pids = (np.arange(count) % PEOPLE for count in (arguments.queries, arguments.gallery))
    query, gallery = (
        centres[pids] + torch.randn(len(pids), arguments.dimensions, generator=generator)
        for pids in (query_pids, gallery_pids)
    )
    camids = np.random.default_rng(0).integers(1, 7, len(gallery_pids))
    return (query, gallery), (query_pids + 1, gallery_pids + 1, np.zeros_like(query_pids), camids)


@contextlib.contextmanager
def busy_process(is_busy: bool) -> Iterator[None]:
    """Keep one processor busy inside the block, if wanted."""
    if not is_busy:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def product(query: torch.Tensor, gallery: torch.Tensor) -> None:
    """Compute all inner products."""
    for part in torch.split(gallery, PRODUCT_COLUMNS):
        query @ part.T


def time_work(work: Callable[[], object]) -> tuple[float, float]:
    """Return the elapsed seconds and the seconds of all processors."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - used


def ratios(
    work: Callable[[], object], base: Callable[[], object], repeats: int
) -> tuple[list[float], list[float], float]:
    """Time both in turns after a first, uncounted turn; return both kinds of ratios and the seconds of the base."""
    turns = [(time_work(base), time_work(work)) for _ in range(repeats + 1)][1:]
    clock, processor = ([pair[1][kind] / pair[0][kind] for pair in turns] for kind in (0, 1))
    return clock, processor, statistics.median(pair[0][0] for pair in turns)


def status(field: str) -> float:
    """Read a size of this process from the kernel, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def peak_memory(size: Size, labels: Labels, noise: float | None) -> float:
    """Return the MB that one evaluation needs beyond its features; call this in a process of its own."""
    features = draw_features(size, labels, noise)
    few = [side[:50] for side in labels]
    # The first call loads libraries.
    evaluate(features[0][:50], features[1][:50], *few)
    before = status("VmRSS")
    # Reset the peak.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    evaluate(*features, *labels)
    return status("VmHWM") - before


def peak_memory_apart(*arguments: Any) -> str:
    """Call `peak_memory` in a new process; a dash where the system does not report it."""
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


def report(name: str, features: Features, labels: Labels, arguments: argparse.Namespace, memory: str) -> None:
    """Time one case and print its line."""
    scores = evaluate(*features, *labels)
    work = torchreid_work(*features, labels) if arguments.torchreid else None
    if arguments.torchreid and work is None:
        return
    ours: Callable[[], object] = functools.partial(evaluate, *features, *labels)
    base = ours if work else functools.partial(product, *features)
    clock, processor, seconds = ratios(work or ours, base, arguments.repeats)
    print(f"{name:20} {scores.map:6.3f} "
          f"{1000 * seconds:8.0f} ms {statistics.median(clock):8.2f} [{min(clock):.2f}, {max(clock):.2f}] "
          f"{statistics.median(processor):8.2f} {memory:>8}", flush=True)  # fmt: skip


def report_clusters(arguments: argparse.Namespace) -> None:
    """Time good, weak and useless features, and good ones beside a busy process."""
    for name, (spread, is_busy) in CLUSTERS.items():
        features, labels = cluster_case(spread, arguments)
        with busy_process(is_busy):
            report(name, features, labels, arguments, "")


def report_sizes(arguments: argparse.Namespace) -> None:
    """Time the sizes of the datasets, or a million items."""
    for size in [MILLION] if arguments.million else SIZES:
        official = arguments.labels is not None and not arguments.million
        labels = official_labels(size, arguments.labels) if official else draw_labels(size)
        for noise in [*arguments.noise, None]:
            name = f"{size.name}, {'noise' if noise is None else f'people {noise}'}"
            memory = "" if arguments.torchreid else peak_memory_apart(size, labels, noise)
            report(name, draw_features(size, labels, noise), labels, arguments, memory)


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--million", action="store_true", help="1,000 queries and 1,000,000 items")
    parser.add_argument("--torchreid", action="store_true", help="time torchreid's evaluation against ours")
    parser.add_argument("--labels", type=Path, metavar="DIR", help="directory of the official label files")
    parser.add_argument(
        "--noise", type=float, nargs="+", default=[0.6, 0.7], help="noise of the structured features"
    )
    parser.add_argument(
        "--clusters", action="store_true", help="good, weak and useless features, and a busy process"
    )
    parser.add_argument("--queries", type=int, default=3368, help="number of queries of --clusters")
    parser.add_argument("--gallery", type=int, default=15913, help="number of gallery items of --clusters")
    parser.add_argument("--dimensions", type=int, default=512, help="dimensions of --clusters")
    parser.add_argument("--repeats", type=int, default=7, help="number of timed turns")
    arguments = parser.parse_args()
    what = "ours, torchreid / ours" if arguments.torchreid else "product, evaluate / product"
    print(f"{torch.get_num_threads()} threads; columns: case, mAP, {what}: clock [range], processor; memory")
    if arguments.clusters:
        report_clusters(arguments)
    else:
        report_sizes(arguments)


if __name__ == "__main__":
    main()
