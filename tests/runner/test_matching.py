from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from reidbench.errors import PluginError
from reidbench.evaluation import Labels, RerankSettings, Scores, Search, make_search
from reidbench.plugin import Embeddings, FixedMethod, Runtime
from reidbench.runner.matching import Rules, score_trial, search_of_embeddings

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
    pids, camids = (
        (random.integers(1, 5, Q), random.integers(0, 5, G)),
        (random.integers(1, 4, Q), random.integers(1, 4, G)),
    )
    person = torch.from_numpy(random.normal(size=(5, 8)))
    query, gallery = (
        Embeddings(values=(person[pids] + 0.7 * torch.from_numpy(random.normal(size=(len(pids), 8)))).float())
        for pids in pids
    )
    return query, gallery, Labels(*pids, *camids)


def make(method: type[Plain], settings: RerankSettings | None = None, **views: Any) -> Search:
    query, gallery, labels = case()
    if views:
        query = Embeddings(values=query.values[:, None].repeat(1, 2, 1), views=torch.full((Q,), 2))
    return search_of_embeddings(method(NoSettings(), Runtime()), query, gallery, labels, settings)


def scores(search: Search, rules: Rules | None = None) -> Scores:
    return score_trial([search], rules or Rules())[0]


@pytest.mark.parametrize("settings", [None, RerankSettings(k1=6, k2=3)])
@pytest.mark.parametrize("rules", [Rules(), Rules(shots="single"), Rules(unmatched="miss")])
def test_a_distance_of_its_own_is_ranked_as_features_are(
    rules: Rules, settings: RerankSettings | None
) -> None:
    """Twice the Euclidean distance changes no rank, and re-ranking divides by the largest distance."""
    plain, doubled = make(Plain, settings), make(Doubled, settings)

    first, second = scores(plain, rules).per_query, scores(doubled, rules).per_query
    assert list(first.columns) == list(second.columns)
    np.testing.assert_allclose(first.to_numpy(float), second.to_numpy(float), atol=1e-12)
    rates = Rules(fars=(0.3, 0.1))
    assert score_trial([plain], rates)[1] == score_trial([doubled], rates)[1]


@pytest.mark.parametrize("shots", ["all", "single"])
def test_the_curve_ends_with_the_gallery(shots: Any) -> None:
    found = scores(make(Plain), Rules(shots=shots))
    assert 20 < found.last_rank == found.gallery < 100
    assert found.cmc(found.last_rank) == 1.0


def test_copies_of_a_view_are_averaged_into_the_same_distances() -> None:
    one, two = make(Plain), make(Plain, views=2)

    assert scores(one).per_query["ap"].tolist() == scores(two).per_query["ap"].tolist()
    settings = RerankSettings(k1=6, k2=3)
    matrices = [make(Plain, settings).matrix(), make(Plain, settings, views=2).matrix()]
    first, second = (matrix.numpy() for matrix in matrices if matrix is not None)
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_the_matrix_is_none_for_features_and_blocks_do_not_show_in_it() -> None:
    assert make(Plain).matrix() is None
    matrix = make(Doubled).matrix()
    assert matrix is not None
    query, gallery, labels = case()
    np.testing.assert_allclose(matrix, 2 * torch.cdist(query.values, gallery.values), atol=1e-5)
    stored = make_search(labels, distances=matrix)
    assert scores(stored).per_query.equals(scores(make(Doubled)).per_query)


def test_reranking_changes_ranks() -> None:
    plain, reranked = make(Plain), make(Plain, RerankSettings(k1=6, k2=3))

    assert scores(plain).per_query["ap"].tolist() != scores(reranked).per_query["ap"].tolist()


def test_a_failing_distance_names_the_plugin() -> None:
    with pytest.raises(PluginError, match="method 'failing' failed in distance: ZeroDivisionError"):
        scores(make(Failing))


def test_a_trial_is_scored_over_all_queries_of_its_searches() -> None:
    first, second = make(Plain), make(Doubled, RerankSettings(k1=6, k2=3))
    rules = Rules(fars=(0.1,))

    both, tar = score_trial([first, second], rules)

    parts = [score_trial([part], rules) for part in (first, second)]
    assert both.queries == 2 * Q
    assert both.per_query["ap"].tolist() == [ap for part, _ in parts for ap in part.per_query["ap"]]
    assert tar == {0.1: (parts[0][1][0.1] + parts[1][1][0.1]) / 2}
