from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from reidbench_plugins.siamese_convgru.pooling import (
    FisherMixture,
    FisherPooling,
    TemporalPooling,
    fisher_vector,
    fit_fisher,
)
from torch import Tensor

from reidbench.errors import ConfigError, WeightsError
from reidbench.nn import valid_frames

ALL = torch.ones(2, 5, dtype=torch.bool)


def random_states(frames: int = 5) -> Tensor:
    return torch.randn(2, frames, 3, 4, 2, generator=torch.Generator().manual_seed(0))


def random_mixture(components: int, dimension: int) -> FisherMixture:
    generator = torch.Generator().manual_seed(1)
    return FisherMixture(
        pi=torch.rand(components, generator=generator, dtype=torch.float64).softmax(0),
        mu=torch.randn(components, dimension, generator=generator, dtype=torch.float64),
        sigma=torch.rand(components, dimension, generator=generator, dtype=torch.float64) + 0.5,
    )


def test_valid_frames_are_the_first_frames() -> None:
    assert valid_frames(torch.tensor([1, 3]), 3).tolist() == [[True, False, False], [True, True, True]]


def test_attention_pooling_starts_as_average_pooling() -> None:
    states = random_states()
    pooled, alpha = TemporalPooling(3, "attention")(states, ALL)
    average, equal = TemporalPooling(3, "avg")(states, ALL)

    assert torch.equal(pooled, average)
    assert torch.equal(alpha, equal)
    torch.testing.assert_close(average, states.mean(1))


def test_attention_pooling_weights_are_the_softmax_of_scores() -> None:
    states, pooling = random_states(), TemporalPooling(3, "attention")
    torch.nn.init.normal_(pooling.u)

    pooled, alpha = pooling(states, ALL)

    scores = torch.stack([states[:, t].mean((2, 3)) @ pooling.u for t in range(5)], 1)
    expected = scores.exp() / scores.exp().sum(1, keepdim=True)
    torch.testing.assert_close(alpha, expected)
    torch.testing.assert_close(pooled, sum(alpha[:, t, None, None, None] * states[:, t] for t in range(5)))


def test_max_pooling_is_the_elementwise_maximum() -> None:
    # Negative, so that zero padding would change the maximum.
    states = -random_states().abs()

    pooled, alpha = TemporalPooling(3, "max")(states, ALL)

    assert torch.equal(pooled, states.amax(1))
    assert torch.equal(alpha, torch.full((2, 5), 0.2))


@pytest.mark.parametrize("mode", ["attention", "avg", "max"])
def test_padding_does_not_change_the_encoding(mode: str) -> None:
    states, pooling = -random_states().abs(), TemporalPooling(3, mode)
    if mode == "attention":
        torch.nn.init.normal_(pooling.u)
    padded = torch.cat((states, torch.full_like(states, 100.0)), 1)

    pooled, alpha = pooling(padded, valid_frames(torch.tensor([5, 5]), 10))

    expected, weights = pooling(states, ALL)
    torch.testing.assert_close(pooled, expected)
    torch.testing.assert_close(alpha[:, :5], weights)
    assert not alpha[:, 5:].any()


def test_fisher_vectors_equal_the_printed_sums() -> None:
    mixture, (B, T, D, K) = random_mixture(3, 4), (2, 6, 4, 3)
    frames = torch.randn(B, T, D, generator=torch.Generator().manual_seed(2)).double()

    vectors = fisher_vector(frames, torch.ones(B, T, dtype=torch.bool), mixture)

    pi, mu, sigma = mixture.pi.numpy(), mixture.mu.numpy(), mixture.sigma.numpy()
    for b, video in enumerate(frames.numpy()):
        u, v = np.zeros((K, D)), np.zeros((K, D))
        for h in video:
            density = np.array(
                [
                    pi[k] * np.exp(-0.5 * (((h - mu[k]) / sigma[k]) ** 2).sum()) / sigma[k].prod()
                    for k in range(K)
                ]
            )
            q = density / density.sum()
            for k in range(K):
                u[k] += q[k] * (h - mu[k]) / sigma[k] / (T * math.sqrt(pi[k]))
                v[k] += q[k] * (((h - mu[k]) / sigma[k]) ** 2 - 1) / (T * math.sqrt(2 * pi[k]))
        expected = np.concatenate([part for k in range(K) for part in (u[k], v[k])])
        np.testing.assert_allclose(vectors[b].numpy(), expected, rtol=0, atol=1e-12)


def test_one_standard_gaussian_gives_the_first_two_moments() -> None:
    frames = torch.randn(1, 7, 3)
    standard = FisherMixture(pi=torch.ones(1), mu=torch.zeros(1, 3), sigma=torch.ones(1, 3))

    vector = fisher_vector(frames, torch.ones(1, 7, dtype=torch.bool), standard)

    expected = torch.cat((frames.mean(1), (frames.square() - 1).mean(1) / math.sqrt(2)), 1)
    torch.testing.assert_close(vector, expected)


def test_padding_does_not_change_fisher_vectors() -> None:
    mixture, frames = random_mixture(2, 3), torch.randn(1, 4, 3).double()
    padded = torch.cat((frames, torch.full((1, 2, 3), 9.0).double()), 1)

    expected = fisher_vector(frames, torch.ones(1, 4, dtype=torch.bool), mixture)
    torch.testing.assert_close(fisher_vector(padded, valid_frames(torch.tensor([4]), 6), mixture), expected)


def test_mixture_finds_two_clusters() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[5.0, 0.0], [-5.0, 1.0]])
    frames = centres.repeat_interleave(torch.tensor([300, 100]), 0) + 0.5 * torch.randn(
        400, 2, generator=generator
    )

    mixture = fit_fisher(frames, 2, seed=0)

    order = mixture.mu[:, 0].argsort(descending=True)
    torch.testing.assert_close(mixture.mu[order], centres, rtol=0, atol=0.15)
    torch.testing.assert_close(mixture.pi[order], torch.tensor([0.75, 0.25]), rtol=0, atol=0.01)
    torch.testing.assert_close(mixture.sigma, torch.full((2, 2), 0.5), rtol=0, atol=0.1)


def test_equal_seeds_fit_equal_mixtures_to_a_subsample() -> None:
    frames = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))

    first, second = (fit_fisher(frames, 2, seed=4, limit=50) for _ in range(2))

    assert torch.equal(first.mu, second.mu)
    assert not torch.equal(first.mu, fit_fisher(frames, 2, seed=5, limit=50).mu)


def test_more_gaussians_than_frames_raise_config_error() -> None:
    with pytest.raises(ConfigError, match="fv_components must be at most the 3 training frames, got 4"):
        fit_fisher(torch.randn(3, 2), 4, seed=0)


def test_fitted_mixture_is_part_of_the_state_dict() -> None:
    fitted, restored = FisherPooling(2, 3, "none"), FisherPooling(2, 3, "none")
    fitted.set_mixture(fit_fisher(torch.randn(50, 3), 2, seed=0))
    restored.load_state_dict(fitted.state_dict())
    frames, valid = torch.randn(2, 4, 3), torch.ones(2, 4, dtype=torch.bool)

    assert torch.equal(restored(frames, valid), fitted(frames, valid))
    assert fitted(frames, valid).shape == (2, 2 * 2 * 3)


def test_unfitted_mixture_raises_weights_error() -> None:
    with pytest.raises(WeightsError, match="cannot compute Fisher vectors: the mixture is not fitted"):
        FisherPooling(2, 3, "none")(torch.randn(1, 4, 3), torch.ones(1, 4, dtype=torch.bool))


@pytest.mark.parametrize("norm", ["none", "power", "l2", "power_l2"])
def test_fisher_norms_equal_their_definitions(norm: str) -> None:
    mixture = fit_fisher(torch.randn(50, 3), 2, seed=0)
    frames, valid = torch.randn(2, 4, 3), torch.ones(2, 4, dtype=torch.bool)
    pooling = FisherPooling(2, 3, norm)
    pooling.set_mixture(mixture)

    expected = fisher_vector(frames, valid, mixture)
    if norm.startswith("power"):
        expected = expected.sign() * expected.abs() ** 0.5
    if norm.endswith("l2"):
        expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(pooling(frames, valid), expected)
