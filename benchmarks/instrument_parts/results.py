"""Results of the parts: hits per query, kept in a JSON file that later runs continue from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reidbench.evaluation import Scores, Summary
from reidbench.evaluation.statistics import IdentitySums, summarize_ratios
from reidbench.files import write_text


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The queries of one trial that count.

    Attributes:
        people: person of each query.
        hits: 1 where the nearest item is of the person, else 0.
        chance: rank-1 of a random order.
    """

    people: list[int]
    hits: list[float]
    chance: float

    @classmethod
    def of(cls, scores: Scores) -> Trial:
        """Return the queries of scores."""
        values = scores.query_values("rank1")
        counted = ~np.isnan(values)
        people = scores.per_query["pid"].to_numpy()[counted]
        return cls(people=people.tolist(), hits=values[counted].tolist(), chance=scores.chance_rank1)

    @property
    def rank1(self) -> float:
        """Rank-1 of the trial."""
        return float(np.mean(self.hits))


class Results:
    """The trials of every method on every protocol and renderer seed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def add(self, protocol: str, seed: int, name: str, trials: Sequence[Trial], **facts: float) -> None:
        """Add the trials of a method, and write the file."""
        entry = {"trials": [asdict(trial) for trial in trials], "facts": facts}
        self._entries[_key(protocol, seed, name)] = entry
        write_text(self.path, json.dumps(self._entries))

    def has(self, protocol: str, seed: int, name: str) -> bool:
        """Return whether a method was measured."""
        return _key(protocol, seed, name) in self._entries

    def read(self, protocol: str, seed: int, name: str) -> list[Trial]:
        """Return the trials of a method; none if it was not measured."""
        entry = self._entries.get(_key(protocol, seed, name), {"trials": []})
        return [Trial(**trial) for trial in entry["trials"]]

    def fact(self, protocol: str, seed: int, name: str, fact: str) -> float | None:
        """Return a number that was stored with the trials of a method."""
        entry = self._entries.get(_key(protocol, seed, name), {"facts": {}})
        value: float | None = entry["facts"].get(fact)
        return value

    def pool(self, protocol: str, seeds: Sequence[int], name: str) -> list[Trial]:
        """Return the trials of a method on all renderer seeds, one after the other; none if a seed is missing."""
        parts = [self.read(protocol, seed, name) for seed in seeds]
        return [trial for part in parts for trial in part] if all(parts) else []

    def names(self, protocol: str, seed: int) -> list[str]:
        """Return the methods that were measured, sorted."""
        start = _key(protocol, seed, "")
        return sorted(key.removeprefix(start) for key in self._entries if key.startswith(start))

    def measure(
        self, protocol: str, seed: int, name: str, run: Callable[[], tuple[list[Trial], float]]
    ) -> None:
        """Add the trials and the seconds of training that a function returns, unless they were measured before."""
        if not self.has(protocol, seed, name):
            trials, seconds = run()
            self.add(protocol, seed, name, trials, fit_seconds=seconds)


def summarize_hits(trials: Sequence[Trial]) -> Summary:
    """Return rank-1 with its interval over trials and people."""
    return compare_hits(trials, (), 0.0)


def compare_hits(first: Sequence[Trial], second: Sequence[Trial], factor: float) -> Summary:
    """Return the rank-1 of one method minus a multiple of that of another on the same queries, with its interval."""
    sums = []
    for number, trial in enumerate(first):
        values = np.array(trial.hits)
        if factor:
            values = values - factor * np.array(second[number].hits)
        sums.append(IdentitySums.of(trial.people, values[:, None], np.ones((len(values), 1))))
    return summarize_ratios(["value"], [sums])["value"]


def mean_rank1(trials: Sequence[Trial]) -> float:
    """Return the mean rank-1 over trials."""
    return float(np.mean([trial.rank1 for trial in trials]))


def mean_chance(trials: Sequence[Trial]) -> float:
    """Return the mean chance over trials."""
    return float(np.mean([trial.chance for trial in trials]))


def _key(protocol: str, seed: int, name: str) -> str:
    return f"{protocol}/{seed}/{name}"
