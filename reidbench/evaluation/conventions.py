"""The figures of the same features under every convention of the literature, side by side.

Codes differ in the gallery, the average precision, the rule for queries without a match, and the kind of CMC. The table
shows the rule that produced an old figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reidbench.errors import FeatureError
from reidbench.evaluation import precision
from reidbench.evaluation.exact import rank_blocks
from reidbench.evaluation.inputs import Values, as_labels
from reidbench.evaluation.labels import DISTRACTOR, JUNK, Labels
from reidbench.evaluation.search import Search

CURVE = 50
"""Length of the CMC curves."""

Gallery: TypeAlias = Literal["given", "queries-removed", "junk-kept", "distractors-dropped"]
"""What is ranked: all but junk; all but junk and the queries' own rows; junk too, as wrong; or people only."""

AveragePrecision: TypeAlias = Literal["non-interpolated", "trapezoid"]

WithoutMatch: TypeAlias = Literal["exclude", "miss", "curve-only", "undefined"]
"""Queries without a match: excluded; 0 everywhere; 0 in the CMC only; 0 in the CMC and NaN in the mean AP."""

Cmc: TypeAlias = Literal["market", "allshots"]
"""Only the first match counts; or each of n matches counts 1/n, at its rank without the better matches (open-reid)."""

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

# The codes that use each rule, as observed by running them.
_CODES: dict[tuple[AveragePrecision, WithoutMatch, Cmc], tuple[str, ...]] = {
    ("non-interpolated", "exclude", "market"): (
        "torchreid",
        "fast-reid",
        "Video-Person-ReID",
        "AP3D",
        "TKP",
        "open-reid (scikit-learn >= 0.19)",
    ),
    ("non-interpolated", "miss", "market"): (),
    ("non-interpolated", "curve-only", "market"): ("triplet-reid (scikit-learn >= 0.19)",),
    ("non-interpolated", "undefined", "market"): (),
    ("non-interpolated", "exclude", "allshots"): ("open-reid (scikit-learn >= 0.19)",),
    ("trapezoid", "exclude", "market"): ("open-reid (scikit-learn <= 0.18)", "VideoReID"),
    ("trapezoid", "miss", "market"): ("re-ranking MATLAB", "IDE-baseline MATLAB", "layumi"),
    ("trapezoid", "curve-only", "market"): ("triplet-reid (market switch)",),
    ("trapezoid", "undefined", "market"): ("MARS MATLAB",),
    ("trapezoid", "exclude", "allshots"): ("open-reid (scikit-learn <= 0.18)",),
}

# The toolboxes that use each gallery, where they differ: the queries on MARS, junk on Market-1501.
_GALLERIES: dict[Gallery, tuple[str, ...]] = {
    "given": ("MARS MATLAB", "yolomax", "STE-NVAN", "AP3D", "TKP"),
    "queries-removed": ("torchreid", "Video-Person-ReID"),
    "junk-kept": ("Northeastern benchmark",),
    "distractors-dropped": (),
}


@dataclass(frozen=True, kw_only=True)
class Convention:
    """The figures under one convention; floats in [0, 1], NaN where they are not defined.

    Attributes:
        name: the four rules that follow, joined by `/`.
        gallery: what is ranked.
        average_precision: how the average precision is computed.
        unmatched: the rule for queries without a match.
        cmc: the kind of CMC.
        used_by: toolboxes whose scoring code returns these figures for this gallery.
        gallery_used_by: toolboxes that rank this gallery, where toolboxes differ.
        gallery_size: items that are ranked, the junk of single queries included.
        queries: queries that count in the CMC.
        queries_in_map: queries that count in `map` and `minp`.
        queries_without_match: queries without a match in this gallery.
        rank1, rank5, rank10, rank20: points of the curve.
        map: mean average precision.
        minp: mean inverse negative penalty, over the same queries as `map`.
        curve: the first 50 points of the CMC.
    """

    name: str
    gallery: Gallery
    average_precision: AveragePrecision
    unmatched: WithoutMatch
    cmc: Cmc
    used_by: tuple[str, ...]
    gallery_used_by: tuple[str, ...]
    gallery_size: int
    queries: int
    queries_in_map: int
    queries_without_match: int
    rank1: float
    rank5: float
    rank10: float
    rank20: float
    map: float
    minp: float
    curve: tuple[float, ...]


def conventions(search: Search, *, query_rows: Values | None = None) -> list[Convention]:
    """Return the figures under every convention.

    Each gallery is ranked once, by the rules of `evaluate`. A gallery equal to the given one is omitted:
    `queries-removed` if no query is in the gallery, `junk-kept` without junk (-1), `distractors-dropped` without
    distractors (0).

    Args:
        search: labels and a source of distances.
        query_rows: (Q,) the row of the gallery that is the query itself, -1 for a query that is not in the gallery.

    Raises:
        FeatureError: as in `evaluate_search`; or a query row that is not in the gallery, or is of another person or
            camera.
    """
    labels, pids = search.labels, search.labels.given_pids
    own = np.empty(0, np.int64)
    if query_rows is not None:
        own = _own_rows(as_labels("query_rows", query_rows), labels)
    table = []
    for gallery, people in _galleries(pids, own):
        figures = _figures(search.with_gallery_pids(people))
        table += [_convention(gallery, rules, figures) for rules in _CODES]
    return table


@dataclass(frozen=True, kw_only=True)
class _Figures:
    """The values of each query before they are averaged; NaN and rank 0 for queries without a match."""

    size: int
    ap: dict[AveragePrecision, Floats]
    inp: Floats
    # Summed over the queries.
    curves: dict[Cmc, Floats]


def _own_rows(rows: Integers, labels: Labels) -> Integers:
    """Return the rows of the gallery that are queries; check their labels."""
    pids, camids = labels.given_pids, labels.given_camids
    if len(rows) != len(labels.query_pids):
        raise FeatureError(
            f"query_rows has {len(rows)} rows for {len(labels.query_pids)} queries; use -1 for none"
        )
    low, high = int(rows.min()), int(rows.max())
    if low < -1 or high >= len(pids):
        raise FeatureError(
            f"query_rows must be rows of the gallery, 0 to {len(pids) - 1}, or -1, got {low if low < -1 else high}"
        )
    query = np.flatnonzero(rows >= 0)
    own = rows[query]
    differs = (pids[own] != labels.query_pids[query]) | (camids[own] != labels.query_camids[query])
    for index in np.flatnonzero(differs)[:1]:
        raise FeatureError(
            f"query_rows: query {query[index]} is not row {own[index]} of the gallery, which is person "
            f"{pids[own[index]]} in camera {camids[own[index]]}"
        )
    return own


def _galleries(pids: Integers, own: Integers) -> Iterator[tuple[Gallery, Integers]]:
    """Yield each gallery as the persons to rank, with -1 for what is not in it."""
    yield "given", pids
    if len(own):
        removed = pids.copy()
        removed[own] = JUNK
        yield "queries-removed", removed
    if (pids == JUNK).any():
        yield "junk-kept", np.where(pids == JUNK, DISTRACTOR, pids)
    if (pids == DISTRACTOR).any():
        yield "distractors-dropped", np.where(pids == DISTRACTOR, JUNK, pids)


def _figures(search: Search) -> _Figures:
    parts: list[tuple[Integers, Tensor, Tensor, Tensor]] = []
    market, allshots = np.zeros(CURVE), np.zeros(CURVE)
    for queries, ranks in rank_blocks(search.rows(), search.labels):
        parts.append(
            (
                queries,
                precision.average_precision(ranks),
                precision.trapezoid_average_precision(ranks),
                precision.inverse_negative_penalty(ranks),
            )
        )
        is_match = ranks > 0
        share = is_match.double() / is_match.sum(dim=1, keepdim=True).clamp(min=1)
        market += _histogram(ranks[:, :1], is_match[:, :1].double())
        allshots += _histogram(ranks - torch.arange(ranks.shape[1]), share)
    order, *columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    plain, trapezoid, inp = (column[np.argsort(order)] for column in columns)
    return _Figures(
        size=len(search.labels.kept),
        ap={"non-interpolated": plain, "trapezoid": trapezoid},
        inp=inp,
        curves={"market": market.cumsum(), "allshots": allshots.cumsum()},
    )


def _histogram(ranks: Tensor, weights: Tensor) -> Floats:
    """Add up the weights at each rank up to the end of the curve."""
    counts = torch.bincount(ranks.clamp(0, CURVE + 1).flatten(), weights.flatten(), minlength=CURVE + 2)
    return counts.numpy()[1:-1]


def _convention(
    gallery: Gallery, rules: tuple[AveragePrecision, WithoutMatch, Cmc], figures: _Figures
) -> Convention:
    average_precision, unmatched, cmc = rules
    is_matched = ~np.isnan(figures.inp)
    matched, total = int(is_matched.sum()), len(is_matched)
    queries = matched if unmatched == "exclude" else total
    in_map = matched if unmatched in ("exclude", "curve-only") else total
    lost = np.nan if unmatched == "undefined" else 0.0
    ap, inp = (
        np.where(is_matched, values, lost).sum() / in_map if in_map else np.nan
        for values in (figures.ap[average_precision], figures.inp)
    )
    curve = figures.curves[cmc] / queries if queries else np.full(CURVE, np.nan)
    return Convention(
        name="/".join((gallery, *rules)),
        gallery=gallery,
        average_precision=average_precision,
        unmatched=unmatched,
        cmc=cmc,
        used_by=_CODES[rules],
        gallery_used_by=_GALLERIES[gallery],
        gallery_size=figures.size,
        queries=queries,
        queries_in_map=in_map,
        queries_without_match=total - matched,
        rank1=float(curve[0]),
        rank5=float(curve[4]),
        rank10=float(curve[9]),
        rank20=float(curve[19]),
        map=float(ap),
        minp=float(inp),
        curve=tuple(curve.tolist()),
    )
