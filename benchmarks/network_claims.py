"""Train every network and its ablations on rendered people, and print a table.

    python benchmarks/network_claims.py
    python benchmarks/network_claims.py --seeds 0 1 2 --protocols demo-image

Each row is one `reidbench run --preset small`: run the same command again to resume an interrupted table; a repeated
table uses cached results. Figures have 95 % intervals over trials and people. p is from a paired permutation test over
people that compares rank-1 with the full method of the same seed, not corrected for the number of tests. The last
columns describe the attention: its mass on the person and the area of the person, and the ratio of the weights of
occluded and clear frames. All data is synthetic.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tabulate import tabulate

from reidbench.evaluation import Scores, Summary, paired_permutation_test_seeds
from reidbench.records import Record

# Method, variant, and settings on top of the preset `small`.
Row = tuple[str, str, dict[str, str]]

TRIPLET = {"lambda1": "0", "lambda2": "0"}
MATCHING: list[Row] = [
    ("duatm", "full", {}),
    ("duatm", "untrained", {"epochs": "0"}),
    ("duatm", "without de-correlation", {"lambda1": "0"}),
    ("duatm", "without cross-entropy", {"lambda2": "0"}),
    ("duatm", "triplet loss only", TRIPLET),
    ("duatm", "triplet loss, intra only", {"matching": "intra", **TRIPLET}),
    ("duatm", "triplet loss, inter only", {"matching": "inter", **TRIPLET}),
    ("duatm", "triplet loss, average pooling", {"matching": "avgpool", **TRIPLET}),
]
ROWS: dict[str, list[Row]] = {
    "demo": [
        ("siamese-convgru", "full", {}),
        ("siamese-convgru", "untrained", {"epochs": "0"}),
        ("conv-attention", "full", {}),
        ("conv-attention", "untrained", {"epochs": "0"}),
        ("conv-attention", "without attention", {"attention_filters": "0"}),
        ("diversity-attention", "full", {}),
        ("diversity-attention", "untrained", {"epochs": "0"}),
        ("diversity-attention", "without diversity", {"diversity": "none"}),
        *(row for row in MATCHING if row[1] not in ("without de-correlation", "without cross-entropy")),
        ("color-lbp", "full", {}),
    ],
    "demo-image": [*MATCHING, ("color-lbp", "full", {})],
}


def run(row: Row, protocol: str, seed: int, arguments: argparse.Namespace) -> tuple[Path, Record]:
    """Run one row, or read its result from the cache; return the path of the record and the record."""
    method, _, settings = row
    command = [sys.executable, "-m", "reidbench", "run", "-m", method, "-p", protocol, "--seed", str(seed)]
    command += ["--output", str(arguments.output), "--json"]
    if arguments.plugin is not None:
        command += ["--plugin", str(arguments.plugin)]
    if method != "color-lbp":
        command += ["--preset", "small"]
        for assignment in [*arguments.set, *(f"{name}={value}" for name, value in settings.items())]:
            command += ["--set", assignment]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    record = Record.from_json(answer.stdout)
    return arguments.output / "records" / protocol / f"{record.stem}.json", record


def format_figure(summary: Summary | None, digits: int = 1, factor: float = 100) -> str:
    """Return a mean with its interval as text."""
    if summary is None or summary.mean is None:
        return "-"
    text = f"{factor * summary.mean:.{digits}f}"
    if summary.low is None or summary.high is None:
        return text
    return f"{text} [{factor * summary.low:.{digits}f}, {factor * summary.high:.{digits}f}]"


def format_attention(figures: Mapping[str, Summary]) -> str:
    """Return the mass of the attention on the person and the area of the person as text."""
    person, area = figures.get("person"), figures.get("person_area")
    if person is None or area is None or person.mean is None:
        return "-"
    return f"{format_figure(person)} of {format_figure(replace(area, low=None))}"


def measure_rows(protocol: str, rows: Sequence[Row], arguments: argparse.Namespace) -> list[dict[str, str]]:
    """Run the rows of a protocol with every seed; return the lines of the table."""
    lines = []
    for seed in arguments.seeds:
        full: dict[str, list[list[Scores]]] = {}
        for row in rows:
            method, variant, _ = row
            if seed != arguments.seeds[0] and (method == "color-lbp" or variant == "untrained"):
                continue
            path, record = run(row, protocol, seed, arguments)
            scores = record.read_scores(path)
            full.setdefault(method, scores)
            p = "" if variant == "full" else format_p(paired_permutation_test_seeds(scores, full[method]))
            attention = record.attention.figures if record.attention else {}
            lines.append(
                {
                    "method": method,
                    "variant": variant,
                    "seed": str(seed),
                    "rank-1": format_figure(record.figures["rank1"]),
                    "p": p,
                    "mAP": format_figure(record.figures["map"]),
                    "fit s": f"{record.seconds.fit:.0f}",
                    "on the person, of area": format_attention(attention),
                    "occluded : clear": format_figure(attention.get("occluded_weight"), 2, 1),
                }
            )
    return lines


def format_p(p: float) -> str:
    """Return a p-value as text."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def main() -> None:
    """Run all rows and print one Markdown table per protocol."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--protocols", nargs="+", default=list(ROWS), help="other protocols use the rows of demo"
    )
    parser.add_argument("--methods", nargs="+", help="run only these methods")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="seeds of training")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting")
    parser.add_argument("--plugin", type=Path, help="load a single-file plugin")
    parser.add_argument("--output", type=Path, default=Path("runs"), help="directory of the records")
    arguments = parser.parse_args()
    for protocol in arguments.protocols:
        rows = ROWS.get(protocol, ROWS["demo"])
        rows = [row for row in rows if arguments.methods is None or row[0] in arguments.methods]
        lines = measure_rows(protocol, rows, arguments)
        print(f"\n### {protocol} (synthetic)\n")
        print(tabulate(lines, headers="keys", tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
