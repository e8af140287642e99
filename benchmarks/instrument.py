"""Measure whether the rendered people are a valid instrument, and print each bound with its value.

    python benchmarks/instrument.py --seeds 101 102 103 --only audits
    python benchmarks/instrument.py --seeds 101 102 103

Every part runs on copies of the protocols with the given seeds of the renderer; seeds that were used to choose the
renderer's settings must not be given. Figures pool the trials of all seeds, with 95 % intervals over trials and people.
Results are kept in a JSON file: run the same command again to go on after an interruption, or with other parts. Bounds
of parts that were not measured on all seeds are not printed. All data is synthetic.

audits: all audits. networks: every network with its preset small, trained and untrained, and the other methods.
frames: trained networks with 1 and 16 frames. oracle: the true parameters of the appearance with the noise of a view.
masks: a network without attention on all pixels, and on frames that show the person only.
Agreement of rankings is printed once audits and networks were measured on two seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from instrument_parts.bounds import check_bounds
from instrument_parts.measure import (
    Workplace,
    measure_audits,
    measure_frames,
    measure_masks,
    measure_networks,
    measure_oracle,
    write_copies,
)
from instrument_parts.results import Results
from tabulate import tabulate

PARTS: dict[str, Callable[[Workplace, str, int], None]] = {
    "audits": measure_audits,
    "oracle": measure_oracle,
    "networks": measure_networks,
    "frames": measure_frames,
    "masks": measure_masks,
}


def main() -> None:
    """Measure the chosen parts, and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", nargs="+", type=int, required=True, help="seeds of the renderer")
    parser.add_argument("--protocols", nargs="+", default=["demo", "demo-image"], help="for example ilids")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="parts to run")
    parser.add_argument("--methods", nargs="+", default=[], help="run only these methods, besides audits")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of all networks")
    parser.add_argument("--plugin", type=Path, action="append", default=[], help="load a single-file plugin")
    parser.add_argument(
        "--output", type=Path, default=Path("runs/instrument"), help="directory of results and records"
    )
    arguments = parser.parse_args()
    plugins = write_copies(
        arguments.protocols, arguments.seeds, arguments.output / "protocols", arguments.plugin
    )
    overrides = dict(assignment.split("=", 1) for assignment in arguments.set)
    results = Results(arguments.output / "results.json")
    work = Workplace(plugins, arguments.output, results, arguments.methods, overrides)
    for part in arguments.only:
        for protocol in arguments.protocols:
            for seed in arguments.seeds:
                print(f"{part}: {protocol}, seed {seed}", flush=True)
                PARTS[part](work, protocol, seed)
    bounds = [
        bound
        for protocol in arguments.protocols
        for bound in check_bounds(work.results, protocol, arguments.seeds)
    ]
    rows = [
        {"protocol": bound.protocol, "bound": bound.text, "measured": bound.value, "": bound.verdict}
        for bound in bounds
    ]
    met = sum(bound.is_met for bound in bounds)
    print(f"\nrenderer seeds {', '.join(map(str, arguments.seeds))} (synthetic)\n")
    print(tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True))
    print(f"\n{met} of {len(bounds)} bounds are met")


if __name__ == "__main__":
    main()
