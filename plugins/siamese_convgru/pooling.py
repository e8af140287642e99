"""From the states of all frames to one vector per video: W-6 and its alternatives, Fisher vectors (W-10) too."""

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
    """Pool frame states over time: weighted (W-6) or their maximum.

    The paper does not say how the weights alpha come about. Here they are the softmax over time of u^T GAP(h_t);
    u starts at 0, so training starts from exact average pooling. (A bias would cancel in the softmax.)

    Args:
        channels: channels of the states.
        mode: "attention" learns the weights, "avg" has equal ones, "max" takes the maximum of each entry.
    """

    def __init__(self, channels: int, mode: Literal["attention", "avg", "max"]) -> None:
        super().__init__()
        self.mode = mode
        if mode == "attention":
            self.u = nn.Parameter(torch.zeros(channels))

    def forward(self, states: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Pool.

        Args:
            states: (B, T, C, h, w).
            valid: bool (B, T), at least one true frame a row; the others count for nothing.

        Returns:
            The pooled state (B, C, h, w) and the weights of the frames (B, T), equal ones for "max".
        """
        logits = states.mean((3, 4)) @ self.u if self.mode == "attention" else states.new_zeros(valid.shape)
        alpha = upcast_half(logits).masked_fill(~valid, -math.inf).softmax(1)
        if self.mode == "max":
            return states.masked_fill(~valid[:, :, None, None, None], -math.inf).amax(1), alpha
        return torch.einsum("bt,btchw->bchw", alpha, states), alpha


@dataclass(frozen=True, kw_only=True)
class FisherMixture:
    """A mixture of diagonal Gaussians: pi (K,), mu (K, D) and sigma (K, D), sigma a standard deviation."""

    pi: Tensor
    mu: Tensor
    sigma: Tensor


def fit_fisher(frames: Tensor, components: int, seed: int, *, limit: int = 20_000) -> FisherMixture:
    """Fit the mixture behind Fisher vectors to frame vectors.

    Args:
        frames: (N, D) vectors of training frames.
        components: number of Gaussians.
        seed: of the sub-sample and of the k-means start.
        limit: frames used at most, drawn without replacement.

    Raises:
        ConfigError: fewer frames than components.
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
        warnings.simplefilter("ignore", ConvergenceWarning)  # a mixture that still improves is a mixture
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
        valid: bool (B, T); T of the equation is the number of true frames, at least one a row.
        mixture: K Gaussians.

    Returns:
        (B, 2 K D): u_1, v_1, u_2, v_2, ...
    """
    centred = (frames[:, :, None] - mixture.mu) / mixture.sigma  # (B, T, K, D)
    log_density = -0.5 * centred.square().sum(3) - mixture.sigma.log().sum(1)  # (B, T, K), but for a constant
    posterior = (log_density + mixture.pi.log()).softmax(2)
    counted = valid.to(frames.dtype)
    share = posterior * (counted / counted.sum(1, keepdim=True))[:, :, None]  # q_kt / T
    u = torch.einsum("btk,btkd->bkd", share, centred) / mixture.pi.sqrt()[:, None]
    v = torch.einsum("btk,btkd->bkd", share, centred.square() - 1) / (2 * mixture.pi).sqrt()[:, None]
    return torch.stack((u, v), 2).flatten(1)


class FisherPooling(nn.Module):
    """Fisher vectors whose mixture lives in the state dict.

    Args:
        components: Gaussians.
        dimension: length of the frame vectors.
        norm: "power" takes signed square roots, "l2" divides by the length, "power_l2" does both.
    """

    pi: Tensor
    mu: Tensor
    sigma: Tensor

    def __init__(self, components: int, dimension: int, norm: FisherNorm) -> None:
        super().__init__()
        self.norm = norm
        self.register_buffer("pi", torch.full((components,), math.nan))  # NaN: not fitted yet
        self.register_buffer("mu", torch.zeros(components, dimension))
        self.register_buffer("sigma", torch.ones(components, dimension))

    def take(self, mixture: FisherMixture) -> None:
        """Use a fitted mixture from now on."""
        self.pi.copy_(mixture.pi)
        self.mu.copy_(mixture.mu)
        self.sigma.copy_(mixture.sigma)

    def forward(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Return Fisher vectors (B, 2 K D) of frame vectors (B, T, D), valid (B, T).

        Raises:
            WeightsError: no mixture was fitted.
        """
        if self.pi.isnan().any():
            raise WeightsError(
                "the mixture of the Fisher vectors was not fitted: train, or restore a trained network"
            )
        vector = fisher_vector(frames, valid, FisherMixture(pi=self.pi, mu=self.mu, sigma=self.sigma))
        if self.norm in ("power", "power_l2"):
            vector = vector.sign() * vector.abs().sqrt()
        return F.normalize(vector, dim=1) if self.norm in ("l2", "power_l2") else vector
