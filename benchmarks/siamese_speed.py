"""Times one training step and the embedding of siamese-convgru, with made-up frames.

    python benchmarks/siamese_speed.py --preset small
    python benchmarks/siamese_speed.py --preset paper --device cuda --set weights=none --set finetune_backbone=true

Prints milliseconds per pair in training (median of the repeats, with the quartiles), frames per second in
embedding, and the peak memory; the frames are noise, which costs what pictures cost.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import torch
from reidbench_plugins.siamese_convgru.config import PRESETS
from reidbench_plugins.siamese_convgru.frames import load_size, normalize_clips
from reidbench_plugins.siamese_convgru.network import SiameseConvGRU
from reidbench_plugins.siamese_convgru.training import PairObjective

from reidbench.plugin import apply_overrides


def timed(work: Callable[[], object], repeats: int, device: str) -> list[float]:
    """Return the seconds of each repeat, after one that does not count."""
    seconds = []
    for repeat in range(repeats + 1):
        started = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        if repeat:
            seconds.append(time.perf_counter() - started)
    return seconds


def main() -> None:
    """Build, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="small", choices=sorted(PRESETS))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=10)
    arguments = parser.parse_args()
    config = apply_overrides(PRESETS[arguments.preset], dict(item.split("=", 1) for item in arguments.set))
    network = SiameseConvGRU(config).to(arguments.device)
    objective, pairs, frames = PairObjective(network), config.batch_pairs, config.clip_len
    optimizer = torch.optim.RMSprop(network.parameter_groups())
    height, width = load_size(config) or (128, 64)
    clips = torch.randint(
        0, 256, (2 * pairs, frames, height, width, 3), dtype=torch.uint8, device=arguments.device
    )
    same = torch.arange(pairs, device=arguments.device) % 2 == 0
    precision = {"none": None, "fp16": torch.float16, "bf16": torch.bfloat16}[config.amp]

    def step() -> None:
        with torch.autocast(arguments.device, dtype=precision, enabled=precision is not None):
            loss = objective((clips, same))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    @torch.inference_mode()
    def embed() -> None:
        network(normalize_clips(clips, config))

    training = sorted(1000 * seconds / pairs for seconds in timed(step, arguments.repeats, arguments.device))
    network.eval()
    embedding = 2 * pairs * frames / statistics.median(timed(embed, arguments.repeats, arguments.device))
    low, middle, high = statistics.quantiles(training, n=4)
    if arguments.device == "cpu":
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    else:
        peak = torch.cuda.max_memory_allocated() / 2**30
    print(f"{arguments.preset} on {arguments.device}, {torch.get_num_threads()} threads: "
          f"{middle:.2f} ms per pair in training [{low:.2f}, {high:.2f}], {embedding:.0f} frames per second in "
          f"embedding, peak {peak:.2f} GiB")  # fmt: skip


if __name__ == "__main__":
    main()
