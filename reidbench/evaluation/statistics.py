"""Figures over several trials: means, spreads, intervals that resample people, tests between two methods."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reidbench.errors import ConfigError, FeatureError
from reidbench.evaluation.scores import Scores

FIGURES = ("rank1", "rank5", "rank10", "rank20", "map", "map_trapezoid", "minp")
"""The figures of a record, in their order."""

Floats = NDArray[np.float64]

_INTERVAL = (2.5, 97.5)  # percentiles: 95 %
_SIGN_COLUMNS = 256  # identities whose signs are drawn at once: 20 MB for 10,000 draws


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A figure over trials; None where it is not defined.

    Attributes:
        mean: mean over the trials; None if in some trial nothing counts, of scores no query.
        std: sample standard deviation (n - 1) over the trials; None for one trial.
        low: lower end of the 95 % interval; None if a trial has fewer than two identities that count.
        high: upper end.
    """

    mean: float | None
    std: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class IdentitySums:
    """What each of I identities of one trial adds to F figures, each a sum of values by a sum of weights.

    Attributes:
        values: (I, F); 0, as the weights are, for identities that do not count.
        weights: (I, F), 0 or more; (I, 1) where they are the same for all figures.
    """

    values: Floats
    weights: Floats

    @classmethod
    def of(
        cls, identities: Sequence[int] | NDArray[np.int64], values: Floats, weights: Floats
    ) -> IdentitySums:
        """Add up the values and the weights (N, F) of items by their identity (N,)."""
        names, places = np.unique(np.asarray(identities, dtype=np.int64), return_inverse=True)
        sums = [np.zeros((len(names), part.shape[1])) for part in (values, weights)]
        for total, part in zip(sums, (values, weights), strict=True):
            np.add.at(total, places, part)
        return cls(values=sums[0], weights=sums[1])


def trial_figures(scores: Scores, figures: Sequence[str] = FIGURES) -> dict[str, float | None]:
    """Return the figures of one trial by name; None where no query counts.

    Raises:
        ConfigError: an unknown figure.
    """
    return {name: _defined(scores.figure(name)) for name in figures}


def summarize(
    trials: Sequence[Scores], *, figures: Sequence[str] = FIGURES, draws: int = 1000, seed: int = 0
) -> dict[str, Summary]:
    """Return mean, spread and interval of each figure over the trials.

    The interval is a percentile interval of the mean over trials, from draws that resample the trials and,
    within each drawn trial, the identities: all queries of a drawn identity enter together, because they succeed
    or fail together. One trial: identities only.

    Args:
        trials: one or more.
        figures: names as `Scores.figure` takes them.
        draws: number of resamplings.
        seed: of the resamplings.

    Raises:
        FeatureError: no trial.
        ConfigError: an unknown figure, or draws below 1.
    """
    if not trials:
        raise FeatureError("no trials to summarize: at least one is needed")
    values = np.array([[scores.figure(name) for name in figures] for scores in trials])
    tables = [_identity_sums(scores, figures) for scores in trials]
    return _summaries(figures, values, tables, draws, seed)


def summarize_ratios(
    figures: Sequence[str], trials: Sequence[IdentitySums], *, draws: int = 1000, seed: int = 0
) -> dict[str, Summary]:
    """Return mean, spread and interval over the trials of figures that are ratios of sums over identities.

    The interval is that of `summarize`: of each trial the identities that count are drawn. Figures for which different
    identities count need a call each.

    Args:
        figures: F names.
        trials: one or more.
        draws: number of resamplings.
        seed: of the resamplings.

    Raises:
        FeatureError: no trial.
        ConfigError: draws below 1.
    """
    if not trials:
        raise FeatureError("no trials to summarize: at least one is needed")
    tables = []
    for trial in trials:
        counted = trial.values.any(axis=1) | trial.weights.any(axis=1)
        tables.append(IdentitySums(values=trial.values[counted], weights=trial.weights[counted]))
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.array([table.values.sum(axis=0) / table.weights.sum(axis=0) for table in tables])
    return _summaries(figures, values, tables, draws, seed)


def _summaries(
    figures: Sequence[str], values: Floats, tables: Sequence[IdentitySums], draws: int, seed: int
) -> dict[str, Summary]:
    """Return the summaries of figures whose values (T, F) in the trials are known."""
    _check_draws(draws)
    std = values.std(axis=0, ddof=1) if len(tables) > 1 else np.full(len(figures), np.nan)
    low, high = _interval(tables, len(figures), draws, seed)
    columns = zip(figures, values.mean(axis=0), std, low, high, strict=True)
    return {
        name: Summary(mean=_defined(mean), std=_defined(spread), low=_defined(bottom), high=_defined(top))
        for name, mean, spread, bottom, top in columns
    }


def paired_permutation_test(
    first: Sequence[Scores],
    second: Sequence[Scores],
    *,
    figure: str = "rank1",
    draws: int = 10_000,
    seed: int = 0,
) -> float:
    """Test whether two methods differ in the mean of a figure over the same trials.

    If they do not, the names of the methods may be swapped for any identity of any trial, all of its queries
    together; such swaps are drawn at random.

    Args:
        first: scores of one method, a trial each.
        second: scores of the other, of the same trials in the same order.
        figure: a name as `Scores.figure` takes it.
        draws: number of random swaps.
        seed: of the swaps.

    Returns:
        The two-sided p value (b + 1) / (draws + 1), where b draws differ at least as much as was observed; NaN
        if in some trial no query counts.

    Raises:
        FeatureError: no trial, or trials that are not the same.
        ConfigError: an unknown figure, or draws below 1.
    """
    _check_draws(draws)
    if not first or len(first) != len(second):
        raise FeatureError(f"both methods need the same trials, got {len(first)} and {len(second)}")
    pairs = enumerate(zip(first, second, strict=True))
    parts = [_difference_by_identity(a, b, figure, trial) for trial, (a, b) in pairs]
    differences = np.concatenate(parts) / len(first)
    observed = abs(differences.sum())
    if math.isnan(observed):
        return math.nan
    random = np.random.default_rng(seed)
    swapped = np.zeros(draws)
    for start in range(0, len(differences), _SIGN_COLUMNS):
        part = differences[start : start + _SIGN_COLUMNS]
        swapped += random.choice((-1.0, 1.0), size=(draws, len(part))) @ part
    as_large = np.abs(swapped) >= observed - 1e-12  # the same difference, summed in another order, counts
    return float((as_large.sum() + 1) / (draws + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm, Scand. J. Statist. 6, 1979); they stay in their order.

    Raises:
        ConfigError: a value outside of [0, 1].
    """
    given = np.asarray(p_values, dtype=np.float64)
    if not np.all((given >= 0) & (given <= 1)):
        raise ConfigError(f"p values must be in [0, 1], got {list(p_values)}")
    order = np.argsort(given, kind="stable")
    steps = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(value) for value in adjusted]


def _interval(tables: Sequence[IdentitySums], figures: int, draws: int, seed: int) -> tuple[Floats, Floats]:
    """Return the ends (F,) of the intervals; NaN where some trial has fewer than two identities."""
    if any(len(table.weights) < 2 for table in tables):
        undefined = np.full(figures, np.nan)
        return undefined, undefined
    random = np.random.default_rng(seed)
    drawn = random.integers(len(tables), size=(draws, len(tables)))
    results = np.empty((draws, len(tables), figures))
    for trial, table in enumerate(tables):
        here = drawn == trial
        people = len(table.weights)
        times = random.multinomial(people, np.full(people, 1 / people), size=int(here.sum()))
        with np.errstate(divide="ignore", invalid="ignore"):
            results[here] = (times @ table.values) / (times @ table.weights)
    with np.errstate(invalid="ignore"):
        low, high = np.percentile(results.mean(axis=1), _INTERVAL, axis=0)
    return low, high


def _identity_sums(scores: Scores, figures: Sequence[str]) -> IdentitySums:
    """Return the sums of the values of each identity that counts, and the number of its queries."""
    values = np.stack([scores.query_values(name) for name in figures], axis=1)
    counted = ~np.isnan(values).any(axis=1)  # the same queries in every figure
    pids = scores.per_query["pid"].to_numpy()[counted]
    return IdentitySums.of(pids, values[counted], np.ones((len(pids), 1)))


def _difference_by_identity(first: Scores, second: Scores, figure: str, trial: int) -> Floats:
    """Return what each identity (I,) of a trial adds to the difference of a figure between two methods."""
    same = all(np.array_equal(first.per_query[name], second.per_query[name]) for name in ("pid", "matches"))
    if not same or first.unmatched != second.unmatched:
        raise FeatureError(
            f"trial {trial}: the two methods were not evaluated on the same queries by the same rule; "
            "compare records of one protocol fingerprint"
        )
    difference = first.query_values(figure) - second.query_values(figure)
    counted = ~np.isnan(difference)
    if not counted.any():
        return np.array([np.nan])
    _, identity = np.unique(first.per_query["pid"].to_numpy()[counted], return_inverse=True)
    sums = np.asarray(np.bincount(identity, weights=difference[counted]), dtype=np.float64)
    return sums / int(counted.sum())


def _check_draws(draws: int) -> None:
    if draws < 1:
        raise ConfigError(f"draws must be 1 or more, got {draws}")


def _defined(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
