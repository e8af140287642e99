"""From a search of a feature file to one that can be evaluated."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from reidbench import evaluation
from reidbench.datasets.tracklets import IntArray
from reidbench.errors import FeatureError
from reidbench.evaluation import Labels, RerankSettings, make_search
from reidbench.evaluation.inputs import as_distances, as_features
from reidbench.features import Search
from reidbench.runner.matching import search_of_features


def make_stored_search(
    file: Path, stored: Search, settings: RerankSettings | None, device: str
) -> evaluation.Search:
    """Return a stored search, re-ranked if there are settings.

    Raises:
        FeatureError: labels, features or distances cannot be evaluated; the message names the file and the search.
    """
    source = f"features {file}{f' ({stored.name})' if stored.name else ''}"
    try:
        labels = Labels(*label_arrays(stored))
        if stored.distances is None:
            return search_of_features(*_features(stored, device), labels, settings)
        if settings is None:
            return make_search(labels, distances=as_distances(stored.distances).to(device))
    except FeatureError as error:
        raise FeatureError(f"{source}: {error}") from error
    raise FeatureError(
        f"cannot re-rank {source}: the file has distances between query and gallery only; omit --rerank, or store "
        "features without distances"
    )


def hash_file(file: Path) -> str:
    """Return the SHA-256 of a file, which is not read into memory as a whole."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def label_arrays(search: Search) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return persons of queries and gallery, then their cameras."""
    query, gallery = search.query, search.gallery
    return query.pid, gallery.pid, query.camid, gallery.camid


def _features(search: Search, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    query, gallery = search.query.features, search.gallery.features
    if query is None or gallery is None:
        raise FeatureError("features and distances are both missing; add one of them")
    return (
        as_features("query features", query).to(device),
        as_features("gallery features", gallery).to(device),
    )
