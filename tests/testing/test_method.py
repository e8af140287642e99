"""`check_method`: valid methods pass, and each broken one fails the check of its fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from reidbench.plugin import Embeddings, FixedMethod, Method, setting
from reidbench.testing import METHOD_CHECKS, check_method


@dataclass(frozen=True, kw_only=True)
class Config:
    scale: float = setting(1.0, "factor", stage="embed")


class MeanColor(FixedMethod[Config]):
    name, version, Config, presets = "mean", "1", Config, {"paper": Config()}
    modality = "video"

    def embed(self, tracklets: Any) -> Embeddings:
        rows = [torch.from_numpy(view.frames((8, 4)).mean((0, 2)).ravel()) for view in tracklets]
        return Embeddings(values=torch.stack(rows).float())


class Learned(MeanColor):
    """Adds an offset that the seed determines."""

    learns = True
    offset = torch.zeros(1)

    def fit(self, train: Any, job: Any) -> None:
        self.offset = torch.rand(1, generator=torch.Generator().manual_seed(job.seed)) * 100

    def state(self) -> Any:
        return {"offset": self.offset}

    def restore(self, state: Any) -> None:
        self.offset = state["offset"]

    def embed(self, tracklets: Any) -> Embeddings:
        return Embeddings(values=super().embed(tracklets).values + self.offset)


class Normalised(MeanColor):
    def embed(self, tracklets: Any) -> Embeddings:
        values = super().embed(tracklets).values
        return Embeddings(values=values - values.mean(0))


class FirstIsDifferent(MeanColor):
    def embed(self, tracklets: Any) -> Embeddings:
        values = super().embed(tracklets).values.clone()
        values[0] = values[0] * 2
        return Embeddings(values=values)


class ReadsIds(MeanColor):
    def embed(self, tracklets: Any) -> Embeddings:
        values = super().embed(tracklets).values
        return Embeddings(values=values + torch.tensor([[int(view.id[:2], 16)] for view in tracklets]))


class Scalars(MeanColor):
    def embed(self, tracklets: Any) -> Embeddings:
        return Embeddings(values=super().embed(tracklets).values[:, 0])


class BadDistance(MeanColor):
    def distance(self, query: Any, gallery: Any) -> Any:
        return torch.cdist(query.values, gallery.values)[:, :1]


class BlockDistance(MeanColor):
    def distance(self, query: Any, gallery: Any) -> Any:
        distances = torch.cdist(query.values, gallery.values)
        return distances / distances.max()


class ConstantEmbedding(MeanColor):
    def embed(self, tracklets: Any) -> Embeddings:
        return Embeddings(values=torch.ones(len(tracklets), 3))


class FailingFit(Learned):
    def fit(self, train: Any, job: Any) -> None:
        raise ValueError("no")


class RandomFit(Learned):
    def fit(self, train: Any, job: Any) -> None:
        self.offset = torch.rand(1) * 100


class ForgetfulState(Learned):
    def restore(self, state: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)


def run_checks(method_class: type[Method]) -> dict[str, str]:
    return {result.check: result.result for result in check_method(method_class)}


@pytest.mark.parametrize("method_class", [MeanColor, Learned])
def test_valid_method_passes_all_checks_that_apply(method_class: type[Method]) -> None:
    results = check_method(method_class)

    assert [result.check for result in results] == list(METHOD_CHECKS)
    assert {result.result for result in results} <= {"passed", "not run"}
    assert ("not run" in {result.result for result in results}) == (not method_class.learns)


@pytest.mark.parametrize(
    ("method_class", "failed"),
    [
        (Normalised, "embed does not depend on the group"),
        (FirstIsDifferent, "embed does not depend on the order"),
        (ReadsIds, "embed does not depend on the id"),
        (Scalars, "embed returns valid values"),
        (BadDistance, "distance returns valid values"),
        (ConstantEmbedding, "distance returns valid values"),
        (BlockDistance, "distance does not depend on the block"),
        (FailingFit, "fit"),
        (RandomFit, "fit depends on the seed only"),
        (ForgetfulState, "state can be saved and restored"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_broken_method_fails_the_check_of_its_fault(method_class: type[Method], failed: str) -> None:
    results = run_checks(method_class)

    assert results[failed] == "failed"


def test_checks_after_a_failed_fit_are_not_run() -> None:
    results = run_checks(FailingFit)

    assert list(results.values()) == ["failed"] + ["not run"] * (len(METHOD_CHECKS) - 1)
