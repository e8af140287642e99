"""The report of an audit: one row per trivial method, comparisons of pairs, and plain sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from reidbench.audit.data import AuditedData
from reidbench.audit.duplicates import DuplicateCounts
from reidbench.evaluation import Scores, Summary, paired_permutation_test, summarize
from reidbench.plugin.specs import AUDIT_PREFIX

Verdict = Literal["solves", "helps", "no effect"]

# Share of the queries, at the lower end of the interval, from which an audit solves a dataset.
SOLVED = 0.5
# Largest p value of two audits that differ.
SIGNIFICANT = 0.05
COLOUR = ("six-colours", "colour-boxes", "colour-histogram")
STRUCTURE = ("grey-template", "row-profile")
# Two audits and what their difference shows.
PAIRS = (
    ("grey-template", "grey-single-frame", "several frames tell more than one"),
    ("motion", "motion-shuffled", "motion depends on the order of frames"),
    ("gait", "gait-shuffled", "gait depends on the order of frames"),
    ("colour-histogram-person", "colour-histogram", "colour tells more without the background"),
    ("color-lbp-person", "color-lbp", "colour and texture tell more without the background"),
)


@dataclass(frozen=True, kw_only=True)
class AuditRow:
    """The result of one audit.

    Attributes:
        audit: name without "audit-".
        looks_at: what the audit sees.
        rank1: mean, deviation and interval over trials and people.
        map: likewise.
        chance: rank-1 of a random order.
        verdict: "solves": the interval is above 0.5; "helps": it is above chance; "no effect": all others.
    """

    audit: str
    looks_at: str
    rank1: Summary
    map: Summary
    chance: float

    @property
    def times_chance(self) -> float | None:
        """Mean rank-1 as a multiple of chance; None without a mean or chance."""
        return None if self.rank1.mean is None or not self.chance else self.rank1.mean / self.chance

    @property
    def verdict(self) -> Verdict:
        """What the audit is worth."""
        low = self.rank1.low if self.rank1.low is not None else -math.inf
        if low <= self.chance:
            return "no effect"
        return "solves" if low >= SOLVED else "helps"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two audits on the same queries.

    Attributes:
        first: name of an audit.
        second: name of the audit it is compared with.
        shows: what it shows if the first one is better.
        difference: mean rank-1 of the first one minus that of the second one.
        p: of a paired permutation test over people; NaN if no query counts.
    """

    first: str
    second: str
    shows: str
    difference: float
    p: float

    @property
    def is_certain(self) -> bool:
        """Whether the two differ."""
        return self.p < SIGNIFICANT


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """The report of all audits of a dataset.

    Attributes:
        protocol: name of the protocol.
        dataset: name of the dataset.
        synthetic: whether the frames were rendered.
        trials: number of trials.
        queries: number of queries in the first trial.
        rows: best first.
        comparisons: of pairs of audits.
        left_out: reason by audit that could not be computed.
        duplicates: counts of near-duplicate frames.
    """

    protocol: str
    dataset: str
    synthetic: bool
    trials: int
    queries: int
    rows: tuple[AuditRow, ...]
    comparisons: tuple[Comparison, ...]
    left_out: Mapping[str, str]
    duplicates: DuplicateCounts

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        rows = [
            {**asdict(row), "times_chance": row.times_chance, "verdict": row.verdict} for row in self.rows
        ]
        comparisons = [
            {**asdict(one), "p": None if math.isnan(one.p) else one.p, "is_certain": one.is_certain}
            for one in self.comparisons
        ]
        return {
            "protocol": self.protocol,
            "dataset": self.dataset,
            "synthetic": self.synthetic,
            "trials": self.trials,
            "queries": self.queries,
            "audits": rows,
            "comparisons": comparisons,
            "left_out": dict(self.left_out),
            "near_duplicates": asdict(self.duplicates),
            "conclusions": self.conclude(),
        }

    def conclude(self) -> list[str]:
        """Return what solves the dataset and what does not matter in it, in sentences."""
        sentences = []
        for verdict, start in (("solves", "These alone solve this set"), ("helps", "These help, but do not")):
            if names := [self._describe(row) for row in self.rows if row.verdict == verdict]:
                end = "" if verdict == "solves" else " solve it"
                sentences.append(f"{start}{end}: {', '.join(names)}.")
        if all(row.verdict != "solves" for row in self.rows):
            sentences.insert(0, "No audit solves this set.")
        if names := [row.audit for row in self.rows if row.verdict == "no effect"]:
            sentences.append(f"These are not above chance: {', '.join(names)}.")
        for one in self.comparisons:
            sentences.append(_describe_comparison(one))
        sentences += _describe_duplicates(self.duplicates)
        return sentences

    @property
    def title(self) -> str:
        """One line: what was audited."""
        data = "; synthetic data" if self.synthetic else ""
        trials = "1 trial" if self.trials == 1 else f"{self.trials} trials"
        return f"{self.protocol}: audits of {self.dataset}; {trials} of {self.queries} queries{data}"

    def to_table(self) -> list[dict[str, str]]:
        """Return the cells of the table, one row per audit; figures in percent."""
        return [
            {
                "audit": row.audit,
                "rank-1 %": _format(row.rank1),
                "times chance": "-" if row.times_chance is None else f"{row.times_chance:.1f}",
                "mAP %": _format(row.map),
                "verdict": row.verdict,
                "looks at": row.looks_at,
            }
            for row in self.rows
        ]

    def list_sentences(self) -> list[str]:
        """Return the conclusions, and one line per audit that was left out."""
        return [*self.conclude(), *(f"Left out: {name}: {reason}." for name, reason in self.left_out.items())]

    def _describe(self, row: AuditRow) -> str:
        times = "" if row.times_chance is None else f", {row.times_chance:.1f} times chance"
        return f"{row.audit} ({100 * (row.rank1.mean or 0):.1f} %{times})"


def make_report(
    data: AuditedData,
    summaries: Mapping[str, str],
    scores: Mapping[str, Sequence[Scores]],
    left_out: Mapping[str, str],
    duplicates: DuplicateCounts,
) -> AuditReport:
    """Return the report of the scores of each audit in each trial.

    Args:
        data: what was audited.
        summaries: what each audit sees, by name.
        scores: of each audit, one per trial.
        left_out: reason by name of each audit that was not computed.
        duplicates: counts of near-duplicate frames.
    """
    rows = [_make_row(name, summaries[name], trials) for name, trials in scores.items()]
    return AuditReport(
        protocol=data.protocol.name,
        dataset=data.protocol.dataset,
        synthetic=data.contents.is_synthetic,
        trials=len(data.trials),
        queries=data.trials[0].queries,
        rows=tuple(sorted(rows, key=lambda row: -(row.rank1.mean or 0))),
        comparisons=tuple(compare_audits({_shorten(name): trials for name, trials in scores.items()})),
        left_out={_shorten(name): reason for name, reason in left_out.items()},
        duplicates=duplicates,
    )


def compare_audits(scores: Mapping[str, Sequence[Scores]]) -> list[Comparison]:
    """Return the comparisons of all pairs that were computed, and of the best audits of structure and of colour."""
    pairs = [pair for pair in PAIRS if pair[0] in scores and pair[1] in scores]
    structure, colour = (_find_best(names, scores) for names in (STRUCTURE, COLOUR))
    if structure is not None and colour is not None:
        pairs.insert(0, (structure, colour, "structure without colour tells more than colour"))
    return [
        Comparison(
            first=first,
            second=second,
            shows=shows,
            difference=_mean_rank1(scores[first]) - _mean_rank1(scores[second]),
            p=paired_permutation_test(scores[first], scores[second]),
        )
        for first, second, shows in pairs
    ]


def _find_best(names: Sequence[str], scores: Mapping[str, Sequence[Scores]]) -> str | None:
    return max(
        (name for name in names if name in scores), key=lambda name: _mean_rank1(scores[name]), default=None
    )


def _mean_rank1(trials: Sequence[Scores]) -> float:
    return sum(trial.cmc(1) for trial in trials) / len(trials)


def _make_row(name: str, summary: str, trials: Sequence[Scores]) -> AuditRow:
    figures = summarize(trials, figures=("rank1", "map"))
    return AuditRow(
        audit=_shorten(name),
        looks_at=summary.removeprefix("Audit: "),
        rank1=figures["rank1"],
        map=figures["map"],
        chance=sum(trial.chance_rank1 for trial in trials) / len(trials),
    )


def _shorten(name: str) -> str:
    return name.removeprefix(AUDIT_PREFIX)


def _format(figure: Summary) -> str:
    if figure.mean is None:
        return "-"
    text = f"{100 * figure.mean:.1f}"
    if figure.low is None or figure.high is None:
        return text
    return f"{text} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def _describe_comparison(one: Comparison) -> str:
    p = "p < 0.001" if one.p < 0.001 else f"p = {one.p:.3f}"
    facts = f"{one.first} against {one.second}: {100 * one.difference:+.1f} points, {p}"
    if not one.is_certain:
        return f"It is not certain that {one.shows} ({facts})."
    if one.difference > 0:
        return f"{one.shows[0].upper()}{one.shows[1:]} ({facts})."
    return f'The opposite of "{one.shows}" holds ({facts}).'


def _describe_duplicates(counts: DuplicateCounts) -> list[str]:
    sentences = [
        f"Near-duplicate frames in trial 1: {counts.with_same_person} of {counts.queries} queries have one in the "
        f"gallery from another camera of their person, {counts.with_other_person} one of another person."
    ]
    if counts.in_training is not None:
        sentences.append(
            f"{counts.in_training} of {counts.tested} tested tracklets have a near-duplicate frame among the training "
            "people."
        )
    return sentences
