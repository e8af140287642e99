from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from reidbench.errors import PluginError
from reidbench.evaluation import RerankSettings, evaluate
from reidbench.plugin import Embeddings, FixedMethod, Runtime
from reidbench.runner.matching import Labels, Matching, Rules

Q, G = 9, 30


@dataclass(frozen=True, kw_only=True)
class NoSettings:
    """Nothing."""


class Plain(FixedMethod):
    name, version, Config = "plain", "1", NoSettings
    presets: ClassVar[dict[str, Any]] = {"paper": NoSettings()}

    def embed(self, tracklets: Sequence[Any]) -> Embeddings:
        raise NotImplementedError


class Doubled(Plain):
    """Euclidean distance times two: the same ranks by another way."""

    name = "doubled"

    def distance(self, query: Embeddings, gallery: Embeddings) -> Tensor:
        return 2 * super().distance(query, gallery)


class Failing(Plain):
    name = "failing"

    def distance(self, query: Embeddings, gallery: Embeddings) -> Tensor:
        raise ZeroDivisionError("a mistake of the plugin")


def case(seed: int = 0) -> tuple[Embeddings, Embeddings, Labels]:
    random = np.random.default_rng(seed)
    labels = (
        random.integers(1, 5, Q),
        random.integers(0, 5, G),
        random.integers(1, 4, Q),
        random.integers(1, 4, G),
    )
    person = torch.from_numpy(random.normal(size=(5, 8)))
    query, gallery = (
        Embeddings(values=(person[pids] + 0.7 * torch.from_numpy(random.normal(size=(len(pids), 8)))).float())
        for pids in labels[:2]
    )
    return query, gallery, labels


def matching(method: type[Plain], settings: RerankSettings | None = None, **views: Any) -> Matching:
    query, gallery, labels = case()
    if views:
        query = Embeddings(values=query.values[:, None].repeat(1, 2, 1), views=torch.full((Q,), 2))
    return Matching.of_embeddings(method(NoSettings(), Runtime()), query, gallery, labels, settings)


@pytest.mark.parametrize("settings", [None, RerankSettings(k1=6, k2=3)])
@pytest.mark.parametrize("rules", [Rules(), Rules(shots="single"), Rules(unmatched="miss")])
def test_a_distance_of_its_own_is_ranked_as_features_are(
    rules: Rules, settings: RerankSettings | None
) -> None:
    """Twice the Euclidean distance changes no rank, and re-ranking divides by the largest distance."""
    plain, doubled = matching(Plain, settings), matching(Doubled, settings)

    first, second = plain.scores(rules).per_query, doubled.scores(rules).per_query
    assert list(first.columns) == list(second.columns)
    np.testing.assert_allclose(first.to_numpy(float), second.to_numpy(float), atol=1e-12)
    rates = Rules(fars=(0.3, 0.1))
    assert plain.tar(rates) == doubled.tar(rates)


def test_copies_of_a_view_are_averaged_into_the_same_distances() -> None:
    one, two = matching(Plain), matching(Plain, views=2)

    assert one.scores(Rules()).per_query["ap"].tolist() == two.scores(Rules()).per_query["ap"].tolist()
    settings = RerankSettings(k1=6, k2=3)
    first, second = matching(Plain, settings), matching(Plain, settings, views=2)
    np.testing.assert_allclose(first.matrix(), second.matrix(), atol=1e-5)


def test_the_matrix_is_none_for_features_and_blocks_do_not_show_in_it() -> None:
    assert matching(Plain).matrix() is None
    matrix = matching(Doubled).matrix()
    assert matrix is not None
    query, gallery, labels = case()
    np.testing.assert_allclose(matrix, 2 * torch.cdist(query.values, gallery.values), atol=1e-5)
    scores = Matching(labels, distances=matrix).scores(Rules())
    expected = evaluate(None, None, *labels, distances=matrix)
    assert scores.per_query.equals(expected.per_query)


def test_reranking_changes_ranks() -> None:
    plain, reranked = matching(Plain), matching(Plain, RerankSettings(k1=6, k2=3))

    assert plain.scores(Rules()).per_query["ap"].tolist() != reranked.scores(Rules()).per_query["ap"].tolist()


def test_a_failing_distance_names_the_plugin() -> None:
    with pytest.raises(PluginError, match="method 'failing' failed in distance: ZeroDivisionError"):
        matching(Failing).scores(Rules())
