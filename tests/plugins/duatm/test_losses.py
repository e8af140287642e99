from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reidbench_plugins.duatm.losses import decorrelation, pooling_weights


def test_decorrelation_is_0_if_orthonormal_and_maximal_if_equal() -> None:
    orthonormal = torch.eye(8)[None, :5]
    equal = torch.nn.functional.normalize(torch.ones(1, 5, 8), dim=2)

    loss = decorrelation(torch.cat([orthonormal, equal]))

    torch.testing.assert_close(loss, torch.tensor([0, 4 / 5]))


def test_decorrelation_is_the_mean_squared_cosine() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(2, 6, 4), dim=2)

    for sequence, loss in zip(vectors, decorrelation(vectors), strict=True):
        cosines = [
            float(a @ b) ** 2 for i, a in enumerate(sequence) for j, b in enumerate(sequence) if i != j
        ]
        assert float(loss) == pytest.approx(sum(cosines) / 36, abs=1e-5)


@given(st.floats(0, 1), st.integers(1, 40), st.integers(0, 10_000))
@settings(deadline=None)
def test_pooling_weights_are_convex_for_every_p(drop: float, length: int, seed: int) -> None:
    torch.manual_seed(seed)
    weights = pooling_weights(7, length, drop=drop, random=True)

    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(7))


def test_p_is_the_fraction_of_dropped_vectors() -> None:
    torch.manual_seed(0)
    weights = pooling_weights(2000, 32, drop=0.4, random=True)

    assert float((weights == 0).float().mean()) == pytest.approx(0.4, abs=0.01)
    assert weights.std() > 0
    assert torch.equal(pooling_weights(2, 4, drop=1.0, random=True), torch.full((2, 4), 0.25))
    assert torch.equal(pooling_weights(2, 4, drop=0.4, random=False), torch.full((2, 4), 0.25))
