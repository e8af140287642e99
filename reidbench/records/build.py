"""From the results of trials to the figures of a record."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reidbench.evaluation import Scores, Summary, summarize_seeds, trial_figures
from reidbench.records.environment import list_distinct
from reidbench.records.per_query import scores_to_csv
from reidbench.records.record import (
    Cached,
    Chance,
    EpochValues,
    FileDigest,
    FitHistory,
    LengthFigures,
    Record,
    Seconds,
    TrialFigures,
)
from reidbench.records.trial import TrialResult

MAX_RANK = 100
"""Last rank of the CMC in a record."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One result of a run.

    Attributes:
        trial: 0-based number of the trial.
        seed: training seed.
        lengths: query and gallery frames of a sequence-length study; None for the protocol's own frames.
        result: what was computed or cached.
    """

    trial: int
    seed: int
    lengths: tuple[int, int] | None
    result: TrialResult


def with_results(record: Record, results: Sequence[RunResult]) -> tuple[Record, str]:
    """Return a record with everything that follows from the results, and the text of its per-query file.

    `seconds` are those of the first computation, and shared parts count once. `cached` names the parts that this run
    did not compute.

    Args:
        record: identity of the run; its other fields are kept.
        results: for each seed and trial one result, and one per pair of lengths of a sequence-length study.
    """
    main = [item for item in results if item.lengths is None]
    scores = [(item.seed, item.trial, item.result.scores) for item in main]
    side = scores_to_csv(scores)
    digest = hashlib.sha256(side.encode()).hexdigest()
    everything = [item.result for item in results]
    derived = derive_figures(scores)
    environments = list_distinct(found for result in everything for found in result.environments)
    filled = replace(
        record,
        figures=derived.figures,
        chance=derived.chance,
        trials=derived.trials,
        cmc=derived.cmc,
        tar_at_far=_mean_tar([item.result for item in main]),
        lengths=_length_figures(results),
        training=_training(main),
        seconds=_seconds(everything),
        cached=Cached(
            fit=_is_cached("fit", everything),
            embed=_is_cached("embed", everything),
            match=_is_cached("match", everything),
        ),
        fingerprints=replace(
            record.fingerprints, fits=tuple(sorted({key for item in main for key in item.result.fit}))
        ),
        environment=environments[0],
        other_environments=environments[1:],
        per_query=FileDigest(file=f"{record.stem}.per_query.csv", sha256=digest),
    )
    return filled, side


@dataclass(frozen=True, kw_only=True)
class DerivedFigures:
    """The fields of a record that follow from its per-query values."""

    figures: Mapping[str, Summary]
    chance: Chance
    trials: tuple[TrialFigures, ...]
    cmc: tuple[float | None, ...]


def derive_figures(scores: Sequence[tuple[int, int, Scores]]) -> DerivedFigures:
    """Return the fields of a record that follow from (seed, trial, scores); the trials of a seed are consecutive."""
    seeds: dict[int, list[Scores]] = {}
    for seed, _, part in scores:
        seeds.setdefault(seed, []).append(part)
    return DerivedFigures(
        figures=summarize_seeds(list(seeds.values())),
        chance=Chance(rank1=_mean_chance([part for _, _, part in scores])),
        trials=tuple(_trial_figures(*item) for item in scores),
        cmc=_mean_cmc(list(seeds.values())),
    )


def _trial_figures(seed: int, trial: int, scores: Scores) -> TrialFigures:
    return TrialFigures(
        trial=trial,
        seed=seed,
        queries=scores.queries,
        queries_without_match=scores.queries_without_match,
        gallery=scores.gallery,
        **trial_figures(scores),
    )


def _mean_chance(scores: Sequence[Scores]) -> float | None:
    chances = [part.chance_rank1 for part in scores]
    defined = [chance for chance in chances if not math.isnan(chance)]
    return sum(defined) / len(defined) if defined else None


def _mean_cmc(seeds: Sequence[Sequence[Scores]]) -> tuple[float | None, ...]:
    last = min(scores.last_rank for trials in seeds for scores in trials)
    ranks = range(1, min(last, MAX_RANK) + 1)
    curves = np.array([[scores.cmc(k) for k in ranks] for trials in seeds for scores in trials])
    return tuple(None if math.isnan(value) else float(value) for value in curves.mean(axis=0))


def _mean_tar(results: Sequence[TrialResult]) -> dict[str, float | None] | None:
    """Return the mean true accept rate by false accept rate; None if it is undefined or was not computed."""
    means = {far: sum(result.tar[far] for result in results) / len(results) for far in results[0].tar}
    return {f"{far:g}": None if math.isnan(mean) else mean for far, mean in means.items()} or None


def _length_figures(results: Sequence[RunResult]) -> tuple[LengthFigures, ...]:
    pairs: dict[tuple[int, int], list[RunResult]] = {}
    for item in results:
        if item.lengths is not None:
            pairs.setdefault(item.lengths, []).append(item)
    return tuple(
        LengthFigures(
            query=query,
            gallery=gallery,
            figures=derive_figures([(item.seed, item.trial, item.result.scores) for item in items]).figures,
        )
        for (query, gallery), items in pairs.items()
    )


def _training(results: Sequence[RunResult]) -> tuple[FitHistory, ...]:
    """Return one history per fit that reported values."""
    trials: dict[str, list[RunResult]] = {}
    for item in results:
        for key in item.result.training:
            trials.setdefault(key, []).append(item)
    return tuple(
        FitHistory(
            fit=key,
            seed=items[0].seed,
            trials=tuple(item.trial for item in items),
            epochs=tuple(
                EpochValues(epoch=epoch, values=values) for epoch, values in items[0].result.training[key]
            ),
        )
        for key, items in trials.items()
    )


def _seconds(results: Sequence[TrialResult]) -> Seconds:
    fit = _sum_once([result.fit for result in results])
    embed = _sum_once([result.embed for result in results])
    match = sum(result.match for result in results)
    return Seconds(fit=fit, embed=embed, match=match, total=fit + embed + match)


def _sum_once(costs: Sequence[Mapping[str, float]]) -> float:
    """Return the sum of costs by key; a key that occurs several times counts once."""
    return sum({key: cost for part in costs for key, cost in part.items()}.values())


def _is_cached(part: str, results: Sequence[TrialResult]) -> bool:
    return all(part not in result.computed for result in results)
