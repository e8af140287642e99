"""Measure the speed of training and embedding of siamese-convgru on random frames.

    python benchmarks/siamese_speed.py --preset small
    python benchmarks/siamese_speed.py --preset paper --device cuda --set weights=none --set finetune_backbone=true

Prints the milliseconds per pair in training (median of the repeats and quartiles), the frames per second in embedding,
and the peak memory.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import torch
from reidbench_plugins.siamese_convgru.config import PRESETS
from reidbench_plugins.siamese_convgru.network import SiameseConvGRU
from reidbench_plugins.siamese_convgru.training import PairObjective

from reidbench.nn import normalize_clips
from reidbench.plugin.config import apply_overrides


def measure(work: Callable[[], object], repeats: int, device: torch.device) -> list[float]:
    """Return the seconds of each repeat, after a warm-up run."""
    seconds = []
    for repeat in range(repeats + 1):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if repeat:
            seconds.append(time.perf_counter() - started)
    return seconds


def main() -> None:
    """Build the network, measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="small", choices=sorted(PRESETS), help="preset of the method")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting")
    parser.add_argument("--device", default="cpu", help="torch device")
    parser.add_argument("--repeats", type=int, default=10, help="number of measurements, at least 2")
    arguments = parser.parse_args()
    if arguments.repeats < 2:
        parser.error(f"--repeats must be at least 2, got {arguments.repeats}")
    config = apply_overrides(PRESETS[arguments.preset], dict(item.split("=", 1) for item in arguments.set))
    device = torch.device(arguments.device)
    network = SiameseConvGRU(config).to(device)
    objective, pairs, frames = PairObjective(network), config.batch_pairs, config.clip_len
    optimizer = torch.optim.RMSprop(network.parameter_groups())
    shape = (2 * pairs, frames, *config.input_size, 3)
    clips = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)
    same = torch.arange(pairs, device=device) % 2 == 0
    precision = {"none": None, "fp16": torch.float16, "bf16": torch.bfloat16}[config.amp]

    def train_step() -> None:
        with torch.autocast(device.type, dtype=precision, enabled=precision is not None):
            loss = objective((clips, same))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    @torch.inference_mode()
    def embed() -> None:
        network(normalize_clips(clips, config.input_size))

    training = [1000 * seconds / pairs for seconds in measure(train_step, arguments.repeats, device)]
    network.eval()
    embedding = 2 * pairs * frames / statistics.median(measure(embed, arguments.repeats, device))
    low, middle, high = statistics.quantiles(training, n=4)
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / 2**30
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{arguments.preset} on {device}, {torch.get_num_threads()} threads: {middle:.2f} ms per pair in training "
        f"[{low:.2f}, {high:.2f}], {embedding:.0f} frames per second in embedding, peak {peak:.2f} GiB"
    )


if __name__ == "__main__":
    main()
