"""Measures the renderer: milliseconds per frame of rendered tracks on one core, with encoding.

    python benchmarks/rendering_speed.py [--people 100] [--frames 16] [--repeats 5] [--masks] [--json FILE]

Each repeat renders the tracks of all people in the two cameras of iLIDS-VID in memory and encodes every frame, as for
a tree, but writes no file. People, walkers and backdrops are drawn for each repeat. The script prints the median over
the repeats, in CPU time and in wall-clock time, for frames as JPEG and as PNG.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import cv2

from reidbench.datasets.image_files import encode_image
from reidbench.datasets.synthetic import backdrop
from reidbench.datasets.synthetic.cameras import CAMERAS
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.scene import Track

# No reported figure uses this seed.
SEED = 1901


def measure(people: int, frames: int, *, suffix: str, masks: bool) -> tuple[float, float]:
    """Return CPU time and wall-clock time of one repeat, in milliseconds per frame."""
    backdrop.draw_backdrop.cache_clear()
    cpu, wall = time.process_time(), time.perf_counter()
    for index, person in enumerate(draw_people(SEED, people)):
        for camera in CAMERAS:
            track = Track(person, camera, seed=SEED, index=index, frames=frames)
            for frame in range(frames):
                encode_image(track.render(frame), suffix, is_rendered=True)
                if masks:
                    encode_image(track.render_mask(frame), ".png", is_rendered=True)
    count = people * len(CAMERAS) * frames
    return 1e3 * (time.process_time() - cpu) / count, 1e3 * (time.perf_counter() - wall) / count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=100, help="people per repeat (default: 100)")
    parser.add_argument("--frames", type=int, default=16, help="frames per track (default: 16)")
    parser.add_argument("--repeats", type=int, default=5, help="repeats (default: 5)")
    parser.add_argument("--masks", action="store_true", help="render and encode masks, too")
    parser.add_argument("--json", type=Path, help="write the measurements to this file")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    results = {}
    for suffix in (".jpg", ".png"):
        times = [
            measure(arguments.people, arguments.frames, suffix=suffix, masks=arguments.masks)
            for _ in range(arguments.repeats)
        ]
        cpu, wall = (statistics.median(column) for column in zip(*times, strict=True))
        results[suffix] = {"cpu_ms": cpu, "wall_ms": wall}
        print(f"{suffix}: {cpu:.2f} ms of CPU time per frame, {wall:.2f} ms of wall-clock time")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
