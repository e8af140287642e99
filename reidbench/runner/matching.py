"""Matching queries with a gallery: a protocol's rules applied to features or to a method's own distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from reidbench.evaluation import (
    Labels,
    RerankSettings,
    Scores,
    Search,
    Unmatched,
    concat_scores,
    evaluate_search,
    make_search,
    rerank,
    rerank_pairs,
    single_shot_scores,
    tar_at_far,
)
from reidbench.plugin import Embeddings, Method
from reidbench.records.build import MAX_RANK
from reidbench.runner.calls import has_own_distance, make_scorer


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How the searches of a trial are scored.

    Attributes:
        unmatched: what a query without a match is worth.
        shots: whether all of the gallery is ranked, or one image per person ("single").
        fars: false accept rates at which true accept rates are computed.
    """

    unmatched: Unmatched = "exclude"
    shots: Literal["all", "single"] = "all"
    fars: tuple[float, ...] = ()


def score_trial(searches: Sequence[Search], rules: Rules) -> tuple[Scores, dict[float, float]]:
    """Return the scores of a trial over all its searches, and its true accept rates, the means over the searches."""
    score = partial(single_shot_scores, ranks=MAX_RANK) if rules.shots == "single" else evaluate_search
    scores = concat_scores([score(search, unmatched=rules.unmatched) for search in searches])
    tars = [tar_at_far(search, fars=rules.fars) for search in searches]
    return scores, {far: float(np.mean([tar[far] for tar in tars])) for far in rules.fars}


def reorder_scores(scores: Scores, rows: Sequence[NDArray[np.int64]]) -> Scores:
    """Return the scores of a trial with the queries of each search in ascending order of their rows.

    Args:
        scores: of all searches, one after the other.
        rows: (Q,) row of each query of each search, in the order of the scores.
    """
    starts = np.cumsum([0, *map(len, rows)])
    order = np.concatenate([start + np.argsort(part) for start, part in zip(starts, rows, strict=False)])
    return replace(
        scores,
        per_query=scores.per_query.iloc[order].reset_index(drop=True),
        chances=None if scores.chances is None else scores.chances[order],
    )


def search_of_features(
    query: Tensor, gallery: Tensor, labels: Labels, settings: RerankSettings | None
) -> Search:
    """Return the search by Euclidean distance, re-ranked if there are settings."""
    if settings is None:
        return make_search(labels, query, gallery)
    return make_search(labels, scorer=rerank(query, gallery, settings))


def search_of_embeddings(
    method: Method, query: Embeddings, gallery: Embeddings, labels: Labels, settings: RerankSettings | None
) -> Search:
    """Return the search by a method's distance, re-ranked if there are settings."""
    is_plain = all(side.views is None and side.lengths is None for side in (query, gallery))
    if is_plain and not has_own_distance(method):
        return search_of_features(query.values, gallery.values, labels, settings)
    if settings is None:
        return make_search(labels, scorer=make_scorer(method, query, gallery))
    items = _concat_embeddings(query, gallery)
    scorer = make_scorer(method, items, items)
    return make_search(labels, scorer=rerank_pairs(scorer, len(query), len(gallery), settings))


def _concat_embeddings(first: Embeddings, second: Embeddings) -> Embeddings:
    """Return the embeddings of both, padded to the same number of views and length of sequences."""
    sides = [_with_views(first), _with_views(second)] if _have_views(first, second) else [first, second]
    shape = [max(sizes) for sizes in zip(*(side.values.shape[1:] for side in sides), strict=True)]
    lengths = [side.lengths for side in sides if side.lengths is not None]
    views = [side.views for side in sides if side.views is not None]
    return Embeddings(
        values=torch.cat([_pad_values(side.values, shape) for side in sides]),
        views=torch.cat(views) if views else None,
        lengths=torch.cat(lengths) if lengths else None,
    )


def _have_views(*sides: Embeddings) -> bool:
    return any(side.views is not None for side in sides)


def _with_views(side: Embeddings) -> Embeddings:
    if side.views is not None:
        return side
    ones = torch.ones(len(side), dtype=torch.long, device=side.values.device)
    return Embeddings(values=side.values[:, None], views=ones, lengths=side.lengths)


def _pad_values(values: Tensor, shape: list[int]) -> Tensor:
    missing = [(0, wanted - size) for size, wanted in zip(values.shape[1:], shape, strict=True)]
    return pad(values, [side for pair in reversed(missing) for side in pair])
