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

# Percentiles of the 95 % interval.
_INTERVAL = (2.5, 97.5)
# Number of identities whose signs are drawn at once: 20 MB for 10,000 draws.
_SIGN_COLUMNS = 256


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A figure over the trials and training seeds of a run; None where it is undefined.

    Attributes:
        mean: mean over seeds and trials; None if no query counts in some trial.
        std: sample standard deviation (n - 1) over the trials, each the mean over the seeds; None for one trial.
        low: lower end of the 95 % interval; None if fewer than two identities count in some trial.
        high: upper end of the 95 % interval.
        std_seeds: sample standard deviation (n - 1) over the seeds, each the mean over the trials; None for one
            seed.
    """

    mean: float | None
    std: float | None
    low: float | None
    high: float | None
    std_seeds: float | None = None


@dataclass(frozen=True, kw_only=True)
class IdentitySums:
    """The contribution of each of I identities of one trial to F figures, each a sum of values over a sum of weights.

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
        names, indices = np.unique(np.asarray(identities, dtype=np.int64), return_inverse=True)
        sums = [np.zeros((len(names), part.shape[1])) for part in (values, weights)]
        for total, part in zip(sums, (values, weights), strict=True):
            np.add.at(total, indices, part)
        return cls(values=sums[0], weights=sums[1])


def trial_figures(scores: Scores, figures: Sequence[str] = FIGURES) -> dict[str, float | None]:
    """Return the figures of one trial by name; None where no query counts.

    Raises:
        ConfigError: an unknown figure.
    """
    return {name: _nan_to_none(scores.figure(name)) for name in figures}


def summarize(
    trials: Sequence[Scores], *, figures: Sequence[str] = FIGURES, draws: int = 1000, seed: int = 0
) -> dict[str, Summary]:
    """Return the mean, spread and interval of each figure over the trials of a run with one training seed.

    See `summarize_seeds`.
    """
    return summarize_seeds([trials], figures=figures, draws=draws, seed=seed)


def summarize_seeds(
    seeds: Sequence[Sequence[Scores]], *, figures: Sequence[str] = FIGURES, draws: int = 1000, seed: int = 0
) -> dict[str, Summary]:
    """Return the mean, spread and interval of each figure over the seeds and trials of a run.

    The interval is a percentile interval of the mean over seeds and trials. Each bootstrap draw resamples the seeds,
    the trials and, within each drawn trial, the identities. All queries of a drawn identity enter together, in all
    seeds, because their results are correlated. With one seed, only trials and identities are resampled; with one
    trial, only identities.

    Args:
        seeds: the scores of the trials of each training seed: one or more seeds, each with the same one or more
            trials in the same order.
        figures: names that `Scores.figure` accepts.
        draws: number of bootstrap draws.
        seed: seed of the bootstrap draws.

    Raises:
        FeatureError: there is no trial, or seeds differ in their number of trials.
        ConfigError: an unknown figure, or draws less than 1.
    """
    _check_trials(seeds)
    values = np.array([[[scores.figure(name) for name in figures] for scores in trials] for trials in seeds])
    tables = [[_identity_sums(scores, figures) for scores in trials] for trials in seeds]
    return _summaries(figures, values, tables, draws, seed)


def summarize_ratios(
    figures: Sequence[str], seeds: Sequence[Sequence[IdentitySums]], *, draws: int = 1000, seed: int = 0
) -> dict[str, Summary]:
    """Return the mean, spread and interval of figures that are ratios of sums over identities.

    The interval is computed as in `summarize_seeds`; in each trial, the identities that count are resampled.
    Figures for which different identities count need separate calls.

    Args:
        figures: F names.
        seeds: the sums of the trials of each training seed, as in `summarize_seeds`.
        draws: number of bootstrap draws.
        seed: seed of the bootstrap draws.

    Raises:
        FeatureError: there is no trial, or seeds differ in their number of trials.
        ConfigError: draws less than 1.
    """
    _check_trials(seeds)
    tables = [[_drop_empty_identities(trial) for trial in trials] for trials in seeds]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.array([[t.values.sum(axis=0) / t.weights.sum(axis=0) for t in row] for row in tables])
    return _summaries(figures, values, tables, draws, seed)


def _check_trials(seeds: Sequence[Sequence[object]]) -> None:
    if not seeds or not seeds[0]:
        raise FeatureError("no trials to summarize: at least one is needed")
    if len({len(trials) for trials in seeds}) > 1:
        counts = ", ".join(str(len(trials)) for trials in seeds)
        raise FeatureError(f"all seeds need the same trials, got {counts} trials")


def _drop_empty_identities(trial: IdentitySums) -> IdentitySums:
    is_counted = trial.values.any(axis=1) | trial.weights.any(axis=1)
    return IdentitySums(values=trial.values[is_counted], weights=trial.weights[is_counted])


def _summaries(
    figures: Sequence[str],
    values: Floats,
    tables: Sequence[Sequence[IdentitySums]],
    draws: int,
    seed: int,
) -> dict[str, Summary]:
    """Return the summaries of figures with the given values (S, T, F) for each seed and trial."""
    _check_draws(draws)
    low, high = _interval(tables, len(figures), draws, seed)
    over_seeds = values.mean(axis=0)
    std, std_seeds = _spread(over_seeds), _spread(values.mean(axis=1))
    columns = zip(figures, over_seeds.mean(axis=0), std, low, high, std_seeds, strict=True)
    return {name: Summary(**_name_parts(parts)) for name, *parts in columns}


def _name_parts(parts: Sequence[float]) -> dict[str, float | None]:
    names = ("mean", "std", "low", "high", "std_seeds")
    return {name: _nan_to_none(value) for name, value in zip(names, parts, strict=True)}


def _spread(values: Floats) -> Floats:
    """Return the sample standard deviation (F,) of values (N, F); NaN for N = 1."""
    if len(values) == 1:
        return np.full(values.shape[1], np.nan)
    spread: Floats = values.std(axis=0, ddof=1)
    return spread


def paired_permutation_test(
    first: Sequence[Scores],
    second: Sequence[Scores],
    *,
    figure: str = "rank1",
    draws: int = 10_000,
    seed: int = 0,
) -> float:
    """Test whether two methods with one training seed each differ; see `paired_permutation_test_seeds`."""
    return paired_permutation_test_seeds([first], [second], figure=figure, draws=draws, seed=seed)


def paired_permutation_test_seeds(
    first: Sequence[Sequence[Scores]],
    second: Sequence[Sequence[Scores]],
    *,
    figure: str = "rank1",
    draws: int = 10_000,
    seed: int = 0,
) -> float:
    """Test whether two methods differ in the mean of a figure over seeds and the same trials.

    Under the null hypothesis, the two methods can be exchanged for each identity of each trial, with all its queries
    and seeds together. The test draws such exchanges at random.

    Args:
        first: scores of one method: the trials of each training seed.
        second: scores of the other method, of the same trials in the same order; the number of seeds may differ.
        figure: a name that `Scores.figure` accepts.
        draws: number of random exchanges.
        seed: seed of the exchanges.

    Returns:
        The two-sided p value (b + 1) / (draws + 1), where b is the number of draws with a difference of at least the
        observed size; NaN if no query counts in some trial.

    Raises:
        FeatureError: there is no trial, or the trials differ.
        ConfigError: an unknown figure, or draws less than 1.
    """
    p_values = compute_p_values([first, second], figure=figure, draws=draws, seed=seed)
    return float(p_values[0, 1])


def compute_p_values(
    methods: Sequence[Sequence[Sequence[Scores]]],
    *,
    figure: str = "rank1",
    draws: int = 10_000,
    seed: int = 0,
) -> Floats:
    """Test each pair of methods as `paired_permutation_test_seeds` does; all pairs share their random exchanges.

    Args:
        methods: for each of M methods the scores of the trials of each training seed.
        figure: a name that `Scores.figure` accepts.
        draws: number of random exchanges.
        seed: seed of the exchanges.

    Returns:
        The p values (M, M), symmetric, 1 on the diagonal; NaN if no query counts in some trial.

    Raises:
        FeatureError: there is no trial, or the trials differ.
        ConfigError: as `paired_permutation_test_seeds`.
    """
    _check_draws(draws)
    counts = {len(trials) for seeds in methods for trials in seeds}
    if not all(methods) or len(counts) != 1 or 0 in counts:
        raise FeatureError(f"both methods need the same trials, got {' and '.join(map(_counts, methods))}")
    trials = [
        _parts_by_identity([[row[number] for row in seeds] for seeds in methods], figure, number)
        for number in range(counts.pop())
    ]
    # (M, I): the mean of a method is the sum of its row.
    parts = np.concatenate(trials, axis=1) / len(trials)
    random = np.random.default_rng(seed)
    swapped = np.zeros((draws, len(methods)))
    for start in range(0, parts.shape[1], _SIGN_COLUMNS):
        part = parts[:, start : start + _SIGN_COLUMNS]
        swapped += random.choice((-1.0, 1.0), size=(draws, part.shape[1])) @ part.T
    means = parts.sum(axis=1)
    p_values = np.ones((len(methods), len(methods)))
    for row in range(len(methods)):
        # The tolerance counts the same difference, summed in another order, as equal.
        observed = np.abs(means - means[row]) - 1e-12
        as_large = (np.abs(swapped - swapped[:, row : row + 1]) >= observed).sum(axis=0)
        p_values[row] = np.where(np.isnan(observed), np.nan, (as_large + 1) / (draws + 1))
    return p_values


def _counts(seeds: Sequence[Sequence[Scores]]) -> str:
    return ", ".join(str(len(trials)) for trials in seeds) or "0"


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm, Scand. J. Statist. 6, 1979); they stay in their order.

    Raises:
        ConfigError: a value outside [0, 1].
    """
    given = np.asarray(p_values, dtype=np.float64)
    if not np.all((given >= 0) & (given <= 1)):
        raise ConfigError(f"p values must be in [0, 1], got {list(p_values)}")
    order = np.argsort(given, kind="stable")
    steps = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(value) for value in adjusted]


def _interval(
    seeds: Sequence[Sequence[IdentitySums]], figures: int, draws: int, seed: int
) -> tuple[Floats, Floats]:
    """Return the ends (F,) of the intervals; NaN where some trial has fewer than two identities."""
    if any(len(table.weights) < 2 for tables in seeds for table in tables):
        undefined = np.full(figures, np.nan)
        return undefined, undefined
    trials = len(seeds[0])
    random = np.random.default_rng(seed)
    drawn = random.integers(trials, size=(draws, trials))
    # (S, draws, T, F)
    results = np.empty((len(seeds), draws, trials, figures))
    for trial in range(trials):
        is_drawn = drawn == trial
        people = len(seeds[0][trial].weights)
        times = random.multinomial(people, np.full(people, 1 / people), size=int(is_drawn.sum()))
        for number, tables in enumerate(seeds):
            with np.errstate(divide="ignore", invalid="ignore"):
                results[number][is_drawn] = (times @ tables[trial].values) / (times @ tables[trial].weights)
    means = results.mean(axis=2)
    if len(seeds) > 1:
        chosen = random.integers(len(seeds), size=(draws, len(seeds)))
        means = means[chosen.T, np.arange(draws)]
    with np.errstate(invalid="ignore"):
        low, high = np.percentile(means.mean(axis=0), _INTERVAL, axis=0)
    return low, high


def _identity_sums(scores: Scores, figures: Sequence[str]) -> IdentitySums:
    """Return the sums of the values of each identity that counts, and the number of its queries."""
    values = np.stack([scores.query_values(name) for name in figures], axis=1)
    # The same queries in every figure.
    counted = ~np.isnan(values).any(axis=1)
    pids = scores.per_query["pid"].to_numpy()[counted]
    return IdentitySums.of(pids, values[counted], np.ones((len(pids), 1)))


def _parts_by_identity(methods: Sequence[Sequence[Scores]], figure: str, trial: int) -> Floats:
    """Return the part (M, I) of each identity in the figure of each method in one trial; NaN if no query counts.

    Args:
        methods: for each method its scores, one per seed.
        figure: name of the figure.
        trial: 0-based number of the trial, for messages.
    """
    reference = _list_queries(methods[0][0])
    rows = []
    for seeds in methods:
        for scores in seeds:
            if scores.unmatched != methods[0][0].unmatched or not np.array_equal(
                reference, _list_queries(scores)
            ):
                raise FeatureError(
                    f"trial {trial}: the two methods were not evaluated on the same queries by the same rule; "
                    "compare records of one protocol fingerprint"
                )
        values = np.mean([_sum_by_identity(scores, figure) for scores in seeds], axis=0)
        rows.append(values)
    return np.stack(rows)


def _list_queries(scores: Scores) -> NDArray[np.int64]:
    """Return the person and the number of matches (Q, 2) of each query, sorted: the queries in any order."""
    queries = scores.per_query[["pid", "matches"]].to_numpy(dtype=np.int64)
    return queries[np.lexsort(queries.T)]


def _sum_by_identity(scores: Scores, figure: str) -> Floats:
    """Return the part (I,) of each identity that counts in the mean of a figure; one NaN if no query counts."""
    values = scores.query_values(figure)
    is_counted = ~np.isnan(values)
    if not is_counted.any():
        return np.array([np.nan])
    _, identity = np.unique(scores.per_query["pid"].to_numpy()[is_counted], return_inverse=True)
    sums = np.asarray(np.bincount(identity, weights=values[is_counted]), dtype=np.float64)
    return sums / int(is_counted.sum())


def _check_draws(draws: int) -> None:
    if draws < 1:
        raise ConfigError(f"draws must be at least 1, got {draws}")


def _nan_to_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
