"""The network: K spatial attentions, one vector per region, temporal attention, one descriptor; DA-1 to DA-7."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.nn import Backbone, map_side, resnet50_body, small_body, upcast_half

from .config import DiversityConfig, SpatialPool, TemporalPool

# Length of the descriptor with final=fc128.
FINAL = 128


@dataclass(frozen=True, kw_only=True)
class ClipEncoding:
    """The network's outputs for B clips of N frames.

    Attributes:
        descriptor: v of DA-7, (B, D), unit length.
        spatial: s of DA-1, (B, N, K, h, w), each map sums to 1; None for equal weights.
        temporal: t of DA-6, (B, N, K), sums to 1 over frames; None for the mean and the maximum.
    """

    descriptor: Tensor
    spatial: Tensor | None
    temporal: Tensor | None


class SpatialAttention(nn.Module):
    """K maps of weights over the cells of a frame, DA-1.

    Without batch normalisation, the hidden layer has the biases b_k. c_k is left out, because the softmax cancels it.

    Args:
        channels: channels C of the input maps.
        models: K.
        hidden: hidden units.
        shared: whether all maps share one hidden layer.
        batch_norm: whether both layers have batch normalisation instead of biases, as in the authors' code.
    """

    def __init__(self, channels: int, models: int, hidden: int, *, shared: bool, batch_norm: bool) -> None:
        super().__init__()
        width = hidden if shared else hidden * models
        self.hidden = nn.Conv2d(channels, width, 1, bias=not batch_norm)
        self.hidden_norm = nn.BatchNorm2d(width) if batch_norm else nn.Identity()
        self.scores = nn.Conv2d(width, models, 1, groups=1 if shared else models, bias=False)
        self.score_norm = nn.BatchNorm2d(models) if batch_norm else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """Return weights (F, K, h, w), which sum to 1 over the cells, for maps (F, C, h, w) of frames."""
        scores = self.score_norm(self.scores(self.hidden_norm(self.hidden(maps)).relu()))
        return upcast_half(scores).flatten(2).softmax(2).view(scores.shape)


class RegionLinear(nn.Module):
    """A linear layer on vectors of K regions, shared or separate per region.

    Args:
        regions: K.
        inputs: length of the input vectors.
        outputs: length of the output vectors.
        shared: whether all regions share one layer.
        bias: whether to add biases.
    """

    def __init__(self, regions: int, inputs: int, outputs: int, *, shared: bool, bias: bool = True) -> None:
        super().__init__()
        layers = 1 if shared else regions
        # The initialisation of PyTorch's linear layers.
        bound = inputs**-0.5
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
    """The complete network.

    Args:
        config: settings.
        load_weights: whether to read pretrained weights; false if a state dict will be restored.

    Raises:
        WeightsError: the weights cannot be fetched or read, or do not fit.
    """

    def __init__(self, config: DiversityConfig, *, load_weights: bool = True) -> None:
        super().__init__()
        self.config = config
        regions = config.spatial_models
        self.backbone = _build_backbone(config, load_weights)
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
        # d_k of DA-6 is left out, because the softmax cancels it.
        if config.temporal == "attention":
            self.frame_scores = RegionLinear(regions, length, 1, shared=config.temporal_shared, bias=False)
        self.final = nn.Linear(regions * length, FINAL) if config.final == "fc128" else None
        self.dimension = regions * length if self.final is None else FINAL
        if config.head_init == "he":
            self._init_he()

    def forward(
        self, clips: Tensor, *, spatial: SpatialPool | None = None, temporal: TemporalPool | None = None
    ) -> ClipEncoding:
        """Encode clips.

        Args:
            clips: (B, N, 3, H, W), normalised.
            spatial: pooling of cells, for training steps without spatial attention; None uses the setting.
            temporal: pooling of frames, likewise.
        """
        batch, frames = clips.shape[:2]
        maps = self.backbone(clips.flatten(0, 1))  # (BN, C, h, w)
        regions, weights = self._pool_cells(maps, spatial or self.config.spatial)
        enhanced = regions if self.enhance is None else self.enhance(regions)
        vectors = F.normalize(upcast_half(enhanced), dim=-1)  # DA-3
        videos, frame_weights = self._pool_frames(
            vectors.view(batch, frames, *vectors.shape[1:]), temporal or self.config.temporal
        )
        descriptor = videos.flatten(1)
        if self.final is not None:
            descriptor = upcast_half(self.final(descriptor))
        return ClipEncoding(
            descriptor=F.normalize(descriptor, dim=1),  # DA-7
            spatial=None if weights is None else weights.view(batch, frames, *weights.shape[1:]),
            temporal=frame_weights,
        )

    def new_parameters(self) -> list[nn.Parameter]:
        """Return all parameters outside the backbone."""
        backbone = {id(parameter) for parameter in self.backbone.parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in backbone]

    def _pool_cells(self, maps: Tensor, pool: SpatialPool) -> tuple[Tensor, Tensor | None]:
        """Return the region vectors of each frame (BN, K, C), DA-2, and the weights (BN, K, h, w)."""
        if pool == "avg" or self.attention is None:
            mean = upcast_half(maps).mean((2, 3))
            return mean[:, None].expand(-1, self.config.spatial_models, -1), None
        weights = self.attention(maps)
        return torch.einsum("fkl,fcl->fkc", weights.flatten(2), upcast_half(maps).flatten(2)), weights

    def _pool_frames(self, vectors: Tensor, pool: TemporalPool) -> tuple[Tensor, Tensor | None]:
        """Pool region vectors (B, N, K, E) over frames: (B, K, E) and the weights of DA-6."""
        if pool == "max":
            return vectors.amax(1), None
        if pool == "avg" or self.frame_scores is None:
            return vectors.mean(1), None
        weights = upcast_half(self.frame_scores(vectors)).softmax(1)  # (B, N, K, 1)
        return (weights * vectors).sum(1), weights[..., 0]

    def _init_he(self) -> None:
        """Initialise new layers with the optional scheme of the authors' code: He-normal and small linear layers."""
        for name, module in self.named_modules():
            if name.startswith("backbone.") or not isinstance(module, nn.Conv2d | nn.Linear | RegionLinear):
                continue
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            else:
                nn.init.normal_(module.weight, std=0.001)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _build_backbone(config: DiversityConfig, load_weights: bool) -> Backbone:
    if config.backbone == "small":
        (body, channels), strides = small_body(), 3
    else:
        body, channels = resnet50_body(
            config.weights, last_stride=config.last_stride, load_weights=load_weights
        )
        strides = 5 if config.last_stride == 2 else 4
    grid = map_side(config.input_height, strides), map_side(config.input_width, strides)
    return Backbone(body, channels, grid, trainable=True)
