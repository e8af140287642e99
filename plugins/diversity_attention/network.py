"""From frames to one descriptor: K spatial attentions, one vector for each region, temporal attention, DA-1 to DA-7."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.nn import Backbone, map_side, resnet50_body, small_body, upcast_half

from .config import DiversityConfig, SpatialPool, TemporalPool

FINAL = 128  # length of the descriptor with final=fc128


@dataclass(frozen=True, kw_only=True)
class ClipEncoding:
    """What the network makes of B clips of N frames.

    Attributes:
        descriptor: v of DA-7, (B, D), of unit length.
        spatial: s of DA-1, (B, N, K, h, w), each map sums to 1; None for equal weights.
        temporal: t of DA-6, (B, N, K), the weights of the frames sum to 1; None for the mean or the maximum.
    """

    descriptor: Tensor
    spatial: Tensor | None
    temporal: Tensor | None


class SpatialAttention(nn.Module):
    """K maps of weights over the cells of a frame, DA-1.

    Without batch norm the hidden layer has the biases b_k. c_k is left out: it raises all scores of a map alike,
    which the softmax cancels.

    Args:
        channels: of the maps that are read.
        models: K.
        hidden: units of the hidden layer.
        shared: whether all maps read one hidden layer; otherwise each has its own.
        batch_norm: whether both layers have batch norm and no biases, as in the authors' code.
    """

    def __init__(self, channels: int, models: int, hidden: int, *, shared: bool, batch_norm: bool) -> None:
        super().__init__()
        width = hidden if shared else hidden * models
        self.hidden = nn.Conv2d(channels, width, 1, bias=not batch_norm)
        self.hidden_norm = nn.BatchNorm2d(width) if batch_norm else nn.Identity()
        self.scores = nn.Conv2d(width, models, 1, groups=1 if shared else models, bias=False)
        self.score_norm = nn.BatchNorm2d(models) if batch_norm else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """Return weights (F, K, h, w) that sum to 1 over the cells for maps (F, C, h, w) of frames."""
        scores = self.score_norm(self.scores(self.hidden_norm(self.hidden(maps)).relu()))
        return upcast_half(scores).flatten(2).softmax(2).view(scores.shape)


class RegionLinear(nn.Module):
    """A linear layer for vectors of K regions, one for all or one for each.

    Args:
        regions: K.
        inputs: length of the vectors.
        outputs: length of the results.
        shared: whether one layer serves all regions.
        bias: whether it has biases.
    """

    def __init__(self, regions: int, inputs: int, outputs: int, *, shared: bool, bias: bool = True) -> None:
        super().__init__()
        layers = 1 if shared else regions
        bound = inputs**-0.5  # as PyTorch draws its linear layers
        self.weight = nn.Parameter(torch.empty(layers, outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(layers, outputs).uniform_(-bound, bound)) if bias else None

    def forward(self, vectors: Tensor) -> Tensor:
        """Return (..., K, outputs) for (..., K, inputs)."""
        if len(self.weight) == 1:
            results = F.linear(vectors, self.weight[0])
        else:
            results = torch.einsum("...ki,koi->...ko", vectors, self.weight)
        return results if self.bias is None else results + self.bias


class DiversityNetwork(nn.Module):
    """The whole network.

    Args:
        config: settings.
        load_weights: whether pretrained weights are read; not needed when a checkpoint will overwrite them.

    Raises:
        WeightsError: the weights cannot be had or do not fit.
    """

    def __init__(self, config: DiversityConfig, *, load_weights: bool = True) -> None:
        super().__init__()
        self.config = config
        regions = config.spatial_models
        self.backbone = _backbone(config, load_weights)
        channels = self.backbone.channels
        self.attention: SpatialAttention | None = None
        if config.spatial == "attention":
            self.attention = SpatialAttention(
                channels, regions, config.attn_hidden, shared=config.attn_shared, batch_norm=config.attn_bn
            )
        self.enhance: RegionLinear | None = None
        if config.enhance == "linear":
            self.enhance = RegionLinear(regions, channels, config.embedding, shared=config.enhance_shared)
        length = channels if self.enhance is None else config.embedding
        self.frame_scores: RegionLinear | None = None
        if config.temporal == "attention":  # d_k of DA-6 is left out, as the softmax cancels it
            self.frame_scores = RegionLinear(regions, length, 1, shared=config.temporal_shared, bias=False)
        self.final = nn.Linear(regions * length, FINAL) if config.final == "fc128" else None
        self.dimension = regions * length if self.final is None else FINAL
        if config.head_init == "he":
            self._start_small()

    def forward(
        self, clips: Tensor, *, spatial: SpatialPool | None = None, temporal: TemporalPool | None = None
    ) -> ClipEncoding:
        """Return the encoding of clips.

        Args:
            clips: (B, N, 3, H, W), normalised.
            spatial: weights of the cells, for a step of the training that knows no others; None for the setting's.
            temporal: pooling of the frames, likewise.
        """
        batch, frames = clips.shape[:2]
        maps = self.backbone(clips.flatten(0, 1))  # (BN, C, h, w)
        regions, weights = self._regions(maps, spatial or self.config.spatial)
        enhanced = regions if self.enhance is None else self.enhance(regions)
        vectors = F.normalize(upcast_half(enhanced), dim=-1)  # DA-3
        videos, times = self._videos(
            vectors.view(batch, frames, *vectors.shape[1:]), temporal or self.config.temporal
        )
        descriptor = videos.flatten(1)
        if self.final is not None:
            descriptor = upcast_half(self.final(descriptor))
        return ClipEncoding(
            descriptor=F.normalize(descriptor, dim=1),  # DA-7
            spatial=None if weights is None else weights.view(batch, frames, *weights.shape[1:]),
            temporal=times,
        )

    def new_parameters(self) -> list[nn.Parameter]:
        """Return all parameters that are not the backbone's."""
        old = {id(parameter) for parameter in self.backbone.parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in old]

    def _regions(self, maps: Tensor, pool: SpatialPool) -> tuple[Tensor, Tensor | None]:
        """Return the vectors of the regions of each frame, DA-2, (BN, K, C), and the weights (BN, K, h, w)."""
        if pool == "avg" or self.attention is None:
            mean = upcast_half(maps).mean((2, 3))
            return mean[:, None].expand(-1, self.config.spatial_models, -1), None
        weights = self.attention(maps)
        return torch.einsum("fkl,fcl->fkc", weights.flatten(2), upcast_half(maps).flatten(2)), weights

    def _videos(self, vectors: Tensor, pool: TemporalPool) -> tuple[Tensor, Tensor | None]:
        """Return one vector for each region, (B, K, E), of those of N frames, (B, N, K, E), and the weights of DA-6."""
        if pool == "max":
            return vectors.amax(1), None
        if pool == "avg" or self.frame_scores is None:
            return vectors.mean(1), None
        weights = upcast_half(self.frame_scores(vectors)).softmax(1)  # (B, N, K, 1)
        return (weights * vectors).sum(1), weights[..., 0]

    def _start_small(self) -> None:
        """Draw the new layers as the authors' code does on request: He-normal attentions, small linear layers."""
        for name, module in self.named_modules():
            if name.startswith("backbone.") or not isinstance(module, nn.Conv2d | nn.Linear | RegionLinear):
                continue
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            else:
                nn.init.normal_(module.weight, std=0.001)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _backbone(config: DiversityConfig, load_weights: bool) -> Backbone:
    if config.backbone == "small":
        (body, channels), halvings = small_body(), 3
    else:
        body, channels = resnet50_body(
            config.weights, last_stride=config.last_stride, load_weights=load_weights
        )
        halvings = 5 if config.last_stride == 2 else 4
    grid = map_side(config.input_height, halvings), map_side(config.input_width, halvings)
    return Backbone(body, channels, grid, trainable=True)
