"""Pooling of frame states to one vector per video: W-6, its alternatives, and Fisher vectors (W-10)."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.nn import upcast_half
from reidbench.plugin import ConfigError, WeightsError

from .config import FisherNorm


class TemporalPooling(nn.Module):
    """Pooling of frame states over time: weighted mean (W-6) or maximum.

    The paper does not define the weights alpha. Here they are the softmax over time of u^T GAP(h_t), with u = 0
    initially, so training starts from average pooling. A bias would cancel in the softmax.

    Args:
        channels: channels of the states.
        mode: "attention" learns the weights, "avg" uses equal weights, "max" is the element-wise maximum.
    """

    def __init__(self, channels: int, mode: Literal["attention", "avg", "max"]) -> None:
        super().__init__()
        self.mode = mode
        if mode == "attention":
            self.u = nn.Parameter(torch.zeros(channels))

    def forward(self, states: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Pool frame states.

        Args:
            states: (B, T, C, h, w).
            valid: bool (B, T), at least one true entry per row; other frames are ignored.

        Returns:
            The pooled state (B, C, h, w) and the frame weights (B, T), which are equal for "max".
        """
        logits = states.mean((3, 4)) @ self.u if self.mode == "attention" else states.new_zeros(valid.shape)
        alpha = upcast_half(logits).masked_fill(~valid, -math.inf).softmax(1)
        if self.mode == "max":
            return states.masked_fill(~valid[:, :, None, None, None], -math.inf).amax(1), alpha
        return torch.einsum("bt,btchw->bchw", alpha, states), alpha


@dataclass(frozen=True, kw_only=True)
class FisherMixture:
    """A mixture of diagonal Gaussians: weights pi (K,), means mu (K, D), standard deviations sigma (K, D)."""

    pi: Tensor
    mu: Tensor
    sigma: Tensor


def fit_fisher(frames: Tensor, components: int, seed: int, *, limit: int = 20_000) -> FisherMixture:
    """Fit the Gaussian mixture of Fisher vectors to frame vectors.

    Args:
        frames: (N, D) vectors of training frames.
        components: number of Gaussians.
        seed: seed of the subsample and of k-means.
        limit: largest number of frames, drawn without replacement.

    Raises:
        ConfigError: there are fewer frames than components.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    if len(frames) < components:
        raise ConfigError(
            f"fv_components must be at most the {len(frames)} training frames, got {components}"
        )
    if len(frames) > limit:
        drawn = torch.randperm(len(frames), generator=torch.Generator().manual_seed(seed))[:limit]
        frames = frames[drawn.to(frames.device)]
    mixture = GaussianMixture(components, covariance_type="diag", random_state=seed)
    with warnings.catch_warnings():
        # A mixture that has not converged is usable.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(frames.double().cpu().numpy())
    return FisherMixture(
        pi=torch.from_numpy(mixture.weights_).float(),
        mu=torch.from_numpy(mixture.means_).float(),
        sigma=torch.from_numpy(mixture.covariances_).sqrt().float(),
    )


def fisher_vector(frames: Tensor, valid: Tensor, mixture: FisherMixture) -> Tensor:
    """Return the Fisher vectors of videos, W-10.

    Args:
        frames: (B, T, D) frame vectors.
        valid: bool (B, T), at least one true entry per row; T of the equation is their number.
        mixture: a mixture of K Gaussians.

    Returns:
        (B, 2 K D): u_1, v_1, u_2, v_2, ...
    """
    centred = (frames[:, :, None] - mixture.mu) / mixture.sigma  # (B, T, K, D)
    # Up to a constant, which the softmax cancels.
    log_density = -0.5 * centred.square().sum(3) - mixture.sigma.log().sum(1)  # (B, T, K)
    posterior = (log_density + mixture.pi.log()).softmax(2)
    mask = valid.to(frames.dtype)
    # q_kt / T
    weight = posterior * (mask / mask.sum(1, keepdim=True))[:, :, None]
    u = torch.einsum("btk,btkd->bkd", weight, centred) / mixture.pi.sqrt()[:, None]
    v = torch.einsum("btk,btkd->bkd", weight, centred.square() - 1) / (2 * mixture.pi).sqrt()[:, None]
    return torch.stack((u, v), 2).flatten(1)


class FisherPooling(nn.Module):
    """Fisher vectors whose mixture is part of the state dict.

    Args:
        components: number K of Gaussians.
        dimension: length D of the frame vectors.
        norm: "power" applies a signed square root, "l2" divides by the L2 norm, "power_l2" does both.
    """

    pi: Tensor
    mu: Tensor
    sigma: Tensor

    def __init__(self, components: int, dimension: int, norm: FisherNorm) -> None:
        super().__init__()
        self.norm = norm
        # NaN: not fitted.
        self.register_buffer("pi", torch.full((components,), math.nan))
        self.register_buffer("mu", torch.zeros(components, dimension))
        self.register_buffer("sigma", torch.ones(components, dimension))

    def set_mixture(self, mixture: FisherMixture) -> None:
        """Store a fitted mixture."""
        self.pi.copy_(mixture.pi)
        self.mu.copy_(mixture.mu)
        self.sigma.copy_(mixture.sigma)

    def forward(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Return Fisher vectors (B, 2 K D) of frame vectors (B, T, D), valid (B, T).

        Raises:
            WeightsError: the mixture is not fitted.
        """
        if self.pi.isnan().any():
            raise WeightsError(
                "cannot compute Fisher vectors: the mixture is not fitted. Train the network or restore a trained one."
            )
        vector = fisher_vector(frames, valid, FisherMixture(pi=self.pi, mu=self.mu, sigma=self.sigma))
        if self.norm in ("power", "power_l2"):
            vector = vector.sign() * vector.abs().sqrt()
        return F.normalize(vector, dim=1) if self.norm in ("l2", "power_l2") else vector
