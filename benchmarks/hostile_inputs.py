"""Damages inputs of every kind and counts what their readers do with them.

Every reader of `tests/hostile` gets its share of the inputs: records, cache entries, feature files, trees of each
dataset, frames, protocols, plugin files and command lines. Worker processes read them; a hang, a crash or too much
memory is an outcome. An input is repeated with `--reader NAME --seed N --inputs 1`.

    python benchmarks/hostile_inputs.py --inputs 10000
    python benchmarks/hostile_inputs.py --reader record --inputs 500 --seed 1000
    python benchmarks/hostile_inputs.py --inputs 10000 --part 1/4

Exits 1 if an input ends in anything but the same result, another result if the true one is unknown, or a clear refusal.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.hostile.outcomes import ALLOWED, Outcome, Report
from tests.hostile.pool import Limits, prepare_readers, run_inputs
from tests.hostile.reader import share_inputs
from tests.hostile.readers import READERS


def main() -> int:
    """Damage, read, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1000, help="number of inputs (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="first seed of each reader (default: 0)")
    parser.add_argument("--reader", nargs="+", choices=sorted(READERS), help="only these readers")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one per core)"
    )
    parser.add_argument("--timeout", type=float, default=10, help="seconds per input (default: 10)")
    parser.add_argument(
        "--part", default="1/1", help="K/N: the K-th of N equal parts of the inputs (default: 1/1)"
    )
    parser.add_argument("--all", action="store_true", help="print each input, not only the failures")
    arguments = parser.parse_args()
    readers = [READERS[name] for name in arguments.reader or READERS]
    limits = Limits(seconds=arguments.timeout)
    counts: dict[str, Counter[Outcome]] = defaultdict(Counter)
    started = time.monotonic()
    part, _, parts = arguments.part.partition("/")
    inputs = share_inputs(readers, arguments.inputs, arguments.seed)[int(part) - 1 :: int(parts)]
    signal.signal(signal.SIGTERM, stop)
    with tempfile.TemporaryDirectory() as scratch, suppress(KeyboardInterrupt):
        prepare_readers(readers, Path(scratch))
        for number, report in enumerate(
            run_inputs(inputs, Path(scratch), workers=arguments.workers, limits=limits), start=1
        ):
            counts[report.reader][report.outcome] += 1
            if arguments.all or report.outcome not in ALLOWED:
                print(describe_report(report), flush=True)
            if number % 500 == 0:
                print(
                    f"{number} of {len(inputs)} inputs, {time.monotonic() - started:.0f} s", file=sys.stderr
                )
    print(format_table(counts))
    failures = sum(
        count for counter in counts.values() for outcome, count in counter.items() if outcome not in ALLOWED
    )
    done = sum(counter.total() for counter in counts.values())
    print(f"{failures} failures in {done} inputs, {time.monotonic() - started:.0f} s")
    return 1 if failures or done < len(inputs) else 0


def stop(number: int, frame: FrameType | None) -> None:
    """End the inputs on SIGTERM; `timeout` sends it twice."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def describe_report(report: Report) -> str:
    """Return one line without control characters."""
    line = f"{report.outcome.value}: --reader {report.reader} --seed {report.seed}: {report.damage}: {report.detail}"
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:600]


def format_table(counts: dict[str, Counter[Outcome]]) -> str:
    """Return a Markdown table: one row per reader, one column per outcome."""
    header = f"| {'reader':<24} |" + "".join(f" {outcome.value} |" for outcome in Outcome)
    lines = [header, "|---|" + "---|" * len(Outcome)]
    total: Counter[Outcome] = Counter()
    for name, counter in counts.items():
        total += counter
        lines.append(_format_row(name, counter))
    return "\n".join([*lines, _format_row("all", total)])


def _format_row(name: str, counter: Counter[Outcome]) -> str:
    cells = (f" {counter[outcome]:>{len(outcome.value)}} |" for outcome in Outcome)
    return f"| {name:<24} |" + "".join(cells)


if __name__ == "__main__":
    raise SystemExit(main())
