"""Trains every network on rendered people, with and without what its paper credits most, and prints a table.

    python benchmarks/network_claims.py
    python benchmarks/network_claims.py --seeds 0 1 2 --protocols demo-image

Each row is one `reidbench run --preset small`, so an interrupted table goes on where it stopped and a repeated one
comes from the cache. Behind each figure stands its 95 % interval over trials and people; p is that of a paired
permutation test over people of rank-1 against the whole method in the same seed (not corrected for the number of
tests). The last columns say where the attention lies: its mass on the person beside the area of the person, and the
weight of occluded frames by that of clear ones. All data is synthetic.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tabulate import tabulate

from reidbench.evaluation import paired_permutation_test
from reidbench.leaderboard.rank import read_scores

Record = dict[str, Any]
Row = tuple[str, str, dict[str, str]]  # method, what is left of it, settings on top of `small`

TRIPLET = {"lambda1": "0", "lambda2": "0"}
MATCHING: list[Row] = [
    ("duatm", "whole", {}),
    ("duatm", "untrained", {"epochs": "0"}),
    ("duatm", "without de-correlation", {"lambda1": "0"}),
    ("duatm", "without cross-entropy", {"lambda2": "0"}),
    ("duatm", "triplets alone", TRIPLET),
    ("duatm", "triplets, intra alone", {"matching": "intra", **TRIPLET}),
    ("duatm", "triplets, inter alone", {"matching": "inter", **TRIPLET}),
    ("duatm", "triplets, average pooling", {"matching": "avgpool", **TRIPLET}),
]
ROWS: dict[str, list[Row]] = {
    "demo": [
        ("siamese-convgru", "whole", {}),
        ("siamese-convgru", "untrained", {"epochs": "0"}),
        ("conv-attention", "whole", {}),
        ("conv-attention", "untrained", {"epochs": "0"}),
        ("conv-attention", "without attention", {"attention_filters": "0"}),
        ("diversity-attention", "whole", {}),
        ("diversity-attention", "untrained", {"epochs": "0"}),
        ("diversity-attention", "without diversity", {"diversity": "none"}),
        *(row for row in MATCHING if row[1] not in ("without de-correlation", "without cross-entropy")),
        ("color-lbp", "whole", {}),
    ],
    "demo-image": [*MATCHING, ("color-lbp", "whole", {})],
}


def run(row: Row, protocol: str, seed: int, output: Path) -> tuple[Path, Record]:
    """Run one row, or take it from the cache."""
    method, _, settings = row
    command = [sys.executable, "-m", "reidbench", "run", "-m", method, "-p", protocol, "--seed", str(seed)]
    command += ["--output", str(output), "--json"]
    if method != "color-lbp":
        command += ["--preset", "small"]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    record: Record = json.loads(answer.stdout)
    name = f"{method}-{record['fingerprints']['run']}.json"
    return output / "records" / protocol / name, record


def figure(summary: dict[str, float | None] | None, digits: int = 1, factor: float = 100) -> str:
    """Return a mean with its interval."""
    if summary is None or summary["mean"] is None:
        return "-"
    text = f"{factor * summary['mean']:.{digits}f}"
    if summary["low"] is None or summary["high"] is None:
        return text
    return f"{text} [{factor * summary['low']:.{digits}f}, {factor * summary['high']:.{digits}f}]"


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def main() -> None:
    """Run all rows and print a Markdown table of each protocol."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--protocols", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--output", type=Path, default=Path("runs"))
    given = parser.parse_args()
    for protocol in given.protocols:
        lines = []
        for seed in given.seeds:
            whole: dict[str, Any] = {}
            for row in ROWS[protocol]:
                method, left, _ = row
                if seed != given.seeds[0] and (method == "color-lbp" or left == "untrained"):
                    continue
                path, record = run(row, protocol, seed, given.output)
                scores = read_scores(path, record)
                whole.setdefault(method, scores)
                p = "" if left == "whole" else _p_value(paired_permutation_test(scores, whole[method]))
                attended = record.get("attention", {}).get("figures", {})
                person, area = attended.get("person"), attended.get("person_area")
                where = "-"
                if person is not None and person["mean"] is not None:
                    where = f"{figure(person)} of {figure({**area, 'low': None})}"
                lines.append(
                    {
                        "method": method,
                        "variant": left,
                        "seed": seed,
                        "rank-1": figure(record["figures"]["rank1"]),
                        "p": p,
                        "mAP": figure(record["figures"]["map"]),
                        "fit s": f"{record['seconds']['fit']:.0f}",
                        "on the person, of area": where,
                        "occluded : clear": figure(attended.get("occluded_weight"), 2, 1),
                    }
                )
        print(f"\n### {protocol} (synthetic)\n")
        print(tabulate(lines, headers="keys", tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
