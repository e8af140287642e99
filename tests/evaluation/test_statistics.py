from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reidbench.errors import ConfigError, FeatureError
from reidbench.evaluation import (
    FIGURES,
    Scores,
    Summary,
    holm,
    paired_permutation_test,
    summarize,
    summarize_seeds,
    trial_figures,
)


def trial(pids: Any, first: Any, *, unmatched: Any = "exclude") -> Scores:
    """Scores of queries of these people with one match each, at these ranks; 0 = no match."""
    first = np.asarray(first)
    with np.errstate(divide="ignore"):
        ap = np.where(first > 0, 1 / first, np.nan)
    table = pd.DataFrame({"pid": pids, "camid": 1, "first_match_rank": first, "matches": (first > 0) * 1})
    table = table.assign(ap=ap, ap_trapezoid=ap / 2, inp=ap)
    return Scores.from_per_query(table, gallery=10, chance_rank1=0.1, unmatched=unmatched)


def random_trial(random: np.random.Generator, people: int, each: int = 1) -> Scores:
    return trial(np.repeat(np.arange(people), each) + 1, random.integers(1, 4, people * each))


def test_mean_and_sample_deviation_over_trials() -> None:
    trials = [trial([1, 2], [1, 1]), trial([1, 2], [1, 2]), trial([1, 2], [2, 2])]
    summary = summarize(trials, figures=["rank1", "map"])
    assert summary["rank1"].mean == pytest.approx(0.5)
    # Of 1, 1/2, 0; divided by n - 1.
    assert summary["rank1"].std == pytest.approx(0.5)
    assert summary["map"].mean == pytest.approx(0.75)
    assert list(summarize(trials)) == list(FIGURES)


def test_one_trial_has_no_deviation_but_an_interval() -> None:
    summary = summarize([random_trial(np.random.default_rng(0), 40)], figures=["rank1"])["rank1"]
    assert summary.std is None
    assert summary.mean is not None
    assert summary.low is not None
    assert summary.high is not None
    assert 0 <= summary.low < summary.mean < summary.high <= 1


def test_the_interval_of_one_trial_is_that_of_drawn_identities() -> None:
    random = np.random.default_rng(1)
    scores = random_trial(random, 30, each=2)
    hits = (scores.per_query["first_match_rank"] == 1).to_numpy().reshape(30, 2)
    drawn = [hits[random.integers(30, size=30)].mean() for _ in range(20_000)]
    summary = summarize([scores], figures=["rank1"], draws=20_000)["rank1"]
    assert (summary.low, summary.high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.017)


def test_the_interval_of_several_trials_is_that_of_drawn_trials_and_identities() -> None:
    random = np.random.default_rng(2)
    trials = [random_trial(random, people) for people in (20, 30, 25)]
    # One far better than the rest.
    trials.append(trial(np.arange(20), np.ones(20, int)))
    hits = [(scores.per_query["first_match_rank"] == 1).to_numpy() for scores in trials]
    drawn = []
    for _ in range(5000):
        chosen = [hits[index] for index in random.integers(4, size=4)]
        drawn.append(np.mean([one[random.integers(len(one), size=len(one))].mean() for one in chosen]))
    summary = summarize(trials, figures=["rank1"], draws=5000)["rank1"]
    assert (summary.low, summary.high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.02)


def test_all_queries_of_an_identity_enter_together() -> None:
    """Ten queries of each person that agree tell no more than one: the interval must be as wide."""
    first = np.random.default_rng(3).integers(1, 3, 25)
    one = summarize([trial(np.arange(25), first)], figures=["rank1"])["rank1"]
    ten = summarize([trial(np.repeat(np.arange(25), 10), np.repeat(first, 10))], figures=["rank1"])["rank1"]
    assert (one.low, one.high) == pytest.approx((ten.low, ten.high))


def test_the_seed_decides_the_interval() -> None:
    trials = [random_trial(np.random.default_rng(4), 50)]
    assert summarize(trials, seed=1) == summarize(trials, seed=1)
    assert summarize(trials, seed=1) != summarize(trials, seed=2)


def test_fewer_than_two_identities_that_count_have_no_interval() -> None:
    whole, alone = trial([1, 2], [1, 2]), trial([1, 1, 2], [1, 2, 0])
    for trials in ([alone], [whole, alone]):
        summary = summarize(trials, figures=["rank1"])["rank1"]
        assert (summary.low, summary.high) == (None, None)
        assert summary.mean is not None
    failures_count = summarize([trial([1, 1, 2], [1, 2, 0], unmatched="miss")], figures=["rank1"])["rank1"]
    assert failures_count.low is not None


def test_a_figure_that_is_not_defined_is_none() -> None:
    nothing = trial([1, 2], [0, 0])
    undefined = Summary(mean=None, std=None, low=None, high=None)
    assert summarize([nothing])["rank1"] == undefined
    assert summarize([nothing, trial([1, 2], [1, 1])])["map"] == undefined
    assert trial_figures(nothing) == dict.fromkeys(FIGURES)
    assert trial_figures(trial([1, 2], [1, 2]), ["rank1", "map"]) == {"rank1": 0.5, "map": 0.75}


def test_the_permutation_test_agrees_with_all_swaps() -> None:
    random = np.random.default_rng(5)
    first, second = random_trial(random, 8, each=2), random_trial(random, 8, each=2)
    hits = [(scores.per_query["first_match_rank"] == 1).to_numpy(dtype=int) for scores in (first, second)]
    by_person = (hits[0] - hits[1]).reshape(8, 2).sum(axis=1)
    swaps = [abs(np.dot(signs, by_person)) for signs in itertools.product((-1, 1), repeat=8)]
    exact = np.mean(np.array(swaps) >= abs(by_person.sum()))
    assert paired_permutation_test([first], [second], draws=50_000) == pytest.approx(exact, abs=0.01)


def test_the_permutation_test_weighs_trials_equally() -> None:
    """One trial of one person and one of hundreds: swapping the one is half of the difference."""
    first = [trial([1], [1]), trial(np.arange(300), np.ones(300, int))]
    second = [trial([1], [2]), trial(np.arange(300), np.ones(300, int))]
    # Any swap is as large as what was seen.
    assert paired_permutation_test(first, second) == 1.0


def test_equal_methods_do_not_differ_and_far_apart_ones_do() -> None:
    people = np.arange(40)
    good, bad = trial(people, np.ones(40, int)), trial(people, np.full(40, 9))
    assert paired_permutation_test([good] * 3, [good] * 3) == 1.0
    assert paired_permutation_test([good], [bad], draws=999) == 1 / 1000
    assert paired_permutation_test([good], [bad], figure="map") == paired_permutation_test(
        [bad], [good], figure="map"
    )


def test_p_values_are_uniform_or_larger_where_methods_do_not_differ() -> None:
    random = np.random.default_rng(6)
    values = np.array(
        [
            paired_permutation_test(
                [random_trial(random, 30)], [random_trial(random, 30)], figure="map", draws=200
            )
            for _ in range(100)
        ]
    )
    for level in (0.05, 0.25, 0.5):
        assert np.mean(values <= level) <= level + 3 * np.sqrt(level * (1 - level) / 100)


def test_a_comparison_of_different_queries_is_refused() -> None:
    base = trial([1, 2], [1, 2])
    for other in (
        trial([1, 3], [1, 2]),
        trial([1, 2], [1, 0]),
        trial([1, 2], [1, 2], unmatched="miss"),
        trial([1], [1]),
    ):
        with pytest.raises(
            FeatureError, match="trial 1: the two methods were not evaluated on the same queries"
        ):
            paired_permutation_test([base, base], [base, other])
    with pytest.raises(FeatureError, match="both methods need the same trials, got 1 and 2"):
        paired_permutation_test([base], [base, base])
    with pytest.raises(FeatureError, match="both methods need the same trials, got 0 and 0"):
        paired_permutation_test([], [])
    assert np.isnan(paired_permutation_test([trial([1], [0])], [trial([1], [0])]))


def test_bad_settings_are_refused() -> None:
    base = [trial([1, 2], [1, 2])]
    with pytest.raises(FeatureError, match="no trials to summarize"):
        summarize([])
    with pytest.raises(ConfigError, match="draws must be at least 1, got 0"):
        summarize(base, draws=0)
    with pytest.raises(ConfigError, match="draws must be at least 1, got -1"):
        paired_permutation_test(base, base, draws=-1)
    with pytest.raises(ConfigError, match="unknown figure 'rank0'"):
        summarize(base, figures=["rank0"])


@pytest.mark.parametrize(
    ("given", "adjusted"),
    [
        ([], []),
        ([0.03], [0.03]),
        # 4 x .005, 3 x .01, 2 x .03, then never less.
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.6], [1.0, 1.0]),
    ],
)
def test_holm_adjusts_for_the_number_of_comparisons(given: list[float], adjusted: list[float]) -> None:
    assert holm(given) == pytest.approx(adjusted)


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_probability(bad: float) -> None:
    with pytest.raises(ConfigError, match="p values must be in"):
        holm([0.5, bad])


def scores_of(pids: list[int], hits: list[int]) -> Scores:
    ranks = np.where(np.array(hits) > 0, 1, 2)
    table = pd.DataFrame(
        {
            "pid": pids,
            "camid": 1,
            "ap": 1.0 / ranks,
            "ap_trapezoid": 1.0 / ranks,
            "inp": 1.0 / ranks,
            "first_match_rank": ranks,
            "matches": 1,
        }
    )
    return Scores.from_per_query(table, gallery=4, chance_rank1=0.5)


def test_std_is_over_trials_of_seed_means_and_std_seeds_over_seeds_of_trial_means() -> None:
    people = [1, 2, 3, 4]
    seeds = [
        [scores_of(people, [1, 0, 0, 0]), scores_of(people, [1, 1, 0, 0])],
        [scores_of(people, [1, 1, 1, 0]), scores_of(people, [1, 1, 1, 1])],
        [scores_of(people, [0, 0, 0, 0]), scores_of(people, [1, 0, 0, 0])],
    ]

    rank1 = summarize_seeds(seeds, draws=200)["rank1"]

    trial_means = np.array([[0.25, 0.5], [0.75, 1.0], [0.0, 0.25]])
    assert rank1.mean == pytest.approx(trial_means.mean())
    assert rank1.std == pytest.approx(trial_means.mean(axis=0).std(ddof=1))
    assert rank1.std_seeds == pytest.approx(trial_means.mean(axis=1).std(ddof=1))


def test_one_seed_gives_the_interval_of_its_trials_and_no_std_seeds() -> None:
    trials = [scores_of([1, 2, 3], [1, 0, 1]), scores_of([1, 2, 3], [1, 1, 0])]

    assert summarize_seeds([trials]) == summarize(trials)
    assert summarize(trials)["rank1"].std_seeds is None


def test_interval_resamples_seeds() -> None:
    # All identities and trials agree, so only the seeds vary.
    seeds = [[scores_of([1, 2], [1, 1])], [scores_of([1, 2], [0, 0])]]

    rank1 = summarize_seeds(seeds, draws=400)["rank1"]

    assert (rank1.low, rank1.high) == (0.0, 1.0)


def test_seeds_with_different_trials_raise() -> None:
    trial = scores_of([1, 2], [1, 0])

    with pytest.raises(FeatureError, match="all seeds need the same trials, got 1, 2 trials"):
        summarize_seeds([[trial], [trial, trial]])
