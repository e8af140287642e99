"""The bounds, and the measured value of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from scipy.stats import kendalltau

from instrument_parts.results import Results, Trial, compare_hits, mean_chance, mean_rank1, summarize_hits
from reidbench.plugin.specs import is_audit

COLOUR = ("audit-six-colours", "audit-colour-boxes", "audit-colour-histogram")
STRUCTURE = ("audit-grey-template", "audit-row-profile")
AT_CHANCE = ("audit-border", "audit-background", "audit-track-length", "audit-order", "audit-names")
ABOVE_CHANCE = ("audit-motion", "audit-silhouette")
# Highest rank-1 of two audits of colour, by the start of the name of the protocol.
CEILINGS = {
    "demo-image": {"audit-six-colours": 0.12, "audit-colour-boxes": 0.14},
    "demo": {"audit-six-colours": 0.15, "audit-colour-boxes": 0.18},
    "ilids": {"audit-six-colours": 0.08, "audit-colour-boxes": 0.12},
}
# One method, another one, and the least ratio of their rank-1.
RATIOS = (
    ("audit-colour-histogram-person", "audit-colour-histogram", 1.2),
    ("audit-color-lbp-person", "audit-color-lbp", 1.2),
    ("audit-grey-template", "audit-grey-single-frame", 1.25),
)
FRAMES_RATIO, TRAINING_RATIO, COLOUR_RATIO = 1.25, 2.0, 2.0
TRAINING_SECONDS, ORACLE, KENDALL = 300.0, 0.9, 0.8
Verdict = Literal["ok", "not met"]


@dataclass(frozen=True)
class Bound:
    """A bound and what was measured.

    Attributes:
        text: what must hold.
        value: the measured value, with its interval.
    """

    protocol: str
    text: str
    value: str
    is_met: bool

    @property
    def verdict(self) -> Verdict:
        """The last column of the table."""
        return "ok" if self.is_met else "not met"


def check_bounds(results: Results, protocol: str, seeds: Sequence[int]) -> Iterator[Bound]:
    """Yield every bound of a protocol whose values were measured on all renderer seeds; trials of seeds are pooled."""
    names = sorted(set.intersection(*(set(results.names(protocol, seed)) for seed in seeds)))
    pools = {name: results.pool(protocol, seeds, name) for name in names}
    yield from _check_audits(protocol, pools)
    yield from _check_networks(results, protocol, seeds, pools)
    if "oracle" in pools:
        rank1 = mean_rank1(pools["oracle"])
        yield Bound(
            protocol, f"oracle of appearance above {ORACLE:.0%}", _percent(pools["oracle"]), rank1 > ORACLE
        )
    yield from _check_rankings(results, protocol, seeds, names)


def _check_audits(protocol: str, pools: dict[str, list[Trial]]) -> Iterator[Bound]:
    start = next((name for name in CEILINGS if protocol.startswith(name)), None)
    for name, ceiling in CEILINGS.get(start or "", {}).items():
        if name in pools:
            text = f"{name} at most {100 * ceiling:g} %"
            yield Bound(protocol, text, _percent(pools[name]), mean_rank1(pools[name]) <= ceiling)
    for name in AT_CHANCE:
        if name in pools:
            low = summarize_hits(pools[name]).low or 0.0
            chance = mean_chance(pools[name])
            yield Bound(
                protocol, f"{name} at chance, {100 * chance:.1f} %", _percent(pools[name]), low <= chance
            )
    for name in ABOVE_CHANCE:
        if name in pools and COLOUR[1] in pools:
            low, mean = summarize_hits(pools[name]).low or 0.0, mean_rank1(pools[name])
            chance, boxes = mean_chance(pools[name]), mean_rank1(pools[COLOUR[1]])
            text = f"{name} above chance, {100 * chance:.1f} %, and below {COLOUR[1]}"
            yield Bound(protocol, text, _percent(pools[name]), chance < low and mean < boxes)
    structure, colour = _find_best(STRUCTURE, pools), _find_best(COLOUR, pools)
    if structure and colour:
        yield _check_ratio(protocol, pools, structure, colour, 1.0)
    for first, second, factor in RATIOS:
        if first in pools and second in pools:
            yield _check_ratio(protocol, pools, first, second, factor)


def _check_networks(
    results: Results, protocol: str, seeds: Sequence[int], pools: dict[str, list[Trial]]
) -> Iterator[Bound]:
    structure, colour = _find_best(STRUCTURE, pools), _find_best(COLOUR, pools)
    for name in [name for name in pools if f"{name} untrained" in pools]:
        if structure and colour:
            yield _check_ratio(protocol, pools, name, colour, COLOUR_RATIO, is_certain=True)
            yield _check_ratio(protocol, pools, name, structure, 1.0, is_certain=True)
        yield _check_ratio(protocol, pools, name, f"{name} untrained", TRAINING_RATIO, is_certain=True)
        seconds = [results.fact(protocol, seed, name, "fit_seconds") or 0.0 for seed in seeds]
        slowest = max(seconds) * len(seeds) / len(pools[name])
        text = f"{name}: training of one trial in at most {TRAINING_SECONDS:.0f} s"
        yield Bound(protocol, text, f"{slowest:.0f} s", slowest <= TRAINING_SECONDS)
    for name in pools:
        if f"{name} frames 1" in pools and f"{name} frames 16" in pools:
            yield _check_ratio(protocol, pools, f"{name} frames 16", f"{name} frames 1", FRAMES_RATIO)
        base = name.removesuffix(" masks")
        if name != base and f"{base} without attention" in pools:
            yield _check_ratio(protocol, pools, name, f"{base} without attention", 1.0, is_certain=True)


def _check_ratio(
    protocol: str,
    pools: dict[str, list[Trial]],
    first: str,
    second: str,
    factor: float,
    *,
    is_certain: bool = False,
) -> Bound:
    """Return the bound that one method is at least a multiple of another one, or more than its interval above it."""
    difference = compare_hits(pools[first], pools[second], factor)
    one, other = mean_rank1(pools[first]), mean_rank1(pools[second])
    times = f"{factor:g} times " if factor != 1 else ""
    text = f"{first} {'above' if is_certain else 'at least'} {times}{second}"
    if is_certain:
        text += " by more than the interval"
    low, high = difference.low or 0.0, difference.high or 0.0
    ratio = f"{one / other:.2f} times" if other else "-"
    value = f"{100 * one:.1f} to {100 * other:.1f}, {ratio}; difference [{100 * low:+.1f}, {100 * high:+.1f}]"
    return Bound(protocol, text, value, low > 0 if is_certain else one >= factor * other)


def _check_rankings(
    results: Results, protocol: str, seeds: Sequence[int], names: Sequence[str]
) -> Iterator[Bound]:
    """Yield the agreement of every two renderer seeds; methods that are not above chance share the last place."""
    ranked = [name for name in names if is_audit(name) or (" " not in name and name != "oracle")]
    networks = [name for name in ranked if not is_audit(name)]
    if len(networks) < 2:
        return
    for first, second in combinations(seeds, 2):
        columns = [
            [_rank1_above_chance(results.read(protocol, seed, name)) for name in ranked]
            for seed in (first, second)
        ]
        tau = float(kendalltau(*columns).statistic)
        text = f"rankings of {len(ranked)} methods on seeds {first} and {second}: Kendall at least {KENDALL}"
        yield Bound(protocol, text, f"{tau:.2f}", tau >= KENDALL)


def _rank1_above_chance(trials: Sequence[Trial]) -> float:
    """Return rank-1; 0 if it is not above chance."""
    return mean_rank1(trials) if (summarize_hits(trials).low or 0.0) > mean_chance(trials) else 0.0


def _find_best(names: Sequence[str], pools: dict[str, list[Trial]]) -> str | None:
    return max(
        (name for name in names if name in pools), key=lambda name: mean_rank1(pools[name]), default=None
    )


def _percent(trials: Sequence[Trial]) -> str:
    figure = summarize_hits(trials)
    return f"{100 * (figure.mean or 0):.1f} % [{100 * (figure.low or 0):.1f}, {100 * (figure.high or 0):.1f}]"
